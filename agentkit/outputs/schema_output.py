"""An output in JSON that follows a declared schema, or a pydantic model.

pydantic is heavy, so it is imported when the first schema is compiled.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from agentkit.errors import OutputError
from agentkit.outputs.json_extraction import check_numbers, find_json
from agentkit.outputs.large_values import first_items, is_large, without_most_others
from agentkit.outputs.shape import (
    ListShape,
    NullableShape,
    OneOfShape,
    RecordShape,
    ScalarShape,
    Shape,
    declaration_of,
    form_of,
    json_schema_of,
    words_for,
)
from agentkit.templates.template import Reads

if TYPE_CHECKING:
    from pydantic import BaseModel, TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

_LISTED_ERRORS = 20
_MOST_ERRORS = 10_000
"""Above these they are counted only: each takes a kilobyte."""
_KINDS = {"array": list, "object": dict}


@dataclass(frozen=True, slots=True)
class SchemaOutput:
    """A JSON value that fits a declared shape."""

    shape: Shape
    """The declared type."""
    adapter: "TypeAdapter[Any]" = field(repr=False)
    """The pydantic validator of the shape."""
    schema: Mapping[str, Any] = field(repr=False)
    """The shape as JSON schema."""

    @property
    def reads(self) -> Reads:
        """The names that must be known: none."""
        return {}

    @property
    def fields(self) -> frozenset[str] | None:
        """The names that a value has and no others; None for a list."""
        if not isinstance(self.shape, RecordShape):
            return None
        return frozenset(name for name, _ in self.shape.fields)

    def instruction(self, values: Mapping[str, Any]) -> str:
        """What stands last in the prompt."""
        kind = "list" if isinstance(self.shape, ListShape) else "object"
        form = form_of(self.shape)
        return f"Answer with one JSON {kind} and nothing else, in this form:\n{form}"

    def json_schema(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The JSON schema, for models that can follow one."""
        return self.schema

    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The last JSON value of the right kind, checked field by field."""
        from pydantic import ValidationError

        value = find_json(text, list if isinstance(self.shape, ListShape) else dict)
        try:
            if is_large(value):
                value = without_most_others(value, self.shape)
                self.adapter.validate_python(first_items(value))
                valid = _quick_adapter(self.shape).validate_python(value)
            else:
                valid = self.adapter.validate_python(value)
        except ValidationError as error:
            raise OutputError(_complaint(error, self.shape)) from None
        answer = self.adapter.dump_python(valid, mode="json", by_alias=True)
        check_numbers(answer)
        return answer

    def describe(self) -> str:
        """The declaration, for display."""
        return declaration_of(self.shape)


@dataclass(frozen=True, slots=True)
class ModelOutput:
    """A JSON object that fits a pydantic model; the value is what the model dumps."""

    model: "type[BaseModel]"
    """The model."""
    schema: Mapping[str, Any] = field(repr=False)
    """Its JSON schema, closed."""

    @property
    def reads(self) -> Reads:
        """The names that must be known: none."""
        return {}

    @property
    def fields(self) -> frozenset[str] | None:
        """The names that a value has and no others; None where the model leaves that open."""
        model = self.model
        shaped = model.__pydantic_root_model__ or model.__pydantic_decorators__.model_serializers
        if shaped or model.model_config.get("extra") == "allow":
            return None
        return frozenset(model.model_fields) | frozenset(model.model_computed_fields)

    @property
    def _kind(self) -> type | None:
        """What an answer is, as its schema says; None: neither always a list nor an object."""
        schema = self.schema
        if "$ref" in schema:  # a model with itself inside
            schema = schema["$defs"][schema["$ref"].rpartition("/")[2]]
        return _KINDS.get(schema.get("type", ""))

    def instruction(self, values: Mapping[str, Any]) -> str:
        """What stands last in the prompt: the whole schema, since it may say more than a form."""
        text = json.dumps(self.schema, ensure_ascii=False)
        kind = "list" if self._kind is list else "object" if self._kind is dict else "value"
        return (
            f"Answer with one JSON {kind} and nothing else. It must fit this JSON schema:\n{text}"
        )

    def json_schema(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """The JSON schema, for models that can follow one."""
        return self.schema

    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The last JSON value of the right kind, checked by the model."""
        from pydantic import ValidationError

        value = find_json(text, self._kind)
        try:
            if is_large(value):
                self.model.model_validate(first_items(value))
            answer = self.model.model_validate(value).model_dump(mode="json")
        except ValidationError as error:
            raise OutputError(_complaint(error, None)) from None
        check_numbers(answer)
        return answer

    def describe(self) -> str:
        """The name of the model."""
        return self.model.__name__


