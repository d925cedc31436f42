"""What an episode asks for, and how well a purchase fulfils it."""
