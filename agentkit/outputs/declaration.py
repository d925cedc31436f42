"""What a node's output is: it asks for it in the prompt and reads it from the completion.

A declaration is `text` (default), `number`, `integer`, `yes_no`, `code`, `json`, `action`,
`{choice: ...}` with a list or an expression, `{score: [1, 5]}` or
`{score: {1: poor, 2: fair}}`, a list like `[str]`, or a schema: a mapping of
fields to `str`, `int`, `float`, `bool`, `[str]`, another mapping, `"str | null"`,
`"one of [a, b]"`, `{choice: ...}` or `{score: ...}`. `{type: [str], max_items: 5}` and
`{type: str, max_length: 200}` are types with bounds. A mapping with the single key `choice` is
always a choice, so a schema cannot have that as its only field. In Python it can also be a type,
such as `int`, `list[str]`, a TypedDict, a dataclass or a pydantic model, or a JSON Schema.
"""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any, Final, Literal, get_args, get_origin

from agentkit.errors import OutputError, suggest
from agentkit.outputs.choice import ChoiceOutput
from agentkit.outputs.declared_shape import parse_shape
from agentkit.outputs.json_schema import compile_json_schema, is_json_schema
from agentkit.outputs.options import parse_options
from agentkit.outputs.output import Output
from agentkit.outputs.problem import OutputProblem
from agentkit.outputs.python_types import (
    PYTHON_TYPES,
    is_enum_of_texts,
    is_type,
    shape_of,
    with_shapes,
)
from agentkit.outputs.scalars import FLOAT, PLAIN_OUTPUTS, CodeOutput, JsonOutput, TextOutput
from agentkit.outputs.schema_output import SchemaOutput, compile_schema, json_excerpt
from agentkit.outputs.score import is_score, parse_levels, score_output
from agentkit.outputs.shape import Fields, ListShape, RecordShape, with_any_text
from agentkit.outputs.shape_words import declaration_of
from agentkit.outputs.typed_output import TypedOutput, compile_type, python_type
from agentkit.values import json_text

__all__ = ["compile_output", "fallback_error"]


_SCALARS: Final[Mapping[Any, Output]] = {
    str: PLAIN_OUTPUTS["text"],
    int: PLAIN_OUTPUTS["integer"],
    float: FLOAT,
    bool: PLAIN_OUTPUTS["yes_no"],
}
"""The outputs that a type of Python declares."""
_OTHER_NAMES = {
    "bool": "yes_no",
    "boolean": "yes_no",
    "rating": "{score: [1, 5]}",
    "score": "{score: [1, 5]}",
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
    if not isinstance(declaration, Fields) and is_json_schema(declaration):
        return compile_json_schema(declaration)
    if isinstance(declaration, Mapping) and is_score(declaration):
        return score_output(parse_levels(declaration["score"], "score"))
    if isinstance(declaration, (list, tuple)) and len(declaration) > 1:
        options = ", ".join(map(str, declaration))
        raise OutputProblem(
            "a list has one type in it, like [str]; "
            f"one of some texts is {{choice: [{options:.60}]}}."
        )
    if isinstance(declaration, (Mapping, list, tuple)):
        return _compile_fields(declaration)
    if is_type(declaration):
        return _compile_type(declaration)
    hint = ""
    if is_dataclass(declaration) or hasattr(declaration, "model_fields"):
        hint = f" Give the class {type(declaration).__name__} itself."
    raise OutputProblem(
        f"an output is {_known()}, or in Python {PYTHON_TYPES} or a JSON Schema; "
        f"not {declaration!r:.60}.{hint}"
    )


def _compile_fields(declaration: Any) -> Output:
    shape = parse_shape(with_shapes(declaration))
    if isinstance(shape, (ListShape, RecordShape)):
        return compile_schema(shape)
    raise OutputProblem(
        f"max_length bounds a text in a field or a list, like {{goal: {declaration_of(shape)}}}; "
        "how long a whole answer may be is 'max_tokens' of its node."
    )


def _compile_type(declaration: Any) -> Output:
    """The output for a Python type: the one that YAML has, where there is one."""
    if isinstance(declaration, type) and declaration in _SCALARS:
        return _SCALARS[declaration]
    if is_enum_of_texts(declaration):
        choice = _compile_choice([member.value for member in declaration])
        return replace(choice, python=python_type(declaration))
    options = get_args(declaration)
    if get_origin(declaration) is Literal and all(isinstance(one, str) for one in options):
        return _compile_choice(options)
    shape = shape_of(declaration)
    if isinstance(shape, (ListShape, RecordShape)):
        return compile_schema(shape)
    return compile_type(declaration)


def answer_error(output: Output, text: str) -> str | None:
    """Why a text that stands for an answer of a model could never be one, or None."""
    if isinstance(output, SchemaOutput):
        output = compile_schema(with_any_text(output.shape))
    if output.takes_action or output.reads:
        return None
    try:
        output.parse(text, {})
    except OutputError as error:
        return " ".join(str(error).split())
    return None


def fallback_error(output: Output, value: Any) -> str | None:
    """Why a value that stands in for an answer could never be one, or None.

    Texts, code and JSON take anything, and so does a choice whose options change, where any text
    may be one of them; null stands for no answer.
    """
    if isinstance(output, SchemaOutput):
        output = compile_schema(with_any_text(output.shape))
    if (
        value is None
        or output.takes_action
        or output.reads
        or isinstance(output, (TextOutput, CodeOutput, JsonOutput))
    ):
        return None
    structured = isinstance(output, (SchemaOutput, TypedOutput))
    text = json.dumps(value) if structured else json_text(value)
    try:
        read = output.parse(text, {})
    except OutputError as error:
        return f"{json_excerpt(value)} does not fit 'output': {' '.join(str(error).split())}"
    if read == value and isinstance(read, bool) == isinstance(value, bool):
        return None
    return f"{json_excerpt(value)} does not fit 'output': write {json_excerpt(read)}"


def _known() -> str:
    return (
        ", ".join(PLAIN_OUTPUTS)
        + ", {choice: ...}, {score: [1, 5]}, a list like [str], or a mapping of fields to types"
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


def _compile_choice(declared: Any) -> ChoiceOutput:
    options = parse_options(declared, "choice")
    if isinstance(options, tuple):
        return ChoiceOutput(name=f"choice of [{', '.join(options)}]", fixed=options)
    return ChoiceOutput(
        name=f"choice of {options.source}",
        schema={"type": "string"},
        expressions=(("choice", options),),
    )
