"""Instances of JSON schemas, and words, drawn from a random generator."""

import random
import re
from collections.abc import Mapping
from typing import Any

_DEEPEST = 6
_TEXT = """
a tree stands to the west and water is near; the way north is free, nothing threatens now
health is good, wood and stone are needed next, so go on and keep an eye on the cow
"""
_WORDS = _TEXT.split()
_LISTED = re.compile(
    r"(?:actions?|options?|out of|one of)[^:\n]{0,80}:\s*"
    r"((?:[\w-]{1,40}, ?)*[\w-]{1,40})(?=[,.;\n]|$)",
    re.IGNORECASE,
)


class Writer:
    """Writes one answer.

    Args:
        draw: Where everything is drawn from.
        prompt: What was asked; actions and options that it lists are used.
        wrong: Whether the answer shall be one that cannot be used.
    """

    def __init__(self, draw: random.Random, prompt: str, wrong: bool) -> None:
        self.draw = draw
        self._wrong = wrong
        lists = (match.split(",") for match in _LISTED.findall(prompt))
        self._listed = [item.strip() for item in max(lists, key=len, default=[])]
        self._defs: Mapping[str, Any] = {}

    def sentence(self, longest: int = 20) -> str:
        """Some words."""
        count = self.draw.randint(3, max(3, longest))
        return " ".join(self.draw.choice(_WORDS) for _ in range(count)).capitalize() + "."

    def spoiled(self, text: str) -> str:
        """The text as a model may give it: bare, or in a fence, or not usable at all."""
        if self._wrong:
            return self.draw.choice(
                ("I cannot say.", "", "Let me think: {", text[: len(text) // 2])
            )
        if text[:1] in "{[" and self.draw.random() < 0.2:
            return f"Here it is:\n```json\n{text}\n```"
        return text

    def instance(self, schema: Mapping[str, Any]) -> Any:
        """A value that fits a schema."""
        self._defs = schema.get("$defs") or schema.get("definitions") or {}
        return self._value(schema, "", 0)

    def _value(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self.draw.choice(schema["enum"])
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = self.draw.choice(kind)
        if kind == "object" or (kind is None and "properties" in schema):
            return self._object(schema, depth)
        if kind == "array":
            return self._array(schema, name, depth)
        if kind in ("integer", "number"):
            return self._number(schema, kind == "integer")
        if kind == "boolean":
            return self.draw.random() < 0.5
        return None if kind == "null" else self._string(schema, name)

    def _resolved(self, schema: Mapping[str, Any], depth: int) -> Mapping[str, Any]:
        """The schema without references and alternatives."""
        while True:
            options = schema.get("anyOf") or schema.get("oneOf")
            if "$ref" in schema:
                schema = self._defs[schema["$ref"].rpartition("/")[2]]
            elif options:
                simple = [option for option in options if option.get("type") == "null"]
                schema = self.draw.choice(simple if depth > _DEEPEST and simple else options)
            elif "allOf" in schema:
                merged: dict[str, Any] = {}
                for part in schema["allOf"]:
                    merged |= self._resolved(part, depth)
                return merged
            else:
                return schema

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        return {
            name: self._value(kind, name, depth + 1)
            for name, kind in schema.get("properties", {}).items()
            if name in required or (depth < _DEEPEST and self.draw.random() < 0.5)
        }

    def _array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        least = schema.get("minItems", 0 if depth > _DEEPEST else 1)
        most = schema.get("maxItems", max(least, 0 if depth > _DEEPEST else 3))
        items = schema.get("items", {"type": "string"})
        count = self.draw.randint(min(least, most), most)
        return [self._value(items, name or "items", depth + 1) for _ in range(count)]

    def _number(self, schema: Mapping[str, Any], whole: bool) -> int | float:
        low = schema.get("minimum", schema.get("exclusiveMinimum"))
        high = schema.get("maximum", schema.get("exclusiveMaximum"))
        low = min(1, high - 2) if low is None and high is not None else 1 if low is None else low
        high = low + 4 if high is None else high
        if whole:
            least = int(low) + ("exclusiveMinimum" in schema or low > int(low))
            most = int(high) - ("exclusiveMaximum" in schema and high == int(high))
            return self.draw.randint(least, most)
        return low + (high - low) * self.draw.choice((0.25, 0.5, 0.75))

    def _string(self, schema: Mapping[str, Any], name: str) -> str:
        if name in ("action", "items", "value") and self._listed:
            return "fly away" if self._wrong else self.draw.choice(self._listed)
        text = self.sentence(8)
        while len(text) < schema.get("minLength", 0):
            text += " " + self.sentence(8)
        return text[: schema.get("maxLength", len(text))]
