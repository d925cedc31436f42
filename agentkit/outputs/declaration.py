"""What a node's output is: it asks for it in the prompt and reads it from the completion.

A declaration is `text` (default), `number`, `integer`, `yes_no`, `code`, `json`,
`{choice: ...}` with a list or an expression, a list like `[str]`, or a schema: a mapping of
fields to `str`, `int`, `float`, `bool`, `[str]`, another mapping, `"str | null"` or
`"one of [a, b]"`. In Python it can also be a pydantic model. A mapping with the single key
`choice` is always a choice, so a schema cannot have that as its only field.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from agentkit.errors import OutputError, RenderError, suggest
from agentkit.outputs.choice import ChoiceOutput
from agentkit.outputs.scalars import (
    CodeOutput,
    IntegerOutput,
    JsonOutput,
    NumberOutput,
    TextOutput,
    YesNoOutput,
)
from agentkit.outputs.schema_output import compile_model, compile_schema
from agentkit.outputs.shape import OutputProblem, parse_shape
from agentkit.templates.template import Reads, TemplateProblem, compile_expression
from agentkit.values import json_text

__all__ = ["Output", "OutputProblem", "compile_output", "fallback_error"]


class Output(Protocol):
    """How a completion becomes a node's value."""

    @property
    def reads(self) -> Reads:
        """The names that must be known, for a choice whose options are an expression."""

    @property
    def fields(self) -> frozenset[str] | None:
        """The names that a value has and no others; None where that cannot be said."""

    def instruction(self, values: Mapping[str, Any]) -> str:
        """What stands last in the prompt; empty for text."""

    def json_schema(self, values: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """A closed JSON schema for models that can follow one; None where there is none."""

    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The value as JSON. Raises OutputError with a message for the model."""

    def describe(self) -> str:
        """The declaration on one line, for display."""


PLAIN_OUTPUTS: dict[str, Output] = {
    output.describe(): output
    for output in (
        TextOutput(),
        NumberOutput(),
        IntegerOutput(),
        YesNoOutput(),
        CodeOutput(),
        JsonOutput(),
    )
}
"""The outputs that a word declares."""
_OTHER_NAMES = {
    "bool": "yes_no",
    "boolean": "yes_no",
    "choice": "{choice: [a, b]}",
    "dict": "json",
    "float": "number",
    "int": "integer",
    "list": "[str]",
    "object": "json",
    "str": "text",
    "string": "text",
    "yes/no": "yes_no",
    "yesno": "yes_no",
}


def compile_output(declaration: Any = "text") -> Output:
    """The output for a declaration. Raises OutputProblem."""
    if isinstance(declaration, str):
        return _compile_name(declaration.strip())
    if isinstance(declaration, Mapping) and set(declaration) == {"choice"}:
        return _compile_choice(declaration["choice"])
    if isinstance(declaration, Mapping) and _is_split_choice(declaration):
        options = ", ".join(map(str, [declaration["choice"], *list(declaration)[1:]]))
        raise OutputProblem(f"the options stand in a list: {{choice: [{options:.60}]}}.")
    if isinstance(declaration, (list, tuple)) and len(declaration) > 1:
        options = ", ".join(map(str, declaration))
        raise OutputProblem(
            "a list has one type in it, like [str]; "
            f"one of some texts is {{choice: [{options:.60}]}}."
        )
    if isinstance(declaration, (Mapping, list, tuple)):
        return compile_schema(parse_shape(declaration))
    pydantic = sys.modules.get("pydantic")
    if pydantic and isinstance(declaration, type) and issubclass(declaration, pydantic.BaseModel):
        return compile_model(declaration)
    raise OutputProblem(f"an output is {_known()}, not {declaration!r:.60}.")


def fallback_error(output: Output, value: Any) -> str | None:
    """Why a value that stands in for an answer could never be one, or None.

    Texts, code and JSON take anything, and so does a choice whose options change; null stands
    for no answer.
    """
    if value is None or output.reads or isinstance(output, (TextOutput, CodeOutput, JsonOutput)):
        return None
    try:
        read = output.parse(json_text(value), {})
    except RenderError:  # the options cannot be known before the agent runs
        return None
    except OutputError as error:
        return f"{_shown(value)} does not fit 'output': {' '.join(str(error).split())}"
    if read == value and isinstance(read, bool) == isinstance(value, bool):
        return None
    return f"{_shown(value)} does not fit 'output': write {_shown(read)}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _known() -> str:
    return (
        ", ".join(PLAIN_OUTPUTS)
        + ", {choice: ...}, a list like [str], or a mapping of fields to types"
    )


def _compile_name(name: str) -> Output:
    if name in PLAIN_OUTPUTS:
        return PLAIN_OUTPUTS[name]
    if name.startswith("[") and name.endswith("]"):
        return compile_schema(parse_shape(name))
    if name.startswith("one of"):
        raise OutputProblem(f"'{name:.60}' cannot stand alone; write {{choice: [a, b]}}.")
    if other := _OTHER_NAMES.get(name.lower()):
        raise OutputProblem(f"unknown output '{name}'. Did you mean '{other}'?")
    raise OutputProblem(
        f"unknown output '{name:.60}'; choose {_known()}.{suggest(name, [*PLAIN_OUTPUTS])}"
    )


def _is_split_choice(declaration: Mapping[Any, Any]) -> bool:
    """Whether it is `{choice: left, right}`, where YAML sees a field `right` without a type."""
    first, *others = [*declaration] or [None]
    return first == "choice" and bool(others) and all(declaration[name] is None for name in others)


def _compile_choice(options: Any) -> Output:
    if isinstance(options, str):
        try:
            expression = compile_expression(options)
        except TemplateProblem as problem:
            hint = "If these are the options, write them as a list: [a, b]."
            raise OutputProblem(f"{problem.message} {hint}", "choice") from None
        return ChoiceOutput((), expression, expression.reads)
    if not isinstance(options, (list, tuple)) or not options:
        raise OutputProblem(
            "choice needs a list of texts, or an expression that gives one.", "choice"
        )
    for option in options:
        if not isinstance(option, str) or not option.strip():
            raise OutputProblem(
                f"choice: {option!r:.60} is not a text; put quotes around it.", "choice"
            )
    if len(set(options)) < len(options):
        raise OutputProblem("an option is given twice.", "choice")
    return ChoiceOutput(tuple(options))
