"""The Python program around AgentKit: its arguments, objects, errors and blocking functions."""
