"""A completion becomes a value: scalars, a choice, code, JSON, a schema."""
