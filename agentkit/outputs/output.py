"""What every kind of output is: it asks for a value in the prompt and reads it from an answer."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from agentkit.errors import OutputError
from agentkit.messages import QuestionKind
from agentkit.templates.prompt_names import merge_reads
from agentkit.templates.template import Expression, Reads
from agentkit.values import JsonSchema, json_copy

if TYPE_CHECKING:
    from pydantic import TypeAdapter


@dataclass(frozen=True, slots=True)
class PythonType:
    """A Python type whose values are written as JSON."""

    name: str
    """How it is called in messages."""
    adapter: "TypeAdapter[Any]" = field(repr=False)
    """Pydantic's validator of the type."""

    def load(self, value: Any) -> Any:
        """Return the Python value of a JSON value; one that is no answer stays as it is.

        Such are an `initial` or `otherwise` of another kind than the answers.
        """
        try:
            return self.as_python(value)
        except Exception:  # validators may raise anything on what is no answer
            return value

    def dump(self, value: Any) -> Any:
        """Return a Python value as JSON, under the names that Python has for its fields."""
        return self.adapter.dump_python(value, mode="json", by_alias=False, warnings=False)

    def given(self, value: Any) -> Any:
        """Return a value that the program gave, such as an instance, as JSON.

        Raises:
            TypeError: It is neither JSON nor of this type.
        """
        from pydantic import ValidationError

        try:
            return json_copy(value)
        except TypeError:
            try:
                return json_copy(self.dump(self.adapter.validate_python(value)))
            except ValidationError as error:
                raise TypeError(f"{value!r:.60} is no {self.name}") from error

    def as_python(self, value: Any) -> Any:
        """Return the Python value of a JSON value. Raises whatever its validators do."""
        from pydantic import ValidationError

        try:
            return self._validate(value)
        except ValidationError as error:
            computed = [e["loc"] for e in error.errors() if e["type"] == "extra_forbidden"]
            if not computed:
                raise
        return self._validate(_without(value, computed))

    def _validate(self, value: Any) -> Any:
        return self.adapter.validate_json(json.dumps(value), by_alias=True, by_name=True)


def _without(value: Any, places: list[tuple[int | str, ...]]) -> Any:
    """Return a copy without some fields: computed ones, which are written and not read."""
    copy = json_copy(value)
    for *path, key in places:
        part = copy
        for step in path:
            part = part[step]
        del part[key]
    return copy


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(ABC):
    """How a completion becomes a node's value."""

    question_kind: ClassVar[QuestionKind | None] = None
    """How an answer is one of few options, so that a model can decide it; None where it is not."""

    name: str
    """The declaration on one line, for display."""
    asks: str = field(default="", repr=False)
    """What stands last in the prompt, where it is the same in every step."""
    schema: JsonSchema | None = field(default=None, repr=False)
    """A JSON schema for models that can follow one, with any text for options that change."""
    expressions: tuple[tuple[str | None, Expression], ...] = ()
    """What gives the options of its choices, each with the field of the schema that it is in."""
    takes_action: bool = False
    """Whether the environment reads the answer, or a part of it."""
    fields: frozenset[str] | None = None
    """The names that a value has and no others; None where that cannot be said."""
    python: PythonType | None = None
    """Makes the value that Python gets; None where that is the JSON itself."""

    @property
    def is_closed(self) -> bool:
        """Whether an answer is one of few options, so that a model can decide it."""
        return self.question_kind is not None

    @property
    def meanings(self) -> tuple[str, ...]:
        """What each of the options means; empty where that is not said."""
        return ()

    @property
    def reads(self) -> Reads:
        """The names that must be known, for choices whose options are expressions."""
        found: dict[str, frozenset[str] | None] = {}
        for _, expression in self.expressions:
            merge_reads(found, expression.reads)
        return found

    def describe(self) -> str:
        """The declaration on one line, for display."""
        return self.name

    def instruction(self, values: Mapping[str, Any]) -> str:
        """What stands last in the prompt; empty for text."""
        return self.asks

    def json_schema(self, values: Mapping[str, Any]) -> JsonSchema | None:
        """A closed JSON schema for models that can follow one; None where there is none."""
        return self.schema

    def options(self, values: Mapping[str, Any]) -> Sequence[str]:
        """The options of this step as texts, of an output that is closed.

        Raises:
            RenderError: There are none.
        """
        return ()

    def value_of(self, option: str) -> Any:
        """The value of a decision for one of the options."""
        return option

    @abstractmethod
    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The value as JSON. Raises OutputError with a message for the model."""

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> Any:
        """Return the value as JSON of an answer that was truncated after it was complete.

        Raises OutputError where the missing rest could change the value.
        """
        raise OutputError("The answer is not complete.")
