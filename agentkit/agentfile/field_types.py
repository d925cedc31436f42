"""What fields hold that YAML writes in a way of its own: expressions, JSON, short forms."""

from functools import partial
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WrapValidator
from pydantic_core import PydanticCustomError

from agentkit.agentfile.line_numbers import Flaw
from agentkit.agentfile.yaml_values import Odd, YesNo
from agentkit.models.setting_fields import Text, field, table
from agentkit.outputs.scalars import PLAIN_OUTPUTS
from agentkit.outputs.shape import SCALARS


def _flaw(message: str, instead: str) -> PydanticCustomError:
    """Return a fault with a message of its own, and what was surely meant."""
    return PydanticCustomError("flaw", "{message}", {"message": message, "instead": instead})


def _truth(word: YesNo) -> str:
    return "true" if word.lower() in ("yes", "on") else "false"


def _expression(value: Any) -> Any:
    if isinstance(value, YesNo):
        message = f"'{value}' is no boolean in YAML 1.2: write true or false"
        raise _flaw(message, _truth(value))
    if isinstance(value, str):
        text = value.strip()
        if text.startswith("{{") and text.endswith("}}"):
            inner = text[2:-2].strip()
            raise _flaw(f"an expression stands without the braces: write {inner}", inner)
        return text
    if isinstance(value, bool):
        return str(value).lower()
    return "none" if value is None else repr(value) if isinstance(value, (int, float)) else value


Expression = Annotated[
    str,
    BeforeValidator(_expression, json_schema_input_type=str | int | float | bool | None),
    Field(title="An expression", description="An expression"),
]
"""A Jinja expression; numbers, booleans and null stand for themselves."""


def _json(value: Any, *, words: bool = False) -> Any:
    """Return a value as JSON; `words` tells that `yes` and `no` are surely texts."""
    flaws: list[Flaw] = []
    cleaned = _cleaned(value, words, flaws)
    if flaws:
        raise PydanticCustomError("flaws", "{flaws}", {"flaws": flaws})
    return cleaned


def _cleaned(value: Any, words: bool, flaws: list[Flaw]) -> Any:
    if isinstance(value, dict):
        return {key: _cleaned(inner, words, flaws) for key, inner in value.items()}
    if isinstance(value, list):
        return [_cleaned(inner, words, flaws) for inner in value]
    message = None
    if isinstance(value, YesNo) and not words:
        message = (
            f"'{value}' is a text in YAML 1.2: write {_truth(value)}, or \"{value}\" in quotes "
            "if the text is meant"
        )
    elif isinstance(value, Odd) and value.node.value:
        message = f"'{value.node.value}' is no number in JSON"
        if value.node.value.strip("+-").isdigit():
            message = "this number is too long: put quotes around it"
    if message is not None:
        flaws.append(Flaw(value.node.start_mark.index, message))
    if isinstance(value, Odd):
        return None
    return str(value) if isinstance(value, YesNo) else value


def plain_json(value: Any, flaws: list[Flaw]) -> Any:
    """Return a value of YAML as JSON, in which `yes` and `no` are texts; adds to `flaws`."""
    return _cleaned(value, True, flaws)


Json = Annotated[Any, BeforeValidator(_json)]
"""Any JSON value."""
_BOUNDS: Any = {
    "max_items": field(int, "The most items of a list.", ge=1, examples=[5]),
    "max_length": field(int, "The most characters of a text.", ge=1, examples=[200]),
}
_WORD: Any = Literal[tuple(SCALARS)] | Annotated[str, Field(pattern=r"\||^\s*(one\s+of\s*)?\[")]
_LIST: Any = Annotated[list[Any], Field(min_length=1, max_length=1)]
_BOUNDED: Any = table(
    "bounds",
    {
        "type": field(
            _WORD | _LIST, "The type that has bounds.", needed=True, examples=["str", ["str"]]
        ),
        **_BOUNDS,
    },
)
_CHOICE: Any = field(
    str | list[str],
    "The words to choose from.",
    needed=True,
    examples=[["left", "right"], "actions"],
)
_CHOICES: Any = table("choice", {"choice": _CHOICE})
_SCORES: Any = table(
    "score",
    {
        "score": field(
            Annotated[list[int], Field(min_length=2, max_length=2)]
            | Annotated[
                dict[str, str],
                Field(json_schema_extra={"propertyNames": {"pattern": r"^-?\d+$"}}),
            ],
            "The whole numbers to choose from: the lowest and the highest, or each with its "
            "meaning.",
            needed=True,
            examples=[[1, 5], {"1": "poor", "2": "fair", "3": "good"}],
        )
    },
)
_TypeForm: Any = (
    _WORD | _LIST | _BOUNDED | _CHOICES | _SCORES | Annotated[dict[str, Any], Field(min_length=1)]
)
_OutputForm: Any = (
    Literal[tuple(PLAIN_OUTPUTS)]
    | Annotated[str, Field(pattern=r"^\s*\[")]
    | _CHOICES
    | _SCORES
    | _BOUNDED
    | Annotated[list[_TypeForm], Field(min_length=1, max_length=1)]
    | Annotated[dict[str, _TypeForm], Field(min_length=1)]
)
Output = Annotated[
    Any, BeforeValidator(partial(_json, words=True), json_schema_input_type=_OutputForm)
]
"""A declaration of an output, in which `yes` and `no` are texts."""


_Example: Any = table(
    "example",
    {
        "user": field(Text, "What the model is asked.", needed=True, examples=["Is it dark?"]),
        "assistant": field(
            Annotated[Any, BeforeValidator(partial(_json, words=True))],
            "What it answers: a text, or the value that is written as JSON.",
            needed=True,
            examples=["yes", {"why": "no tree is near", "action": "move_left"}],
        ),
    },
    "An example such as {user: What now?, assistant: noop}",
)
Examples: Any = list[_Example]
"""Questions and answers that are shown to a model before it is asked."""


def or_text(fields: Any, title: str | None = None) -> Any:
    """Return the type of a text that stands for the first of some fields, or of all the fields."""
    keep = WrapValidator(
        lambda value, read: str(value) if isinstance(value, str) else read(value),
        json_schema_input_type=Text | fields,
    )
    return Annotated[fields, keep, Field(title=title, description=title)]


def one_or_more(kind: Any) -> Any:
    """Return the type of one value, or of a list of such values."""
    as_list = BeforeValidator(
        lambda value: tuple(value) if isinstance(value, list) else (value,),
        json_schema_input_type=kind | list[kind],
    )
    return Annotated[tuple[kind, ...], as_list]