@lru_cache(maxsize=256)
def compile_schema(shape: Shape) -> SchemaOutput:
    """An output for a declared shape."""
    from pydantic import TypeAdapter

    return SchemaOutput(shape, TypeAdapter(_annotation(shape)), json_schema_of(shape))


@lru_cache(maxsize=256)
def _quick_adapter(shape: Shape) -> "TypeAdapter[Any]":
    """The validator of a shape that stops at the first wrong item of a list."""
    from pydantic import TypeAdapter

    return TypeAdapter(_annotation(shape, fail_fast=True))


def compile_model(model: "type[BaseModel]") -> ModelOutput:
    """An output for a pydantic model."""
    schema = model.model_json_schema()
    _close(schema)
    return ModelOutput(model, schema)


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


def _annotation(shape: Shape, fail_fast: bool = False) -> Any:
    from pydantic import BeforeValidator, Field

    match shape:
        case ScalarShape("int"):
            return Annotated[int, Field(strict=True), BeforeValidator(_whole)]
        case ScalarShape(kind):
            types: dict[str, type] = {"str": str, "float": float, "bool": bool}
            return Annotated[types[kind], Field(strict=True)]
        case OneOfShape(options):
            return Literal[options]
        case ListShape(item):
            items: Any = list[_annotation(item, fail_fast)]  # type: ignore[misc]
            return Annotated[items, Field(fail_fast=True)] if fail_fast else items
        case NullableShape(inner):
            return _annotation(inner, fail_fast) | None
        case RecordShape():
            return _model(shape, fail_fast)


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


def _complaint(error: "ValidationError", shape: Shape | None) -> str:
    count = error.error_count()
    if count > _MOST_ERRORS:
        return f"The JSON does not fit the schema: {count:,} places in it are wrong."
    details = error.errors(include_url=False)[:_LISTED_ERRORS]
    lines = [f"- {_path(detail['loc'])}: {_fault(detail, shape)}" for detail in details]
    if count > _LISTED_ERRORS:
        lines.append(f"- and {count - _LISTED_ERRORS} more")
    return "The JSON does not fit the schema:\n" + "\n".join(lines)


def _path(location: tuple[int | str, ...]) -> str:
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return path.lstrip(".") or "the answer"


def _fault(detail: "ErrorDetails", shape: Shape | None) -> str:
    if detail["type"] == "missing":
        expected = _expected(shape, detail["loc"])
        return f"it is missing; expected {expected}" if expected else "it is missing"
    if detail["type"] == "extra_forbidden":
        parent = _shape_at(shape, detail["loc"][:-1])
        known = (
            ", ".join(name for name, _ in parent.fields) if isinstance(parent, RecordShape) else ""
        )
        return "there is no such field" + (f"; the fields are: {known}" if known else "")
    expected = _expected(shape, detail["loc"]) or detail["msg"]
    found = json.dumps(detail["input"], ensure_ascii=False, default=str)
    return f"expected {expected}, found {found if len(found) <= 80 else found[:77] + '...'}"


def _expected(shape: Shape | None, location: tuple[int | str, ...]) -> str:
    found = _shape_at(shape, location)
    return words_for(found) if found is not None else ""


def _shape_at(shape: Shape | None, location: tuple[int | str, ...]) -> Shape | None:
    for part in location:
        if isinstance(shape, NullableShape):
            shape = shape.inner
        if isinstance(shape, ListShape):
            shape = shape.item
        elif isinstance(shape, RecordShape):
            shape = dict(shape.fields).get(str(part))
    return shape
