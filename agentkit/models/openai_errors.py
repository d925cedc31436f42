"""What an error of a model's server means: try again, give up, or ask for a key."""

import email.utils
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import AccessError, AgentKitError, ModelError
from agentkit.models.hosted import Retryable
from agentkit.models.keys import Server, redacted, refused

if TYPE_CHECKING:
    from openai import APIStatusError

_BUSY: Final = frozenset({429, 503, 529})
_OTHERS_AGAIN: Final = frozenset({408, 409, 425})
_NO_MONEY: Final = frozenset({"insufficient_quota", "billing_hard_limit_reached"})
_TOO_LONG: Final = ("context_length_exceeded", "context length", "context window", "context size")


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that a server answered with."""

    status: int
    said: str
    """Its words, not yet redacted."""
    code: str | None
    param: str | None
    headers: Mapping[str, str]


def read_refusal(error: "APIStatusError") -> Refusal:
    """What an error of the SDK says."""
    body: Any = error.body
    said = body.get("message") if isinstance(body, Mapping) else None
    if not isinstance(said, str):
        said = str(body or "")
    if not said or said.lstrip().startswith("<"):  # a page for browsers
        said = error.response.reason_phrase
    param = error.param if isinstance(error.param, str) else None
    return Refusal(error.status_code, said, error.code, param, error.response.headers)


@dataclass(frozen=True, slots=True)
class Asked:
    """Who was asked, for messages."""

    name: str
    """The model's name in AgentKit."""
    server: Server
    key: str | None = field(repr=False)
    given: str | None = field(repr=False)
    """The key, if a program gave it."""

    def failure(self, refusal: Refusal) -> AgentKitError | Retryable:
        """The error to raise for a refusal."""
        status, said = refusal.status, redacted(refusal.said, self.key)
        if status in (401, 403):
            return AccessError(refused(self.server, self.key, self.given, self.name, status))
        if status == 402 or refusal.code in _NO_MONEY:
            return ModelError(f"{self.name}: the account has no money or quota left: {said}")
        if status in _BUSY or status in _OTHERS_AGAIN or status >= 500:
            what = "is asked too often" if status == 429 else f"could not answer ({status})"
            reason = f"the server {what}: {said}"
            return Retryable(reason, retry_after(refusal.headers), pause=status in _BUSY)
        if any(mark in f"{refusal.code} {refusal.said}".lower() for mark in _TOO_LONG):
            return ModelError(
                f"{self.name}: the prompt is longer than the model can read: {said} "
                "Shorten what the node is shown (context, recall, history), or lower 'max_tokens'"
            )
        return ModelError(f"{self.name}: the server refused the request ({status}): {said}")


def retry_after(headers: Mapping[str, str]) -> float | None:
    """How many seconds the server asks to wait; None when it does not say."""
    for name, divisor in (("retry-after-ms", 1000), ("retry-after", 1)):
        try:
            seconds = float(headers.get(name, "")) / divisor
        except ValueError:  # not given, or a date
            continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
    except ValueError:  # not given, or no date
        return None
    return max(0.0, date.timestamp() - time.time())
