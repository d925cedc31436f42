"""Python types as declarations of outputs: which are types, and which of them YAML can say too."""

import sys
import types
import typing
from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

import typing_extensions

from agentkit.outputs.problem import OutputProblem
from agentkit.outputs.shape import (
    DEEPEST_SHAPE,
    ListShape,
    NullableShape,
    OneOfShape,
    RecordShape,
    ScalarShape,
    Shape,
    is_field_name,
)

PYTHON_TYPES: Final = (
    "str, int, float, bool, list[...], dict[str, ...], X | None, Literal[...], an Enum, "
    "a TypedDict, a dataclass, a pydantic model"
)
"""What Python may declare as an output, for messages."""
_SCALARS: Final[dict[Any, str]] = {str: "str", int: "int", float: "float", bool: "bool"}


def is_type(declaration: Any) -> bool:
    """Whether a declaration is a Python type, in any form that type hints have."""
    kinds = ("NewType", "TypeAliasType")
    return (
        isinstance(declaration, type)
        or get_origin(declaration) is not None
        or type(declaration).__name__ in kinds
    )


def type_name(declaration: Any) -> str:
    """How a Python type is called in messages."""
    if isinstance(declaration, type) and get_origin(declaration) is None:
        return declaration.__name__
    return str(declaration).replace("typing.", "")


def with_known_typed_dicts(kind: Any) -> Any:
    """A type in which each TypedDict is one that pydantic takes before Python 3.12."""
    if sys.version_info >= (3, 12):
        return kind
    origin, arguments = get_origin(kind), get_args(kind)
    if typing.is_typeddict(kind) and type(kind).__module__ == "typing":
        hints = typing_extensions.get_type_hints(kind, include_extras=True)
        fields = {name: with_known_typed_dicts(part) for name, part in hints.items()}
        make: Any = typing_extensions.TypedDict
        known = make(kind.__name__, fields, total=kind.__total__)
        known.__doc__ = kind.__doc__
        return known
    if origin is Annotated:
        return Annotated[(with_known_typed_dicts(arguments[0]), *arguments[1:])]
    if origin in (Union, types.UnionType):
        origin = Union
    elif origin not in (list, dict, tuple, set, frozenset, typing_extensions.NotRequired):
        return kind
    parts = tuple(map(with_known_typed_dicts, arguments))
    return origin[parts if len(parts) > 1 else parts[0]]


def shape_of(kind: Any, depth: int = 0) -> Shape | None:
    """The shape of a Python type that a YAML file could declare as well; None for others.

    These are `str`, `int`, `float`, `bool`, lists, `X | None`, `Literal` of texts, and a
    TypedDict of such: what Python gets of them is the JSON itself.
    """
    if depth > DEEPEST_SHAPE:
        return None
    if isinstance(kind, type) and kind in _SCALARS:
        return ScalarShape(_SCALARS[kind])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Literal and all(isinstance(option, str) for option in arguments):
        return OneOfShape(arguments)
    if origin is list:
        item = shape_of(arguments[0], depth + 1)
        return None if item is None else ListShape(item)
    if origin in (Union, types.UnionType) and len(arguments) == 2 and type(None) in arguments:
        (given,) = (argument for argument in arguments if argument is not type(None))
        inner = shape_of(given, depth + 1)
        return None if inner is None else NullableShape(inner)
    if typing_extensions.is_typeddict(kind) or typing.is_typeddict(kind):
        return _record_of(kind, depth)
    return None


def _record_of(kind: Any, depth: int) -> RecordShape | None:
    """The shape of a TypedDict; None where a field may be missing or has no shape."""
    hints = typing_extensions.get_type_hints(kind, include_extras=True)
    if not hints or kind.__optional_keys__ or not all(map(is_field_name, hints)):
        return None
    if getattr(kind, "__pydantic_config__", None):
        return None
    fields = [(name, shape_of(part, depth + 1)) for name, part in hints.items()]
    shapes = tuple((name, part) for name, part in fields if part is not None)
    return RecordShape(shapes) if len(shapes) == len(fields) else None


def with_shapes(declaration: Any, key: str | None = None, depth: int = 0) -> Any:
    """A declaration in which Python types are shapes: `{"goal": str}` says what YAML would say.

    Raises:
        OutputProblem: A type in it has no shape.
    """
    if depth > DEEPEST_SHAPE:
        return declaration
    if isinstance(declaration, Mapping):
        return {
            name: with_shapes(part, str(name) if key is None else key, depth + 1)
            for name, part in declaration.items()
        }
    if isinstance(declaration, (list, tuple)):
        return [with_shapes(part, key, depth + 1) for part in declaration]
    if not is_type(declaration):
        return declaration
    shape = shape_of(declaration)
    if shape is None:
        raise OutputProblem(
            f"{type_name(declaration)} cannot stand in a mapping or list of fields, which takes "
            "str, int, float, bool, list[...], X | None and Literal[...]; declare all of it as a "
            "TypedDict, a dataclass or a pydantic model.",
            key,
        )
    return shape


def is_enum_of_texts(kind: Any) -> bool:
    """Whether a type is an Enum whose values are texts: a choice among them."""
    return (
        isinstance(kind, type)
        and issubclass(kind, Enum)
        and len(kind) > 0
        and all(isinstance(member.value, str) and member.value.strip() for member in kind)
    )
