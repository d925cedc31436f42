"""What a node's output is: it asks for it in the prompt and reads it from the completion.

A declaration is `text` (default), `number`, `integer`, `yes_no`, `code`, `json`,
`{choice: ...}` with a list or an expression, a list like `[str]`, or a schema: a mapping of
fields to `str`, `int`, `float`, `bool`, `[str]`, another mapping, `"str | null"` or
`"one of [a, b]"`. `{type: [str], max_items: 5}` and `{type: str, max_length: 200}` are types with
bounds. A mapping with the single key `choice` is always a choice, so a schema cannot
have that as its only field. In Python it can also be a type, such as `int`, `list[str]`, a
TypedDict, a dataclass or a pydantic model, or a JSON Schema.
"""

import json
from collections.abc import Mapping
from dataclasses import is_dataclass, replace
from typing import Any, Final, Literal, get_args, get_origin

from agentkit.errors import OutputError, RenderError, suggest
from agentkit.outputs.choice import ChoiceOutput
from agentkit.outputs.json_schema import compile_json_schema, is_json_schema
from agentkit.outputs.output import Output
from agentkit.outputs.python_types import (
    PYTHON_TYPES,
    is_enum_of_texts,
    is_type,
    shape_of,
    with_shapes,
)
from agentkit.outputs.scalars import FLOAT, PLAIN_OUTPUTS, CodeOutput, JsonOutput, TextOutput
from agentkit.outputs.schema_output import SchemaOutput, compile_schema, json_excerpt
from agentkit.outputs.shape import Fields, ListShape, OutputProblem, RecordShape, parse_shape
from agentkit.outputs.shape_words import declaration_of
from agentkit.outputs.typed_output import TypedOutput, compile_type, python_type
from agentkit.templates.template import TemplateProblem, compile_expression
from agentkit.values import json_text

__all__ = ["OutputProblem", "compile_output", "fallback_error"]


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


def fallback_error(output: Output, value: Any) -> str | None:
    """Why a value that stands in for an answer could never be one, or None.

    Texts, code and JSON take anything, and so does a choice whose options change; null stands
    for no answer.
    """
    if value is None or output.reads or isinstance(output, (TextOutput, CodeOutput, JsonOutput)):
        return None
    structured = isinstance(output, (SchemaOutput, TypedOutput))
    text = json.dumps(value) if structured else json_text(value)
    try:
        read = output.parse(text, {})
    except RenderError:  # the options cannot be known before the agent runs
        return None
    except OutputError as error:
        return f"{json_excerpt(value)} does not fit 'output': {' '.join(str(error).split())}"
    if read == value and isinstance(read, bool) == isinstance(value, bool):
        return None
    return f"{json_excerpt(value)} does not fit 'output': write {json_excerpt(read)}"


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


def _compile_choice(options: Any) -> ChoiceOutput:
    if isinstance(options, str):
        try:
            expression = compile_expression(options)
        except TemplateProblem as problem:
            hint = "If these are the options, write them as a list: [a, b]."
            raise OutputProblem(f"{problem.message} {hint}", "choice") from None
        name = f"choice of {expression.source}"
        return ChoiceOutput(name=name, expression=expression, reads=expression.reads)
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
    return ChoiceOutput(name=f"choice of [{', '.join(options)}]", fixed=tuple(options))
