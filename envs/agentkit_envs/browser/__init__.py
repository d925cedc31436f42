"""A real browser as an environment of texts."""
