"""The settings of models, as tables: what each field holds, in Python and in YAML."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache
from typing import Annotated, Any, Final, Literal, Required

from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    WrapValidator,
    with_config,
)
from typing_extensions import TypedDict

from agentkit.errors import InputError
from agentkit.models.field_words import expected, schema_at
from agentkit.program.argument_kinds import check_given, wrong_kind
from agentkit.values import checked_copy, json_text

Text = Annotated[str, Field(title="A text", json_schema_extra={"minLength": 1})]
"""A text that an editor wants to be there."""
_AS_WRITTEN = WrapValidator(lambda value, check: (check(value), value)[1])
"""Keeps whole numbers whole where others may stand, after the rules of the field."""
_KINDS: Final = {int: "A whole number", float: "A number", bool: "True or false"}
_NEVER_NONE: Final = frozenset(
    {
        "timeout_s",
        "retries",
        "max_concurrency",
        "input",
        "output",
        "stream",
        "structured",
        "extra",
        "engine",
        "dtype",
        "device",
        "option_scores",
        "telemetry",
    }
)
_SENT: Final = {
    "model": "the name after 'openai:'",
    "messages": "the prompts of the nodes",
    "prompt": "the prompts of the nodes",
    "input": "the prompts of the nodes",
    "temperature": "the setting 'temperature'",
    "top_p": "the setting 'top_p'",
    "max_tokens": "the setting 'max_tokens'",
    "max_completion_tokens": "the setting 'max_tokens'",
    "max_output_tokens": "the setting 'max_tokens'",
    "n_predict": "the setting 'max_tokens'",
    "stop": "the setting 'stop'",
    "seed": "the setting 'seed'",
    "stream": "the setting 'stream'",
    "stream_options": "the setting 'stream'",
    "response_format": "the node's 'output', and the setting 'structured'",
}
"""Fields of a request that AgentKit sends, by all their names, and what to use instead."""
_OF_SEVERAL: Final = ("n", "n_cmpl")
"""Fields that ask for several answers, whose pieces would come mixed."""
_LONGEST_EXTRA: Final = 100_000
"""Bytes of the JSON of all extra fields: a long grammar fits."""


def texts(title: str, item: str) -> Any:
    """Return the type of texts in a list or tuple, with what messages say they are."""
    one = Annotated[Text, Field(title=item)]
    as_tuple = BeforeValidator(lambda value: tuple(value) if isinstance(value, list) else value)
    return Annotated[tuple[one, ...], as_tuple, Field(title=title)]


def field(kind: Any, says: str, title: str = "", *, needed: bool = False, **rules: Any) -> Any:
    """Return a field of a table.

    Args:
        kind: The type of its value.
        says: What editors show.
        title: What messages say it holds, where its type and bounds do not tell.
        needed: Whether it has to be given.
        rules: Bounds (`ge`, `le`) and `examples`, as pydantic has them.
    """
    if kind in _KINDS:
        title = _KINDS[kind] + _bounds(rules.get("ge"), rules.get("le"))
    about = Field(description=says, **({"title": title, **rules} if title else rules))
    whole = Annotated[kind, about, _AS_WRITTEN] if kind is float else Annotated[kind, about]
    return Required[whole] if needed else whole


def _bounds(low: float | None, high: float | None) -> str:
    if high is not None:
        return f" from {low} to {high}"
    return "" if low is None else f" of {low} or more"


def table(name: str, fields: Mapping[str, Any], title: str = "") -> Any:
    """Return the type of a mapping that has some of these fields and no others."""
    strict = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, title=title or name)
    typed_dict: Any = TypedDict
    return with_config(strict)(typed_dict(name, dict(fields), total=False))


def extra_field(value: Any) -> Any:
    """Return the field of what a server takes beside the usual settings, each of a type."""
    return field(
        dict[str, value],
        "The server's own fields of a request, such as its sampling; of openai: and local:.",
        "A mapping such as {min_p: 0.05}",
        examples=[{"repeat_penalty": 1.1, "min_p": 0.05}],
    )


SAMPLING: Final = {
    "temperature": field(
        float,
        "How freely tokens are picked; 0 always takes the likeliest.",
        ge=0,
        examples=[0, 0.7],
    ),
    "top_p": field(
        float, "The share of probability that tokens are picked from.", ge=0, le=1, examples=[0.9]
    ),
    "max_tokens": field(int, "The most tokens of an answer.", ge=1, examples=[500]),
    "stop": field(
        texts("A list of texts", "A text"), "Texts that end the answer.", examples=[["END"]]
    ),
    "seed": field(int, "The seed of the sampler, where the model has one.", examples=[1]),
}
"""How a model picks tokens, for a node or for a model under `models`."""

DECIDE: Final = field(
    Literal["auto", True, False],
    "Whether the model decides among the options of a closed output, with a probability for each: "
    "auto where it can; true refuses a model that cannot.",
    "auto, true or false",
    examples=["auto"],
)
"""Whether closed questions are decided, of a node or of a model under `models`."""

PRICE: Final = {
    "input": field(float, "Tokens read.", needed=True, ge=0, examples=[0.25]),
    "output": field(float, "Tokens written.", needed=True, ge=0, examples=[2]),
    "cached": field(
        float, "Tokens read from the provider's cache; as input if unset.", ge=0, examples=[0.025]
    ),
}
"""What tokens cost, in USD per million."""

SERVER: Final = {
    "base_url": field(
        Text,
        "The server of an openai: model; OpenAI's if unset.",
        "The address of a server",
        examples=["http://127.0.0.1:8000/v1"],
    ),
    "timeout_s": field(
        float, "The longest one try may take, in seconds; 120 if unset.", ge=0.1, examples=[60]
    ),
    "retries": field(
        int,
        "Further tries when the server cannot answer; 4 if unset.",
        ge=0,
        le=20,
        examples=[4],
    ),
    "max_concurrency": field(
        int,
        "The most calls at once; if unset, the slots that a llama.cpp server on this machine "
        "reports, 4 of a GGUF file on llama.cpp, 16 of any other.",
        ge=1,
        examples=[8],
    ),
    "requests_per_minute": field(
        float, "The most calls that start in a minute.", ge=0.1, examples=[60]
    ),
    "tokens_per_minute": field(
        float, "The most tokens, read and written, in a minute.", ge=1, examples=[100_000]
    ),
    "price": field(
        table("price", PRICE),
        "What tokens cost, in USD per million, where AgentKit does not know.",
        "A mapping such as {input: 0.25, output: 2}",
        examples=[{"input": 0.25, "output": 2}],
    ),
    "stream": field(
        bool,
        "Whether answers may be asked for in pieces, as they arrive; true if unset.",
        examples=[False],
    ),
    "structured": field(
        Literal["auto", "on", "off"],
        "Whether the server holds answers to the node's output: auto as far as it can, on always "
        "(a refusal is an error), off never; auto if unset.",
        examples=["off"],
    ),
    "rotations": field(
        int,
        "How often a choice is asked that is decided by labels, each time with another option "
        "first, against the preference of models for some places; once if unset.",
        ge=1,
        le=26,
        examples=[2],
    ),
    "extra": extra_field(Any),
    "context": field(
        int,
        "Tokens of a prompt and its answer together, of a local: model; if unset, what the model "
        "was made for, at most 8,192, as far as the memory allows.",
        ge=256,
        le=10_000_000,
        examples=[4096],
    ),
    "threads": field(
        int,
        "Threads that a local: model calculates with; as many as cores are free if unset.",
        ge=1,
        le=512,
        examples=[4],
    ),
    "engine": field(
        Literal["auto", "llamacpp", "transformers"],
        "What runs a local: model: if unset, llama.cpp a GGUF file and transformers a folder.",
        "auto, llamacpp or transformers",
        examples=["transformers"],
    ),
    "dtype": field(
        Literal["auto", "float32", "bfloat16", "float16"],
        "The type of the weights of a local: model on transformers; if unset, the checkpoint's own "
        "on a GPU, and on a CPU the faster of bfloat16 and float32.",
        "auto, float32, bfloat16 or float16",
        examples=["float32"],
    ),
    "device": field(
        Text,
        "Where a local: model on transformers runs; a GPU where there is one if unset.",
        "A device such as cpu or cuda:0",
        examples=["cpu"],
    ),
    "option_scores": field(
        Literal["auto", "sum", "mean", "prior"],
        "How a local: model on transformers compares the options of a decision.",
        "auto, sum, mean or prior",
        examples=["mean"],
    ),
    "expert_keep": field(
        Text,
        "The file of `agentkit moe keep` that says which experts of a local: model on transformers "
        "are kept; all if unset.",
        "A file",
        examples=["kept.json"],
    ),
    "telemetry": field(
        Literal["off", "experts"],
        "What is recorded of each answer of a local: model on transformers beside its text: how "
        "often each expert of a mixture was chosen; nothing if unset.",
        "off or experts",
        examples=["experts"],
    ),
}
"""How a model on a server, or in this process, is called."""

_SETTINGS: Final = table("settings", SAMPLING | SERVER | {"decide": DECIDE})


adapter: Final = cache(TypeAdapter[Any])
"""What checks by a table, made once."""


def faults(fields: Any, values: Any) -> Iterator[tuple[tuple[Any, ...], str, str]]:
    """Yield where values break the rules of a table, pydantic's word for how, and what holds."""
    try:
        adapter(fields).validate_python(values)
    except ValidationError as error:
        schema = adapter(fields).json_schema()
        for one in error.errors(include_url=False):
            yield one["loc"], one["type"], expected(schema_at(schema, one["loc"]))


