"""The tokens of a call before it is made: what it is likely to take, and what it takes at most."""

from dataclasses import dataclass, replace
from typing import Any, Final

from agentkit.messages import Request, Sampling, Usage
from agentkit.models.base import Bounded, Model, SchemaBounding

ASSUMED_OUTPUT: Final = 4096
"""The most tokens of an answer under a limit on tokens or cost, where nobody said another."""

MOST_TOKENS: Final = 10**12
"""The most tokens that a call can have taken."""


@dataclass(frozen=True, slots=True)
class _Sizes:
    """How many tokens the parts of a call are taken for."""

    bytes_a_token: int
    message: int
    """Beside its text."""
    image: int
    answer: int
    """Without `max_tokens`."""


_LIKELY: Final = _Sizes(bytes_a_token=4, message=4, image=1000, answer=500)
_MOST: Final = _Sizes(bytes_a_token=2, message=8, image=1500, answer=ASSUMED_OUTPUT)
"""Fewer bytes than a token has in most texts, so that an estimate is rather too high."""


def makes_sense(usage: Usage) -> bool:
    """Whether tokens, calls and cost are numbers that a call can have taken."""
    cost_usd: Any = 0 if usage.cost_usd is None else usage.cost_usd
    for count in (usage.input_tokens, usage.output_tokens, usage.cached_tokens, usage.calls):
        if not isinstance(count, int) or not 0 <= count <= MOST_TOKENS:
            return False
    return isinstance(cost_usd, (int, float)) and 0 <= cost_usd <= MOST_TOKENS


def likely_usage(request: Request) -> Usage:
    """The tokens that one try of a request is likely to take, for limits on a minute."""
    return _usage(request, _LIKELY)


def likely_tokens(text: str) -> int:
    """The tokens that a text is likely to have."""
    return _tokens(text, _LIKELY)


def most_usage(model: Model | None, request: Request) -> Usage:
    """The most tokens that one try of a request may take; None is a model that nobody knows."""
    return model.most_usage(request) if isinstance(model, Bounded) else _usage(request, _MOST)


def bounded(model: Model, sampling: Sampling) -> Sampling:
    """Sampling settings under which an answer of the model cannot be of any length."""
    if sampling.max_tokens is not None or isinstance(model, Bounded):
        return sampling
    return replace(sampling, max_tokens=ASSUMED_OUTPUT)


def schema_tokens(model: Model, sampling: Sampling) -> int | None:
    """The tokens that bounds of a schema leave to the longest answer; None: none are added."""
    if isinstance(model, SchemaBounding):
        return model.schema_tokens(sampling)
    return sampling.max_tokens


def _usage(request: Request, sizes: _Sizes) -> Usage:
    taken = sum(
        _tokens(message.content, sizes) + sizes.message + sizes.image * len(message.images)
        for message in request.messages
    )
    if request.schema is not None:
        taken += _tokens(str(request.schema), sizes)
    most = request.sampling.max_tokens
    return Usage(taken, sizes.answer if most is None else most, calls=1)


def _tokens(text: str, sizes: _Sizes) -> int:
    return len(text.encode("utf-8", "replace")) // sizes.bytes_a_token
