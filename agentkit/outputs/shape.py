"""A declared schema, such as `{subgoal: str, steps: [str]}`, as a tree of types."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from agentkit.outputs.options import evaluate_options
from agentkit.outputs.score import Levels
from agentkit.templates.template import Expression

DEEPEST_SHAPE = 20
"""Levels that a schema may be nested."""


class Fields(dict[str, Any]):
    """A mapping that a YAML file gives: fields with their types, never a JSON Schema."""


@dataclass(frozen=True, slots=True)
class ScalarShape:
    """A text, number or yes/no value."""

    kind: str
    """`str`, `int`, `float`, `bool` or `action`."""
    max_length: int | None = None
    """The most characters of a text; None: any number."""


ACTION: Final = ScalarShape("action")
"""An action, which the environment reads."""


@dataclass(frozen=True, slots=True)
class OneOfShape:
    """One of some texts."""

    options: tuple[str, ...]
    """The texts."""


@dataclass(frozen=True, slots=True)
class ScoreShape:
    """One of several whole numbers."""

    levels: Levels
    """The numbers with their meanings."""


@dataclass(frozen=True, slots=True)
class ChoiceShape:
    """One of the texts that an expression gives, in each step others."""

    expression: Expression
    """Gives the texts."""


@dataclass(frozen=True, slots=True)
class ListShape:
    """A list."""

    item: "Shape"
    """The type of every item."""
    max_items: int | None = None
    """The most items; None: any number."""


@dataclass(frozen=True, slots=True)
class NullableShape:
    """A value that may be null."""

    inner: "Shape"
    """The type when it is not."""


@dataclass(frozen=True, slots=True)
class RecordShape:
    """An object with named fields."""

    fields: tuple[tuple[str, "Shape"], ...]
    """Names and types, as declared."""


Shape = (
    ScalarShape | OneOfShape | ScoreShape | ChoiceShape | ListShape | NullableShape | RecordShape
)

SCALARS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "action": "an action",
}
"""The type names, each with its meaning in words."""


def bound_of(shape: Shape) -> tuple[str, int] | None:
    """The bound that a declaration set on a shape, with its name; None where it set none."""
    match shape:
        case ScalarShape(_, int(most)):
            return "max_length", most
        case ListShape(_, int(most)):
            return "max_items", most
        case NullableShape(inner):
            return bound_of(inner)
    return None


def without_bound(shape: Shape) -> Shape:
    """A shape without the bound that a declaration set on it; parts of it keep theirs."""
    match shape:
        case ScalarShape():
            return replace(shape, max_length=None)
        case ListShape():
            return replace(shape, max_items=None)
        case NullableShape(inner):
            return NullableShape(without_bound(inner))
    return shape


def is_field_name(name: Any) -> bool:
    """Whether a field of a schema may have this name."""
    return isinstance(name, str) and name.isidentifier() and not name.startswith("_")


def mapped(shape: Shape, change: Callable[[Shape], Shape]) -> Shape:
    """Return a shape in which each part that has no parts itself is another one."""
    match shape:
        case ListShape(item):
            return replace(shape, item=mapped(item, change))
        case NullableShape(inner):
            return NullableShape(mapped(inner, change))
        case RecordShape(fields):
            return RecordShape(tuple((name, mapped(kind, change)) for name, kind in fields))
    return change(shape)


def with_options(shape: Shape, values: Mapping[str, Any]) -> Shape:
    """Return a shape with the options of this step. Raises RenderError when there are none."""

    def change(part: Shape) -> Shape:
        if isinstance(part, ChoiceShape):
            return OneOfShape(evaluate_options(part.expression, values))
        return part

    return mapped(shape, change)


def with_any_text(shape: Shape) -> Shape:
    """Return a shape that takes any text where only a step knows what is right."""

    def change(part: Shape) -> Shape:
        return ScalarShape("str") if isinstance(part, ChoiceShape) or part == ACTION else part

    return mapped(shape, change)


def leaves(shape: Shape, key: str | None = None) -> Iterator[tuple[str | None, Shape]]:
    """Yield each part that has no parts itself, with the field at the top that it is in."""
    match shape:
        case ListShape(inner) | NullableShape(inner):
            yield from leaves(inner, key)
        case RecordShape(fields):
            for name, kind in fields:
                yield from leaves(kind, name if key is None else key)
        case _:
            yield key, shape


_JSON_TYPES = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "action": "string",
}


def json_schema_of(shape: Shape) -> dict[str, Any]:
    """The closed JSON schema of a shape. Fields stay as declared, other keys are sorted."""
    match shape:
        case ScalarShape(kind, most):
            bound = {} if most is None else {"maxLength": most}
            return {**bound, "type": _JSON_TYPES[kind]}
        case OneOfShape(options):
            return {"enum": list(options), "type": "string"}
        case ScoreShape(levels):
            return {"enum": [number for number, _ in levels], "type": "integer"}
        case ChoiceShape():
            return {"type": "string"}
        case ListShape(item, most):
            bound = {} if most is None else {"maxItems": most}
            return {"items": json_schema_of(item), **bound, "type": "array"}
        case NullableShape(inner):
            return {"anyOf": [json_schema_of(inner), {"type": "null"}]}
        case RecordShape(fields):
            return {
                "additionalProperties": False,
                "properties": {name: json_schema_of(kind) for name, kind in fields},
                "required": [name for name, _ in fields],
                "type": "object",
            }
