"""Bounds for a JSON schema under which the longest answer fits the tokens that it may have.

A model that is held to a schema can write a text or a list without an end. These bounds keep it
from that; they are hints for the server, and what a longer answer says is read all the same.
"""

import json
from collections.abc import Mapping
from math import sqrt
from typing import Any, Final, NamedTuple

from agentkit.values import JsonSchema

_CHARACTERS_A_TOKEN: Final = 3
"""English has four or five; JSON, names and other languages have fewer."""
_AROUND: Final = 20
"""Characters for the object that is put around a value that is none."""
_FIELD: Final = 10
"""Characters of a field beside its name and value: quotes, colon, comma, line and indentation."""
_ITEM: Final = 4
"""Characters of an item of a list beside its value."""
_LEAST_TEXT: Final = 16
"""Characters that a text may have, however few tokens there are."""
_RATIO: Final = 6
"""Characters of a text in a list, for each item that the list may have."""
_LARGEST: Final = 999_999_999_999
_STEP: Final = 1e-9
"""What numbers are a multiple of: without it their digits have no end."""
_NUMBERS: Final = {"integer": 13 * _CHARACTERS_A_TOKEN, "number": 23 * _CHARACTERS_A_TOKEN}
"""Characters that the longest number is worth: each of its digits is a token."""
_SHARED: Final = ("$defs", "definitions")
_BRANCHES: Final = frozenset({"allOf", "anyOf", "oneOf"})
_LOW: Final = ("minimum", "exclusiveMinimum")
_HIGH: Final = ("maximum", "exclusiveMaximum")


def with_default_bounds(schema: JsonSchema, tokens: int | None) -> JsonSchema:
    """Return a schema with `maxLength`, `maxItems` and the like where it has none.

    Bounds that it has stay. So does all of a schema that refers to itself, and any part that
    takes every JSON value or texts of a pattern or format.

    Args:
        schema: The schema.
        tokens: How many tokens the longest answer may have; None changes nothing.
    """
    if tokens is None or "enum" in schema or "const" in schema:
        return schema
    around = 0 if schema.get("type") == "object" else _AROUND
    try:
        return _Bounding(schema).bounded(tokens * _CHARACTERS_A_TOKEN - around)
    except (_EndlessError, RecursionError):
        return schema


class _EndlessError(Exception):
    """A schema refers to itself, or to a place that is not one of its shared schemas."""


class _Size(NamedTuple):
    """How long the values of a schema can be."""

    least: int
    """Characters of the longest one, where its texts and lists are as short as bounds make them."""
    free: int
    """Places in it that have no bound yet; each gets the same share of the room that is left."""


