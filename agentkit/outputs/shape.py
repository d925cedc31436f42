"""A declared schema, such as `{subgoal: str, steps: [str]}`, as a tree of types."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from agentkit.errors import suggest

DEEPEST_SHAPE = 20
"""Levels that a schema may be nested."""


class Fields(dict[str, Any]):
    """A mapping that a YAML file gives: fields with their types, never a JSON Schema."""


class OutputProblem(ValueError):
    """An output declaration that cannot work. `key` is the field of the schema it is in."""

    def __init__(
        self, message: str, key: str | None = None, others: "Sequence[OutputProblem]" = ()
    ) -> None:
        self.message = message
        self.key = key
        self.all = (self, *others)
        """Every problem of the declaration, this one first."""
        super().__init__(message, key)

    def __str__(self) -> str:
        return "\n".join(problem.message for problem in self.all)


@dataclass(frozen=True, slots=True)
class ScalarShape:
    """A text, number or yes/no value."""

    kind: str
    """`str`, `int`, `float` or `bool`."""
    max_length: int | None = None
    """The most characters of a text; None: any number."""


@dataclass(frozen=True, slots=True)
class OneOfShape:
    """One of some texts."""

    options: tuple[str, ...]
    """The texts."""


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


Shape = ScalarShape | OneOfShape | ListShape | NullableShape | RecordShape

SCALARS = {"str": "text", "int": "a whole number", "float": "a number", "bool": "true or false"}
"""The type names, each with its meaning in words."""

_OTHER_NAMES = {
    "any": "str",
    "array": "[str]",
    "boolean": "bool",
    "date": "str",
    "dict": "a mapping of fields to types",
    "double": "float",
    "integer": "int",
    "list": "[str]",
    "map": "a mapping of fields to types",
    "none": "null",
    "number": "float",
    "object": "a mapping of fields to types",
    "string": "str",
    "text": "str",
    "yes_no": "bool",
}
_ONE_OF = re.compile(r"one\s+of\s*\[(.*)\]", re.DOTALL)
_OPTION = re.compile(r"""\s*(?:"([^"]*)"|'([^']*)'|([^,"']+?))\s*(?:,|$)""")
_OR_NULL = re.compile(r"(.*)\|\s*(?:null|none)\s*|(?:null|none)\s*\|(.*)", re.DOTALL)


def parse_shape(declaration: Any, key: str | None = None, depth: int = 0) -> Shape:
    """The tree of a declaration. Raises OutputProblem."""
    if depth > DEEPEST_SHAPE:
        raise OutputProblem(f"the schema is nested more than {DEEPEST_SHAPE} levels deep.", key)
    if isinstance(declaration, Shape):
        return declaration
    if isinstance(declaration, Mapping):
        if _has_bounds(declaration):
            return _parse_bounded(declaration, key, depth)
        return _parse_record(declaration, key, depth)
    if isinstance(declaration, (list, tuple)):
        if len(declaration) != 1:
            raise OutputProblem(
                "a list has one type in it, like [str]; for fixed values write "
                '"one of [a, b]" with the quotes.',
                key,
            )
        return ListShape(parse_shape(declaration[0], key, depth + 1))
    if isinstance(declaration, str):
        return _parse_text(declaration.strip(), key, depth)
    if declaration is None:
        raise OutputProblem(f"it has no type; choose one of {_known()}.", key)
    hint = f" {_BOUND_HINT}" if isinstance(declaration, int) else ""
    raise OutputProblem(f"{declaration!r:.60} is not a type; choose one of {_known()}.{hint}", key)


_BOUNDS: Final = ("max_items", "max_length")
"""The bounds that a declaration may set."""
_BOUND_HINT: Final = (
    "The most items of a list are set like {type: [str], max_items: 5}, the most characters of a "
    "text like {type: str, max_length: 200}."
)


def _has_bounds(declaration: Mapping[Any, Any]) -> bool:
    """Whether it is a type with bounds, such as `{type: [str], max_items: 5}`; no record has it."""
    others = [value for name, value in declaration.items() if name != "type"]
    return "type" in declaration and any(isinstance(value, (int, float)) for value in others)