def setting_problems(settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the settings of a model; None stands for unset."""
    given = _set(settings)
    price = given.get("price")
    if is_dataclass(price) and not isinstance(price, type):
        given["price"] = price = asdict(price)
    if isinstance(price, Mapping):
        given["price"] = _set(price)
    if isinstance(extra := given.get("extra"), Mapping):
        del given["extra"]
        yield from _extra_problems(extra)
    for (name, *inner), kind, holds in faults(_SETTINGS, given):
        if kind == "extra_forbidden":
            yield f"{name}: unknown '{inner[0]}'. Known: {', '.join(PRICE)}"
        elif kind == "missing":
            yield f"{name}: '{inner[0]}' is missing, in USD per million tokens"
        elif inner and name == "price":
            yield f"{name}: {inner[0]}: {wrong_kind(given[name][inner[0]], holds)}"
        else:
            yield f"{name}: {wrong_kind(given[name], holds)}"


def check_settings(settings: Any, kind: type) -> None:
    """Refuse settings of a model that YAML would refuse.

    Args:
        settings: What was given.
        kind: `Settings`.

    Raises:
        InputError: They are of another kind, or one of them has a value that it cannot have.
    """
    check_given("settings", settings, kind, "Settings, such as Settings(timeout_s=60)")
    given = {one.name: getattr(settings, one.name) for one in fields(settings)}
    if settings.max_concurrency in (None, "auto"):
        del given["max_concurrency"]
    if problems := list(setting_problems(given)):
        raise InputError("settings: " + "; ".join(problems))


def _extra_problems(extra: Mapping[Any, Any]) -> Iterator[str]:
    """Yield what is wrong with the fields of a server's own."""
    for name, value in extra.items():
        if name in _OF_SEVERAL and value != 1:
            yield f"extra: '{name}' asks for several answers, and a node takes one: use 'each'"
        elif not isinstance(name, str) or not name.strip():
            yield f"extra: {wrong_kind(name, 'the name of a field')}"
        elif name in _SENT:
            yield f"extra: AgentKit sends '{name}' itself: use {_SENT[name]} instead"
    try:
        size = len(json_text(checked_copy(extra, "extra")).encode())
    except InputError as error:
        yield str(error)
        return
    except UnicodeEncodeError:
        yield "extra: a text in it has half a character"
        return
    if size > _LONGEST_EXTRA:
        yield f"extra: its JSON has {size:,} bytes, and at most {_LONGEST_EXTRA:,} are sent"


def _set(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in settings.items() if v is not None or k in _NEVER_NONE}
