"""Kinds of values that hold others: lists, mappings, and records with known fields."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit.agentfile.field_kinds import AnyKind, Kind, Page, SchemaDict, TextKind, nearest_name
from agentkit.agentfile.yaml_marks import EntriesMark, ItemsMark, Mark, ScalarMark
from agentkit.graph.node import MISSING


@dataclass(frozen=True, slots=True)
class ListKind:
    """A list."""

    kind: Kind
    expected: str

    def read(self, value: Mark, page: Page) -> Any:
        """What can be read of the list, as a tuple."""
        if not isinstance(value, ItemsMark):
            hint = f"Write [{value.text}]" if isinstance(value, ScalarMark) and value.text else ""
            return page.wrong(value, self.expected, hint)
        items = [self.kind.read(item, page) for item in value.items]
        return tuple(item for item in items if item is not MISSING)

    def schema(self) -> SchemaDict:
        """An array."""
        return {"type": "array", "items": self.kind.schema()}


@dataclass(frozen=True, slots=True)
class OneOrMoreKind:
    """A value, or a list of such values."""

    kind: Kind

    def read(self, value: Mark, page: Page) -> Any:
        """The values, as a tuple."""
        items = value.items if isinstance(value, ItemsMark) else [value]
        read = [self.kind.read(item, page) for item in items]
        return tuple(item for item in read if item is not MISSING)

    def schema(self) -> SchemaDict:
        """The value, or an array."""
        one = self.kind.schema()
        return {"anyOf": [one, {"type": "array", "items": one}]}


@dataclass(frozen=True, slots=True)
class MapKind:
    """A mapping of any keys to values of one kind."""

    kind: Kind
    expected: str

    def read(self, value: Mark, page: Page) -> Any:
        """What can be read of the mapping."""
        if not isinstance(value, EntriesMark):
            return page.wrong(value, self.expected)
        read = {key: self.kind.read(inner, page) for key, (_, inner) in value.entries.items()}
        return {key: inner for key, inner in read.items() if inner is not MISSING}

    def schema(self) -> SchemaDict:
        """An object."""
        return {"type": "object", "additionalProperties": self.kind.schema()}


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record."""

    kind: Kind
    description: str
    """Shown by editors."""
    required: bool = False


@dataclass(frozen=True, slots=True)
class RecordKind:
    """A mapping with known fields."""

    fields: Mapping[str, Field]
    expected: str
    word: str = "field"
    """What a field is called in messages."""
    others: bool = False
    """Whether any other field may stand in it."""
    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Where fields belong that are often put here by mistake."""
    whole: bool = False
    """Whether it makes no sense at all when a part of it is wrong."""

    def read(self, value: Mark, page: Page) -> Any:
        """The fields that can be read; a misspelt one counts as the one that is meant."""
        if not isinstance(value, EntriesMark):
            return page.wrong(value, self.expected)
        flaws = len(page.flaws)
        read: dict[str, Any] = {}
        for name, (key, inner) in value.entries.items():
            known = name if name in self.fields else self._unknown(name, key, value, page)
            if known is not None:
                content = self.fields[known].kind.read(inner, page)
            elif self.others:
                known, content = name, AnyKind().read(inner, page)
            if known is not None and content is not MISSING:
                read[known] = content
        for name, one in self.fields.items():
            if one.required and name not in read and name not in value.entries:
                page.flaw(value, f"'{name}' is missing. {one.description}")
        return MISSING if self.whole and len(page.flaws) > flaws else read

    def _unknown(self, name: str, key: ScalarMark, value: EntriesMark, page: Page) -> str | None:
        """Report an unknown field; gives the known one that is meant, if that is clear."""
        if self.others:
            return None
        nearest = nearest_name(name, [known for known in self.fields if known not in value.entries])
        if nearest is not None:
            hint = f" Did you mean '{nearest}'?"
        elif name in self.elsewhere:
            hint = f" {self.elsewhere[name]}"
        else:
            hint = f" Known: {', '.join(self.fields)}"
        page.flaw(key, f"unknown {self.word} '{name}'.{hint}")
        if nearest is not None:
            page.meant[value.start, nearest] = name
        return nearest

    def schema(self) -> SchemaDict:
        """An object that is closed, unless others may stand in it."""
        properties = {
            name: {"description": one.description, **one.kind.schema()}
            for name, one in self.fields.items()
        }
        required = [name for name, one in self.fields.items() if one.required]
        return {
            "type": "object",
            "properties": properties,
            **({"required": required} if required else {}),
            "additionalProperties": self.others,
        }


@dataclass(frozen=True, slots=True)
class TextOrKind:
    """A text that stands for a record's first field, or the record."""

    record: RecordKind
    text: TextKind

    def read(self, value: Mark, page: Page) -> Any:
        """The text or the record."""
        return (self.record if isinstance(value, EntriesMark) else self.text).read(value, page)

    def schema(self) -> SchemaDict:
        """Either of the two."""
        return {"anyOf": [self.text.schema(), self.record.schema()]}