def _parse_bounded(declaration: Mapping[Any, Any], key: str | None, depth: int) -> Shape:
    bounds = {name: most for name, most in declaration.items() if name != "type"}
    for name, most in bounds.items():
        if name not in _BOUNDS:
            hint = suggest(str(name), _BOUNDS)
            raise OutputProblem(f"'{name}' is no bound of a type.{hint} {_BOUND_HINT}", key)
        if isinstance(most, bool) or not isinstance(most, int) or most < 1:
            raise OutputProblem(
                f"{name} must be a whole number of 1 or more, but it is {most!r:.60}.", key
            )
    return _bounded(parse_shape(declaration["type"], key, depth + 1), bounds, key)


def _bounded(shape: Shape, bounds: Mapping[str, int], key: str | None) -> Shape:
    match shape:
        case NullableShape(inner):
            return NullableShape(_bounded(inner, bounds, key))
        case ListShape() if bounds.keys() == {"max_items"}:
            return replace(shape, max_items=bounds["max_items"])
        case ScalarShape("str") if bounds.keys() == {"max_length"}:
            return replace(shape, max_length=bounds["max_length"])
    raise OutputProblem(f"this type has no {' and '.join(bounds)}. {_BOUND_HINT}", key)


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


def _known() -> str:
    return ", ".join(SCALARS) + ', [str], "str | null", "one of [a, b]" or a mapping'


def _parse_record(declaration: Mapping[Any, Any], key: str | None, depth: int) -> RecordShape:
    if not declaration:
        raise OutputProblem("the schema has no fields.", key)
    if depth and set(declaration) == {"choice"}:
        raise OutputProblem(
            'a choice cannot stand inside a schema; write "one of [a, b]" with the quotes.', key
        )
    fields: list[tuple[str, Shape]] = []
    problems: list[OutputProblem] = []
    for name, kind in declaration.items():
        where = key if key is not None else str(name)
        problems.extend(_name_problems(name, where))
        try:
            fields.append((str(name), parse_shape(kind, where, depth + 1)))
        except OutputProblem as problem:
            problems.extend(problem.all)
    if problems:
        first, *others = problems
        raise OutputProblem(first.message, first.key, others)
    return RecordShape(tuple(fields))


def is_field_name(name: Any) -> bool:
    """Whether a field of a schema may have this name."""
    return isinstance(name, str) and name.isidentifier() and not name.startswith("_")


def _name_problems(name: Any, where: str) -> Iterator[OutputProblem]:
    if not is_field_name(name):
        yield OutputProblem(
            f"{name!r:.60} cannot be the name of a field: use letters, digits and "
            "underscores, and begin with a letter.",
            where,
        )


def _parse_text(text: str, key: str | None, depth: int) -> Shape:
    if text in SCALARS:
        return ScalarShape(text)
    if match := _OR_NULL.fullmatch(text):
        inner = parse_shape((match[1] or match[2] or "").strip(), key, depth + 1)
        return inner if isinstance(inner, NullableShape) else NullableShape(inner)
    if match := _ONE_OF.fullmatch(text):
        return OneOfShape(_parse_options(match[1], text, key))
    if text.startswith("[") and text.endswith("]"):
        return ListShape(parse_shape(text[1:-1], key, depth + 1))
    if other := _OTHER_NAMES.get(text.lower()):
        shown = other if " " in other else f"'{other}'"
        raise OutputProblem(f"unknown type '{text}'. Did you mean {shown}?", key)
    hint = suggest(text, [*SCALARS])
    raise OutputProblem(f"unknown type '{text:.60}'; choose one of {_known()}.{hint}", key)


def _parse_options(inside: str, text: str, key: str | None) -> tuple[str, ...]:
    options = []
    position = 0
    while position < len(inside):
        match = _OPTION.match(inside, position)
        if match is None:
            raise OutputProblem(f"'{text:.60}' cannot be read; write it like one of [a, b].", key)
        options.append(next(part for part in match.groups() if part is not None))
        position = match.end()
    if not options:
        raise OutputProblem("'one of' needs at least one value, like one of [a, b].", key)
    if len(set(options)) < len(options):
        raise OutputProblem(f"'{text:.60}' has a value twice.", key)
    return tuple(options)


_JSON_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


def json_schema_of(shape: Shape) -> dict[str, Any]:
    """The closed JSON schema of a shape. Fields stay as declared, other keys are sorted."""
    match shape:
        case ScalarShape(kind, most):
            bound = {} if most is None else {"maxLength": most}
            return {**bound, "type": _JSON_TYPES[kind]}
        case OneOfShape(options):
            return {"enum": list(options), "type": "string"}
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
