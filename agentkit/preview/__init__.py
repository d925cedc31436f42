"""The messages of a node without asking, from a first observation or a recorded step."""
