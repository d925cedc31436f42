"""How a JSON schema is asked for: servers want an object at its root, OpenAI more than that."""

from collections.abc import Collection, Mapping
from typing import Any, Final

import orjson

from agentkit.values import JsonSchema, json_text

_WRAP: Final = "value"
_NOT_TAKEN: Final = frozenset(
    {
        "allOf",
        "contains",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "maxProperties",
        "minProperties",
        "not",
        "oneOf",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "then",
        "unevaluatedProperties",
        "uniqueItems",
    }
)
"""Keywords that OpenAI's strict mode does not take."""
_NOT_SAID: Final = frozenset({"default", "examples"})
"""Keywords that it does not take and that can be left out."""
_SAYS_A_TYPE: Final = frozenset({"type", "enum", "const", "anyOf", "$ref"})


BOUNDS: Final = frozenset(
    {"exclusiveMaximum", "exclusiveMinimum", "maxItems", "maxLength", "maxProperties", "maximum",
     "minItems", "minLength", "minProperties", "minimum", "multipleOf"}
)  # fmt: skip
"""Keywords that a server may refuse and that can be left out: answers are held to them here."""
_OF_NAMES: Final = frozenset({"$defs", "definitions", "patternProperties", "properties"})
"""Keywords whose values have names of their own for keys."""
_ARE_VALUES: Final = frozenset({"const", "default", "enum", "examples"})


def is_wrapped(schema: JsonSchema) -> bool:
    """Whether a schema needs an object around it."""
    return schema.get("type") != "object" or "anyOf" in schema


def in_object(schema: JsonSchema) -> JsonSchema:
    """The schema, or an object with it as the only field."""
    if not is_wrapped(schema):
        return schema
    inner = {key: part for key, part in schema.items() if key != "$defs"}
    shared = {"$defs": schema["$defs"]} if "$defs" in schema else {}
    return {
        "type": "object",
        "properties": {_WRAP: inner},
        "required": [_WRAP],
        "additionalProperties": False,
        **shared,
    }


def unwrapped(text: str) -> str:
    """The answer inside the object that was put around it; any other text as it is."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(value, dict) or value.keys() != {_WRAP}:
        return text
    inner = value[_WRAP]
    return inner if isinstance(inner, str) else json_text(inner)


def without_bounds(schema: Any, names: Collection[str]) -> Any:
    """The schema without some of its bounds."""
    if isinstance(schema, (list, tuple)):
        return [without_bounds(part, names) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: {name: without_bounds(inner, names) for name, inner in part.items()}
        if key in _OF_NAMES and isinstance(part, Mapping)
        else part
        if key in _ARE_VALUES
        else without_bounds(part, names)
        for key, part in schema.items()
        if key not in names
    }


def bounds_in(schema: Any) -> set[str]:
    """The bounds that a schema has anywhere."""
    return {name for name in BOUNDS if without_bounds(schema, (name,)) != schema}


def strict(schema: JsonSchema) -> JsonSchema | None:
    """The schema in OpenAI's strict form, where every field is required; None: it has none."""
    try:
        return _strict(schema)
    except _NotStrict:
        return None


class _NotStrict(Exception):
    """A part of a schema has no strict form."""


def _strict(schema: JsonSchema) -> JsonSchema:
    parts = {key: part for key, part in schema.items() if key not in _NOT_SAID}
    if "$ref" in parts:
        parts = {key: part for key, part in parts.items() if key in ("$ref", "$defs")}
    if parts.keys() & _NOT_TAKEN or not parts.keys() & _SAYS_A_TYPE:
        raise _NotStrict
    if parts.get("type") == "object":
        if parts.get("additionalProperties") is not False or "properties" not in parts:
            raise _NotStrict
        parts["required"] = list(parts["properties"])
    for key in parts.keys() & {"properties", "$defs"}:
        parts[key] = {name: _strict(part) for name, part in parts[key].items()}
    if "items" in parts:
        parts["items"] = _strict(parts["items"])
    if "anyOf" in parts:
        parts["anyOf"] = [_strict(part) for part in parts["anyOf"]]
    return parts
