"""What every kind of output is: it asks for a value in the prompt and reads it from an answer."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentkit.templates.template import Reads
from agentkit.values import JsonSchema

if TYPE_CHECKING:
    from agentkit.outputs.typed_output import PythonType


@dataclass(frozen=True, slots=True, kw_only=True)
class Output(ABC):
    """How a completion becomes a node's value."""

    name: str
    """The declaration on one line, for display."""
    asks: str = field(default="", repr=False)
    """What stands last in the prompt, where it is the same in every step."""
    schema: JsonSchema | None = field(default=None, repr=False)
    """A JSON schema for models that can follow one, where it is the same in every step."""
    reads: Reads = field(default_factory=dict)
    """The names that must be known, for a choice whose options are an expression."""
    fields: frozenset[str] | None = None
    """The names that a value has and no others; None where that cannot be said."""
    python: "PythonType | None" = None
    """Makes the value that Python gets; None where that is the JSON itself."""

    def describe(self) -> str:
        """The declaration on one line, for display."""
        return self.name

    def instruction(self, values: Mapping[str, Any]) -> str:
        """What stands last in the prompt; empty for text."""
        return self.asks

    def json_schema(self, values: Mapping[str, Any]) -> JsonSchema | None:
        """A closed JSON schema for models that can follow one; None where there is none."""
        return self.schema

    @abstractmethod
    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The value as JSON. Raises OutputError with a message for the model."""
