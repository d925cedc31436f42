"""Large JSON values, cut so that what is wrong with them is found without a look at each part."""

from typing import Any, Final

from agentkit.outputs.shape import ListShape, NullableShape, RecordShape, Shape

_LARGE: Final = 2_000
"""The parts of a value from which on it is large."""
FIRST_ITEMS: Final = 100
"""Of each list, so many items are looked at first."""
_FIRST_OTHERS: Final = 20
"""Fields that a schema does not have: so many of them are enough to be told."""


def is_large(value: Any) -> bool:
    """Whether a JSON value has many parts; only as many are counted."""
    level, count = [value], 0
    while level and count <= _LARGE:
        part = level.pop()
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        count += len(inner)
        level.extend(inner if count <= _LARGE else ())
    return count > _LARGE


def first_items(value: Any) -> Any:
    """A value with the first items of each list in it."""
    if isinstance(value, list):
        return [first_items(item) for item in value[:FIRST_ITEMS]]
    if isinstance(value, dict):
        return {key: first_items(item) for key, item in value.items()}
    return value


def without_most_others(value: Any, shape: Shape) -> Any:
    """A value with few of the fields that its schema does not have; all others stay."""
    if isinstance(shape, NullableShape):
        return without_most_others(value, shape.inner)
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [without_most_others(item, shape.item) for item in value]
    if not isinstance(shape, RecordShape) or not isinstance(value, dict):
        return value
    known = dict(shape.fields)
    others = [key for key in value if key not in known][:_FIRST_OTHERS]
    kept = {key: without_most_others(value[key], known[key]) for key in known if key in value}
    return kept | {key: None for key in others}
