"""What a call may take at most, as far as that can be known before it is made."""

from dataclasses import replace
from typing import Final

from agentkit.messages import Request, Sampling, Usage
from agentkit.models.base import Bounded, Model

ASSUMED_OUTPUT: Final = 4096
"""The most tokens of an answer under a limit on tokens or cost, where nobody said another."""
_BYTES_PER_TOKEN: Final = 2
"""Fewer bytes than a token has in most texts, so that an estimate is rather too high."""
_MESSAGE_TOKENS: Final = 8
_IMAGE_TOKENS: Final = 1500


def most_usage(model: Model, request: Request) -> Usage:
    """The most tokens that one try of a request may take."""
    if isinstance(model, Bounded):
        return model.most_usage(request)
    most = request.sampling.max_tokens
    return Usage(_input_tokens(request), ASSUMED_OUTPUT if most is None else most, calls=1)


def bounded(model: Model, sampling: Sampling) -> Sampling:
    """Sampling settings under which an answer of the model cannot be of any length."""
    if sampling.max_tokens is not None or isinstance(model, Bounded):
        return sampling
    return replace(sampling, max_tokens=ASSUMED_OUTPUT)


def _input_tokens(request: Request) -> int:
    tokens = 0
    for message in request.messages:
        size = len(message.content.encode("utf-8", "replace"))
        tokens += size // _BYTES_PER_TOKEN + _MESSAGE_TOKENS
        tokens += _IMAGE_TOKENS * len(message.images)
    if request.schema is not None:
        tokens += len(str(request.schema)) // _BYTES_PER_TOKEN
    return tokens
