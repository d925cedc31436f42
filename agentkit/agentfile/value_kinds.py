"""What kind of value a name has, as far as an agent's file tells: text, a number, a list, ..."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from agentkit.graph.compile import CompiledNode
from agentkit.graph.node import MISSING
from agentkit.outputs.action import ActionOutput
from agentkit.outputs.choice import ChoiceOutput
from agentkit.outputs.output import Output
from agentkit.outputs.scalars import (
    CodeOutput,
    IntegerOutput,
    NumberOutput,
    TextOutput,
    YesNoOutput,
)
from agentkit.outputs.schema_output import SchemaOutput
from agentkit.outputs.score import ScoreOutput
from agentkit.outputs.shape import (
    ChoiceShape,
    ListShape,
    NullableShape,
    OneOfShape,
    RecordShape,
    ScoreShape,
    Shape,
)
from agentkit.templates.sandbox.lookup import LIST_METHODS, MAPPING_METHODS, TEXT_METHODS


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value."""

    name: str
    """What messages call it."""
    fields: "Mapping[str, Kinds] | None" = field(default=None, compare=False)
    """Of a mapping: its fields, if they are known."""
    item: "Kinds" = field(default=None, compare=False)
    """Of a list: what its items are."""


Kinds = tuple[Kind, ...] | None
"""The kinds that a value can have; None: any."""

TEXT: Final = Kind("text")
NUMBER: Final = Kind("a number")
BOOLEAN: Final = Kind("true or false")
NULL: Final = Kind("null")
LIST: Final = Kind("a list")
MAPPING: Final = Kind("a mapping")
_SCALARS: Final = {"str": TEXT, "int": NUMBER, "float": NUMBER, "bool": BOOLEAN, "action": TEXT}


_METHODS: Final = {TEXT: TEXT_METHODS, LIST: LIST_METHODS, MAPPING: MAPPING_METHODS}
NUMBERS: Final = frozenset({NUMBER, BOOLEAN})
TO_NUMBER: Final = frozenset({
    "abs", "count", "float", "int", "length", "round", "wordcount",
})  # fmt: skip
TO_TEXT: Final = frozenset({
    "capitalize", "center", "format", "indent", "join", "lower", "replace", "string", "title",
    "tojson", "trim", "truncate", "upper", "wordwrap",
})  # fmt: skip
TO_LIST: Final = frozenset({
    "batch", "dictsort", "groupby", "items", "list", "map", "reject", "rejectattr", "select",
    "selectattr", "slice", "sort", "unique", "unique_by",
})  # fmt: skip
NEEDS: Final = {
    **dict.fromkeys(("abs", "round"), (NUMBERS, "a number")),
    **dict.fromkeys(("count", "length"), (frozenset({TEXT, LIST, MAPPING}), "a list or text")),
    **dict.fromkeys(("dictsort", "items"), (frozenset({MAPPING}), "a mapping")),
    **dict.fromkeys(
        (*(TO_LIST - {"dictsort", "items"}), "join", "max", "min", "sum"),
        (frozenset({TEXT, LIST, MAPPING}), "a list"),
    ),
}
"""What filters can work on."""
FUNCTION_NEEDS: Final[Mapping[str, tuple[Kind, int | None]]] = {
    "append": (LIST, 1),
    "merge": (MAPPING, None),
    "range": (LIST, 0),
}
"""Of functions, what they give, and how many first arguments are the same; None: all."""


def either(*given: Kinds) -> Kinds:
    """Return the kinds of a value that has one of these."""
    found: list[Kind] = []
    for kinds in given:
        if kinds is None:
            return None
        found += kinds
    return tuple(found)


def kinds_of(value: Any) -> Kinds:
    """Return the kind of a JSON value."""
    if isinstance(value, Mapping):
        return (Kind(MAPPING.name, {key: kinds_of(inner) for key, inner in value.items()}),)
    if isinstance(value, (list, tuple)):
        return (Kind(LIST.name, item=either(*map(kinds_of, value[:100])) if value else None),)
    for types, kind in ((bool, BOOLEAN), (str, TEXT), ((int, float), NUMBER)):
        if isinstance(value, types):
            return (kind,)
    return (NULL,) if value is None else None


def answer_kinds(compiled: CompiledNode) -> Kinds:
    """Return the kinds of one answer of a node, or of what stands for it."""
    given = None if compiled.output is None else _kinds_of_output(compiled.output)
    otherwise = compiled.node.otherwise
    return given if otherwise is MISSING else either(given, kinds_of(otherwise))


def node_kinds(compiled: CompiledNode) -> Kinds:
    """Return the kinds of a node's value."""
    kinds = answer_kinds(compiled)
    if compiled.node.each is not None:
        kinds = (Kind(LIST.name, item=kinds),)
    initial = compiled.node.initial
    return kinds if initial is MISSING else either(kinds, kinds_of(initial))


def _kinds_of_output(output: Output) -> Kinds:
    if isinstance(output, (TextOutput, CodeOutput, ChoiceOutput, ActionOutput)):
        return (TEXT,)
    if isinstance(output, (NumberOutput, IntegerOutput, ScoreOutput)):
        return (NUMBER,)
    if isinstance(output, YesNoOutput):
        return (BOOLEAN,)
    return _kinds_of_shape(output.shape) if isinstance(output, SchemaOutput) else None


def _kinds_of_shape(shape: Shape) -> Kinds:
    match shape:
        case OneOfShape() | ChoiceShape():
            return (TEXT,)
        case ScoreShape():
            return (NUMBER,)
        case ListShape(item):
            return (Kind(LIST.name, item=_kinds_of_shape(item)),)
        case NullableShape(inner):
            return either((NULL,), _kinds_of_shape(inner))
        case RecordShape(fields):
            return (Kind(MAPPING.name, {name: _kinds_of_shape(kind) for name, kind in fields}),)
        case _:
            return (_SCALARS[shape.kind],)


def kind_words(kinds: Iterable[Kind]) -> str:
    """Return kinds for a message: `text or null`."""
    return " or ".join(dict.fromkeys(kind.name for kind in kinds))


def part(kind: Kind, key: str | int) -> Kinds:
    """Return the kinds of a field or an item; () where there is none."""
    if kind == MAPPING:
        if kind.fields is None:
            return None
        return kind.fields.get(str(key), None) if isinstance(key, str) else ()
    if isinstance(key, str):
        return None if key in _METHODS.get(kind, ()) or key == "is_integer" else ()
    if kind == LIST:
        return kind.item
    return (TEXT,) if kind == TEXT else ()


def has_method(kind: Kind, name: str) -> bool:
    """Return whether a value has something of this name that can be called."""
    if kind == MAPPING and (kind.fields is None or name in kind.fields):
        return True
    return name in _METHODS.get(kind, ()) or (kind == NUMBER and name == "is_integer")


def computes(sign: str, left: Kind, right: Kind) -> bool:
    """Return whether an operator takes two values."""
    if left in NUMBERS and right in NUMBERS:
        return True
    if sign == "*":
        pairs = ((left, right), (right, left))
        return any(one in (TEXT, LIST) and other in NUMBERS for one, other in pairs)
    return (sign == "%" and left == TEXT) or (
        sign == "+" and left == right and left in (TEXT, LIST)
    )


def alike(left: Kind, right: Kind) -> bool:
    """Return whether two values may be equal."""
    return left == right or (left in NUMBERS and right in NUMBERS)


def may_hold(container: Kind, item: Kind) -> bool:
    """Return whether `item in container` can be asked."""
    return container in (LIST, MAPPING) or (container == TEXT and item == TEXT)
