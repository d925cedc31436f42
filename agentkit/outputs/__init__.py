"""A completion becomes a value: scalars, a choice, a score, an action, code, JSON, a schema."""
