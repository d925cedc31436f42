"""JSON values: copied, and refused when they are something else."""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any


def json_copy(value: Any, where: str = "value") -> Any:
    """A deep copy of a JSON value; tuples become lists.

    Raises:
        TypeError: Something in it is not a JSON value. The message says where.
    """
    kind = type(value)
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, float):
        if not isfinite(value):
            raise TypeError(f"{where} is {value}, which JSON cannot say")
        return float(value)
    if isinstance(value, (list, tuple)):
        return [json_copy(item, f"{where}[{i}]") for i, item in enumerate(value)]
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                raise TypeError(f"{where} has the key {key!r}; keys are texts")
        return {str(key): json_copy(item, f"{where}.{key}") for key, item in value.items()}
    if isinstance(value, (str, int)):
        return str(value) if isinstance(value, str) else int(value)
    hint = "; add '| list'" if hasattr(value, "__next__") else ""
    raise TypeError(f"{where} is a {kind.__name__}, not a JSON value{hint}")


def json_text(value: Any) -> str:
    """A value as a model would have written it: texts as they are, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
