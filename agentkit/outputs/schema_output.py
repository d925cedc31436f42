"""An output in JSON that follows a declared schema, and what is wrong with one.

pydantic is heavy, so it is imported when the first schema is compiled.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import OutputError
from agentkit.outputs.action import PARSE_ACTION
from agentkit.outputs.json_extraction import check_numbers, find_json
from agentkit.outputs.large_values import FIRST_ITEMS, first_items, is_large, without_most_others
from agentkit.outputs.options import evaluate_options
from agentkit.outputs.output import Output
from agentkit.outputs.shape import (
    ACTION,
    ChoiceShape,
    ListShape,
    NullableShape,
    RecordShape,
    Shape,
    json_schema_of,
    leaves,
    with_options,
)
from agentkit.outputs.shape_validator import quick_adapter, shape_adapter
from agentkit.outputs.shape_words import declaration_of, form_of, is_blank_form, words_for
from agentkit.values import JsonSchema

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

_LISTED_ERRORS = 20
_TOO_LONG: Final = ("string_too_long", "too_long")
_MOST_ERRORS = 10_000
"""Above these they are counted only: each takes a kilobyte."""
_LONGEST_FAULT = 300
COPIED: Final = "It only repeats the form that was asked for. Fill it in with your own values."
"""What is said of an answer that is a copy of what the prompt shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaOutput(Output):
    """A JSON value that fits a declared shape."""

    shape: Shape
    """The declared type."""
    adapter: "TypeAdapter[Any]" = field(repr=False)
    """The pydantic validator of the shape."""

    def instruction(self, values: Mapping[str, Any]) -> str:
        """What stands last in the prompt: the form of the answer."""
        return _asks(with_options(self.shape, values)) if self.expressions else self.asks

    def json_schema(self, values: Mapping[str, Any]) -> JsonSchema | None:
        """The closed JSON schema, with the options of this step."""
        if not self.expressions:
            return self.schema
        return json_schema_of(with_options(self.shape, values))

    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The last JSON value of the right kind, checked field by field."""
        return self._checked(find_json(text, self._kind), values)

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> Any:
        """The last JSON value of the right kind, where no other was begun after it."""
        return self._checked(find_json(text, self._kind, is_cut=True), values)

    @property
    def _kind(self) -> type:
        return list if isinstance(self.shape, ListShape) else dict

    def _checked(self, value: Any, values: Mapping[str, Any]) -> Any:
        from pydantic import ValidationError

        options: dict[Any, Any] = {
            one: evaluate_options(one, values) for _, one in self.expressions
        }
        if self.takes_action:
            options[PARSE_ACTION] = values[PARSE_ACTION]
        try:
            if is_large(value):
                value = without_most_others(value, self.shape)
                self.adapter.validate_python(first_items(value), context=options)
                valid = quick_adapter(self.shape).validate_python(value, context=options)
            else:
                valid = self.adapter.validate_python(value, context=options)
        except ValidationError as error:
            raise OutputError(complaint(error, with_options(self.shape, values))) from None
        answer = self.adapter.dump_python(valid, mode="json", by_alias=True)
        check_numbers(answer)
        if is_blank_form(answer, self.shape):
            raise OutputError(COPIED)
        return answer


@lru_cache(maxsize=256)
def compile_schema(shape: Shape) -> SchemaOutput:
    """An output for a declared shape."""
    parts = tuple(leaves(shape))
    choices = tuple((key, one.expression) for key, one in parts if isinstance(one, ChoiceShape))
    return SchemaOutput(
        name=declaration_of(shape),
        asks="" if choices else _asks(shape),
        schema=json_schema_of(shape),
        expressions=choices,
        takes_action=any(part == ACTION for _, part in parts),
        fields=frozenset(dict(shape.fields)) if isinstance(shape, RecordShape) else None,
        shape=shape,
        adapter=shape_adapter(shape),
    )


def _asks(shape: Shape) -> str:
    kind = "list" if isinstance(shape, ListShape) else "object"
    return f"Answer with one JSON {kind} and nothing else, in this form:\n{form_of(shape)}"


def complaint(error: "ValidationError", shape: Shape | None = None) -> str:
    """What is wrong with an answer, for the model: every fault with its place."""
    count = error.error_count()
    if count > _MOST_ERRORS:
        return f"The JSON does not fit the schema: {count:,} places in it are wrong."
    details = error.errors(include_url=False)
    return listed_faults((path_of(detail["loc"]), _fault(detail, shape)) for detail in details)


def listed_faults(faults: Iterable[tuple[str, str]]) -> str:
    """A message with places in an answer and what is wrong there."""
    lines = [f"- {place}: {fault[:_LONGEST_FAULT]}" for place, fault in faults]
    if len(lines) > _LISTED_ERRORS:
        lines[_LISTED_ERRORS:] = [f"- and {len(lines) - _LISTED_ERRORS} more"]
    return "The JSON does not fit the schema:\n" + "\n".join(lines)


def json_excerpt(value: Any) -> str:
    """A value as messages show it."""
    found = json.dumps(value, ensure_ascii=False, default=str)
    return found if len(found) <= 80 else found[:77] + "..."


def path_of(location: Sequence[int | str]) -> str:
    """Where in an answer something is: `steps[2].name`."""
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
    if detail["type"] == "action":
        return str(detail["msg"])
    if expected := _expected(shape, detail["loc"]):
        if detail["type"] in _TOO_LONG:
            return f"expected {expected}, found {_size(detail['input'])}"
        hint = f".{detail['msg']}" if detail["type"] == "option" and detail["msg"] else ""
        return f"expected {expected}, found {json_excerpt(detail['input'])}{hint}"
    if detail["type"] in ("value_error", "assertion_error"):  # a validator of the program
        return str(detail["ctx"]["error"]) or detail["msg"]
    message = detail["msg"]
    return f"{message[:1].lower()}{message[1:]}, found {json_excerpt(detail['input'])}"


def _size(value: Sequence[Any]) -> str:
    """How long a text or list is; of a large answer, only the first items are looked at."""
    if isinstance(value, str):
        return f"{len(value):,} characters"
    return f"{len(value)} or more" if len(value) == FIRST_ITEMS else f"{len(value):,}"


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