class _Bounding:
    """Shares the characters that an answer may have among the parts of its schema."""

    def __init__(self, root: JsonSchema) -> None:
        self._root = root
        self._sizes: dict[str, _Size | None] = {}
        """Of each shared schema, those last that others refer to; None while it is looked at."""
        self._rooms: dict[str, float] = {}
        """The least room of all the places where a shared schema stands."""

    def bounded(self, room: float) -> JsonSchema:
        """The schema, where an answer has room for so many characters."""
        self._size(self._root)
        result = dict(self._part(self._root, room))
        for reference in reversed(self._sizes):
            kind, name = reference.split("/")[1:]
            shared = self._part(self._target(reference), self._rooms[reference])
            result[kind] = {**result[kind], name: shared}
        return result

    def _target(self, reference: Any) -> Any:
        parts = str(reference).split("/")
        if len(parts) != 3 or parts[0] != "#" or parts[1] not in _SHARED:
            raise _EndlessError
        name = parts[2].replace("~1", "/").replace("~0", "~")
        if name != parts[2] or name not in self._root.get(parts[1], {}):
            raise _EndlessError
        return self._root[parts[1]][name]

    def _referred(self, reference: str) -> _Size:
        if reference in self._sizes:
            size = self._sizes[reference]
            if size is None:
                raise _EndlessError
            return size
        self._sizes[reference] = None
        size = self._size(self._target(reference))
        del self._sizes[reference]  # what it refers to stands before it
        self._sizes[reference] = size
        return size

    def _size(self, schema: Any) -> _Size:
        if not isinstance(schema, Mapping):
            return _Size(0, 0)
        if "$ref" in schema:
            return self._referred(schema["$ref"])
        options = schema.get("enum", [schema["const"]] if "const" in schema else [])
        if options:
            return _Size(max(len(json.dumps(option)) for option in options), 0)
        sizes = [self._size(part) for key in _BRANCHES for part in schema.get(key, ())]
        sizes += [self._of_kind(kind, schema) for kind in _kinds(schema)]
        return _Size(
            max((size.least for size in sizes), default=0),
            max((size.free for size in sizes), default=0),
        )

    def _of_kind(self, kind: str, schema: JsonSchema) -> _Size:
        match kind:
            case "string":
                free = _is_free_text(schema)
                return _Size(2 + (_LEAST_TEXT if free else schema.get("maxLength", 40)), int(free))
            case "array":
                return self._of_list(schema)
            case "object":
                return self._of_object(schema)
        return _Size(_NUMBERS.get(kind, 5), 0)

    def _of_list(self, schema: JsonSchema) -> _Size:
        firsts = [self._size(part) for part in schema.get("prefixItems", ())]
        least = 2 + sum(size.least + _ITEM for size in firsts)
        free = sum(size.free for size in firsts)
        if "items" not in schema or schema["items"] is False:
            return _Size(least, free)
        item = self._size(schema["items"])
        count = schema.get("maxItems", max(1, schema.get("minItems", 1)))
        is_free = item.free or "maxItems" not in schema
        return _Size(
            least + count * (item.least + _ITEM),
            free + (2 * max(1, item.free) if is_free else 0),
        )

    def _of_object(self, schema: JsonSchema) -> _Size:
        fields = schema.get("properties", {})
        sizes = [self._size(part) for part in fields.values()]
        least = 2 + sum(len(json.dumps(name)) + _FIELD for name in fields)
        least += sum(size.least for size in sizes)
        free = sum(size.free for size in sizes)
        if (others := _others(schema)) is not None:
            value = self._size(others)
            least += value.least + _LEAST_TEXT + _FIELD
            free += 2 * max(1, value.free)
        return _Size(least, free)

    def _part(self, schema: Any, room: float) -> Any:
        """A part of the schema, where its values have room for so many characters."""
        if not isinstance(schema, Mapping):
            return schema
        if "$ref" in schema:
            reference = schema["$ref"]
            self._rooms[reference] = min(room, self._rooms.get(reference, room))
            return schema
        if "enum" in schema or "const" in schema:
            return schema
        result = dict(schema)
        for key in _BRANCHES & schema.keys():
            result[key] = [self._part(part, room) for part in schema[key]]
        for kind in _kinds(schema):
            self._bound_kind(kind, schema, result, room)
        return result

    def _bound_kind(
        self, kind: str, schema: JsonSchema, result: dict[str, Any], room: float
    ) -> None:
        """Give a copy of a schema the bounds of one of its types."""
        match kind:
            case "string" if _is_free_text(schema):
                least = max(_LEAST_TEXT, schema.get("minLength", 0))
                result["maxLength"] = max(least, int(room) - 2)
            case "array":
                self._bound_list(schema, result, room)
            case "object":
                self._bound_object(schema, result, room)
            case "integer" | "number":
                _bound_number(schema, result, kind)

    def _bound_list(self, schema: JsonSchema, result: dict[str, Any], room: float) -> None:
        own, firsts = self._of_list(schema), schema.get("prefixItems", ())
        share = _share(room, own)
        room -= 2
        if firsts:
            sizes = [self._size(part) for part in firsts]
            rooms = [size.least + share * size.free for size in sizes]
            pairs = zip(firsts, rooms, strict=True)
            result["prefixItems"] = [self._part(part, one) for part, one in pairs]
            room -= sum(rooms) + _ITEM * len(rooms)
        if "items" not in schema or schema["items"] is False:
            return
        if "maxItems" in schema:
            count = max(1, schema["maxItems"] - len(firsts))
        else:
            count = max(1, schema.get("minItems", 1), _count(self._size(schema["items"]), room))
            result["maxItems"] = count + len(firsts)
        result["items"] = self._part(schema["items"], room / count - _ITEM)

    def _bound_object(self, schema: JsonSchema, result: dict[str, Any], room: float) -> None:
        share = _share(room, self._of_object(schema))
        fields = schema.get("properties", {})
        left = room - 2
        if fields:
            result["properties"] = bounded = {}
            for name, part in fields.items():
                size = self._size(part)
                one = size.least + share * size.free
                bounded[name] = self._part(part, one)
                left -= one + len(json.dumps(name)) + _FIELD
        if (others := _others(schema)) is None:
            return
        size, around = self._size(others), _LEAST_TEXT + _FIELD
        count = max(1, schema.get("minProperties", 1), _count(size, left, around))
        if "maxProperties" in schema:
            count = max(1, schema["maxProperties"] - len(fields))
        else:
            result["maxProperties"] = count + len(fields)
        result["additionalProperties"] = self._part(others, left / count - around)


def _kinds(schema: JsonSchema) -> list[str]:
    kind = schema.get("type")
    if kind is None:
        kind = "object" if "properties" in schema else "array" if "items" in schema else []
    return [kind] if isinstance(kind, str) else list(kind)


def _is_free_text(schema: JsonSchema) -> bool:
    return not schema.keys() & {"maxLength", "pattern", "format"}


def _others(schema: JsonSchema) -> JsonSchema | None:
    """The schema of fields that have no name in it; None where they are any JSON, or none."""
    others = schema.get("additionalProperties")
    return others if isinstance(others, Mapping) and others else None


def _share(room: float, size: _Size) -> float:
    """What each free place gets beyond the least."""
    return max(0.0, room - size.least) / size.free if size.free else 0.0


def _count(item: _Size, room: float, around: int = _ITEM) -> int:
    """How many items a list has where its texts become longer as it becomes longer."""
    if not item.free:
        return int(room // (item.least + around))
    fixed, text = item.least + around - _LEAST_TEXT * item.free, _RATIO * item.free
    ideal = (sqrt(fixed**2 + 4 * text * max(0.0, room)) - fixed) / (2 * text)
    return int(min(ideal, room / (item.least + around)))


def _bound_number(schema: JsonSchema, result: dict[str, Any], kind: str) -> None:
    lows = [schema[key] for key in _LOW if key in schema]
    highs = [schema[key] for key in _HIGH if key in schema]
    if not lows and all(high > -_LARGEST for high in highs):
        result["minimum"] = -_LARGEST
    if not highs and all(low < _LARGEST for low in lows):
        result["maximum"] = _LARGEST
    if kind == "number" and "multipleOf" not in schema:
        result["multipleOf"] = _STEP
