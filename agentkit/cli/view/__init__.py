"""What a run looks like in a terminal: live, as plain lines, and at its end."""
