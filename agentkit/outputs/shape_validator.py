"""Pydantic's validators of declared schemas: what a field takes besides what it should be.

pydantic is heavy, so it is imported when the first schema is compiled.
"""

import json
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Annotated, Any

from agentkit.errors import OutputError
from agentkit.outputs.action import read_action
from agentkit.outputs.options import find_option, nearest_option
from agentkit.outputs.scalars import whole_word
from agentkit.outputs.score import Levels, find_level
from agentkit.outputs.shape import (
    ChoiceShape,
    ListShape,
    NullableShape,
    OneOfShape,
    RecordShape,
    ScalarShape,
    ScoreShape,
    Shape,
)

if TYPE_CHECKING:
    from pydantic import TypeAdapter


def shape_adapter(shape: Shape) -> "TypeAdapter[Any]":
    """Return the validator of a shape. Its context has the options of choices and PARSE_ACTION."""
    from pydantic import TypeAdapter

    return TypeAdapter(_annotation(shape))


@lru_cache(maxsize=256)
def quick_adapter(shape: Shape) -> "TypeAdapter[Any]":
    """The validator of a shape that stops at the first wrong item of a list."""
    from pydantic import TypeAdapter

    return TypeAdapter(_annotation(shape, fail_fast=True))


def _annotation(shape: Shape, fail_fast: bool = False) -> Any:
    from pydantic import BeforeValidator, Field

    match shape:
        case ScalarShape("int"):
            return Annotated[int, Field(strict=True), BeforeValidator(_whole)]
        case ScalarShape("bool"):
            return Annotated[bool, Field(strict=True), BeforeValidator(_truth)]
        case ScalarShape("action"):
            return Annotated[str, BeforeValidator(_action)]
        case ScalarShape(kind, most):
            types: dict[str, type] = {"str": str, "float": float}
            return Annotated[types[kind], Field(strict=True, max_length=most)]
        case OneOfShape() | ScoreShape() | ChoiceShape():
            return _closed_annotation(shape)
        case ListShape(item, most):
            items: Any = list[_annotation(item, fail_fast)]  # type: ignore[misc]
            return Annotated[items, Field(fail_fast=fail_fast or None, max_length=most)]
        case NullableShape(inner):
            return _annotation(inner, fail_fast) | None
        case RecordShape():
            return _model(shape, fail_fast)


def _closed_annotation(shape: OneOfShape | ScoreShape | ChoiceShape) -> Any:
    from pydantic import BeforeValidator

    match shape:
        case OneOfShape(options):
            return Annotated[str, BeforeValidator(partial(_option, options))]
        case ScoreShape(levels):
            return Annotated[int, BeforeValidator(partial(_score, levels))]
        case ChoiceShape(expression):

            def among(value: Any, info: Any) -> str:
                return _option(info.context[expression], value)

            return Annotated[str, BeforeValidator(among)]


def _option(options: Sequence[str], value: Any) -> str:
    """Return the option that a field says, read as freely as a whole answer is."""
    from pydantic_core import PydanticCustomError

    if not isinstance(value, str):
        value = json.dumps(value) if isinstance(value, (bool, int, float)) else ""
    if (found := find_option(value, options)) is None:
        raise PydanticCustomError("option", "{hint}", {"hint": nearest_option(value, options)})
    return found


def _action(value: Any, info: Any) -> str:
    """Return the action that a field says, as the environment reads it."""
    from pydantic_core import PydanticCustomError

    try:
        return read_action(value, info.context)
    except OutputError as error:
        raise PydanticCustomError("action", "{why}", {"why": str(error)}) from None


def _score(levels: Levels, value: Any) -> int:
    """Return the number that a field says, read as freely as a whole answer is."""
    from pydantic_core import PydanticCustomError

    if (found := find_level(value, levels)) is None:
        raise PydanticCustomError("score", "no such score")
    return found


def _truth(value: Any) -> Any:
    """Return true or false for the words that mean it, which a question may have asked for."""
    word = whole_word(value) if isinstance(value, str) else None
    return value if word is None else word


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _model(record: RecordShape, fail_fast: bool) -> Any:
    """A pydantic model; its own field names are neutral, so that no declared name can clash.

    A field that may be null is null where an answer leaves it out.
    """
    from pydantic import ConfigDict, Field, create_model

    def _field(name: str, kind: Shape) -> Any:
        if isinstance(kind, NullableShape):
            return Field(default=None, alias=name)
        return Field(alias=name)

    fields: dict[str, Any] = {
        f"field_{number}": (_annotation(kind, fail_fast), _field(name, kind))
        for number, (name, kind) in enumerate(record.fields)
    }
    return create_model("Answer", __config__=ConfigDict(extra="forbid"), **fields)
