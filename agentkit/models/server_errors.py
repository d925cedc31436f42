"""What a server's error means for a call: try again, give up, or see to the key."""

import email.utils
import math
import re
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from agentkit.errors import AccessError, AgentKitError, ModelError
from agentkit.models.hosted import Retryable

NOT_TAKEN: Final = re.compile(
    r"support|recogni[sz]ed|unknown|unexpected|permitted|not allowed|not accept|deprecated", re.I
)
"""What servers say of a field that they do not know, but not of a value that is out of bounds."""
_BUSY: Final = frozenset({429, 503, 529})
_AGAIN: Final = frozenset({408, 409, 425})
_NO_MONEY: Final = re.compile(r"insufficient_quota|billing_hard_limit|credit balance", re.I)
_TOO_LONG: Final = re.compile(r"context.?(?:length|window|size)|prompt is too long", re.I)


def outcome(
    name: str,
    status: int | None,
    code: str | None,
    said: str,
    wait_s: float | None,
    *,
    no_access: str,
) -> AgentKitError | Retryable | None:
    """The error to raise for what a server said.

    Args:
        name: The model's name, for messages.
        status: The HTTP status; None: it has none.
        code: The server's own name of the error.
        said: Its words, without keys.
        wait_s: How long it asks to wait; None: it does not say.
        no_access: The message where the key is missing or refused.

    Returns:
        The error; None where there is no status and the words tell nothing.
    """
    told = f"{code} {said}"
    if status in (401, 403):
        return AccessError(no_access)
    if status == 402 or _NO_MONEY.search(told):
        return ModelError(f"{name}: the account has no money or quota left: {said}")
    if status in _BUSY or status in _AGAIN or (status or 0) >= 500:
        what = "is asked too often" if status == 429 else f"could not answer ({status})"
        return Retryable(f"the server {what}: {said}", wait_s, pause=status in _BUSY)
    if _TOO_LONG.search(told):
        return ModelError(
            f"{name}: the prompt is longer than the model can read: {said} "
            "Shorten what the node is shown (context, recall, history), or lower 'max_tokens'"
        )
    if status is None:
        return None
    return ModelError(f"{name}: the server refused the request ({status}): {said}")


def status_in(error: Any) -> int | None:
    """The HTTP status in the body of an error; None: there is none."""
    if not isinstance(error, Mapping):
        return None
    for key in ("code", "status", "status_code"):
        value = error.get(key)
        number = int(value) if isinstance(value, str) and value.isdecimal() else value
        if type(number) is int and 400 <= number < 600:
            return number
    return None


def words_in(error: Any) -> str:
    """What the body of an error says, in words."""
    said = error.get("message") if isinstance(error, Mapping) else None
    return said if isinstance(said, str) else str(error or "")


def moved_to(status: int | None, headers: Mapping[str, str]) -> str | None:
    """Where a redirection points, in words; None: it is none."""
    if status is None or not 300 <= status < 400:
        return None
    parts = urlsplit(headers.get("location", ""))
    place = parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()
    where = f"it points to {place}" if place else "it does not say where to"
    return (
        f"the address of the server has moved: {where}. If you trust that place, give its address"
    )


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
