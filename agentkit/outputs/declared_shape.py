"""Reads a declared schema: what a YAML file or a program says, as a tree of types."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from agentkit.errors import suggest
from agentkit.outputs.options import parse_options
from agentkit.outputs.problem import OutputProblem
from agentkit.outputs.score import is_score, parse_levels
from agentkit.outputs.shape import (
    DEEPEST_SHAPE,
    SCALARS,
    ChoiceShape,
    ListShape,
    NullableShape,
    OneOfShape,
    RecordShape,
    ScalarShape,
    ScoreShape,
    Shape,
    is_field_name,
)

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
        return _parse_mapping(declaration, key, depth)
    if isinstance(declaration, (list, tuple)):
        if len(declaration) == 2 and is_score({"score": declaration}):
            raise OutputProblem(
                f"whole numbers from one to another are {{score: {[*declaration]!r:.40}}}.", key
            )
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


def _parse_mapping(declaration: Mapping[Any, Any], key: str | None, depth: int) -> Shape:
    """What a mapping declares: a choice, a type with bounds, or fields with their types."""
    if set(declaration) == {"choice"}:
        options = parse_options(declaration["choice"], key)
        return OneOfShape(options) if isinstance(options, tuple) else ChoiceShape(options)
    if _is_split_choice(declaration):
        given = ", ".join(map(str, [declaration["choice"], *list(declaration)[1:]]))
        raise OutputProblem(f"the options stand in a list: {{choice: [{given:.60}]}}.", key)
    if is_score(declaration):
        return ScoreShape(parse_levels(declaration["score"], key))
    if _has_bounds(declaration):
        return _parse_bounded(declaration, key, depth)
    try:
        return _parse_record(declaration, key, depth)
    except OutputProblem:
        name = next(iter(declaration), "")
        if len(declaration) == 1 and (hint := suggest(str(name), ["choice", "score"])):
            message = f"'{name}' is neither choice nor score, and its value is no type.{hint}"
            raise OutputProblem(message, key) from None
        raise


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


def _known() -> str:
    return ", ".join(SCALARS) + ', [str], "str | null", "one of [a, b]", {choice: ...} or a mapping'


def _parse_record(declaration: Mapping[Any, Any], key: str | None, depth: int) -> RecordShape:
    if not declaration:
        raise OutputProblem("the schema has no fields.", key)
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


def _name_problems(name: Any, where: str) -> Iterator[OutputProblem]:
    if not is_field_name(name):
        yield OutputProblem(
            f"{name!r:.60} cannot be the name of a field: use letters, digits and "
            "underscores, and begin with a letter.",
            where,
        )


def _is_split_choice(declaration: Mapping[Any, Any]) -> bool:
    """Whether it is `{choice: left, right}`, where YAML sees a field `right` without a type."""
    first, *others = [*declaration] or [None]
    return first == "choice" and bool(others) and all(declaration[name] is None for name in others)


def _parse_text(text: str, key: str | None, depth: int) -> Shape:
    if text in SCALARS:
        return ScalarShape(text)
    if match := _OR_NULL.fullmatch(text):
        inner = parse_shape((match[1] or match[2] or "").strip(), key, depth + 1)
        return inner if isinstance(inner, NullableShape) else NullableShape(inner)
    if match := _ONE_OF.fullmatch(text):
        return OneOfShape(_parse_one_of(match[1], text, key))
    if text.startswith("[") and text.endswith("]"):
        return ListShape(parse_shape(text[1:-1], key, depth + 1))
    if other := _OTHER_NAMES.get(text.lower()):
        shown = other if " " in other else f"'{other}'"
        raise OutputProblem(f"unknown type '{text}'. Did you mean {shown}?", key)
    hint = suggest(text, [*SCALARS])
    raise OutputProblem(f"unknown type '{text:.60}'; choose one of {_known()}.{hint}", key)


def _parse_one_of(inside: str, text: str, key: str | None) -> tuple[str, ...]:
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
