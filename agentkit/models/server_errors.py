"""What a server's error means for a call: try again, give up, or see to the key."""

import email.utils
import html
import math
import re
import time
from collections.abc import Mapping
from datetime import UTC
from typing import Any, Final
from urllib.parse import urlsplit

from agentkit.errors import AccessError, AgentKitError, ModelError
from agentkit.models.retries import Retryable
from agentkit.models.token_estimates import ASSUMED_OUTPUT

_ABOUT_FORMAT: Final = re.compile(
    r"response_?format|json_?\s?schema|json_object|grammar|guided|parser generation failed",
    re.I,
)
_NOT_TAKEN: Final = re.compile(
    r"support|recogni[sz]ed|unknown|unexpected|permitted|not allowed|not accept|deprecated", re.I
)
_OUT_OF_BOUNDS: Final = re.compile(
    r"\btoo (?:large|big|high|long|many|small|low)\b|\bat (?:most|least)\b|[<>]=? ?\d|\bbetween\b"
    r"|\b(?:less|greater|larger|smaller|higher|lower|more|fewer) than\b|\bexceed"
    r"|\bm(?:ax|in)(?:imum)?\b|out of (?:range|bounds)|up to \d|\blimit(?:ed)? (?:is|of|to)\b",
    re.I,
)
_SYSTEM_ROLE: Final = re.compile(
    r"(?:system|developer)[\W_]{0,3}(?:role|message|prompt|instruction|turn)s?\b.{0,60}"
    r"(?:\bnot\b|n't|\bun|\bno\b|invalid|disallow)"
    r"|(?:\bnot\b|n't|\bun\w+|invalid|no)\b.{0,60}(?:system|developer)[\W_]{0,3}"
    r"(?:role|message|prompt|instruction)"
    r"|roles?\b.{0,60}must (?:alternate|be)|only user and (?:assistant|model)\b"
    r"|messages\W{0,2}0\W{0,3}role|(?:unexpected|invalid|unknown) role\W{0,3}system\b"
    r"|role\W{0,4}system\W.{0,40}(?:\bnot\b|n't|invalid|unknown|unsupported)",
    re.I,
)
_LONGEST_READ: Final = 20_000
"""Characters of an error that are looked through."""
_BUSY: Final = frozenset({429, 503, 529})
_AGAIN: Final = frozenset({408, 409, 425})
_NO_MONEY: Final = re.compile(r"insufficient_quota|billing_hard_limit|credit balance", re.I)
_TOO_MANY: Final = re.compile(
    r"max_(?:completion_|output_)?tokens|maxOutputTokens|requested \d+ tokens.{0,80}completion"
)
_TOO_LONG: Final = re.compile(
    r"context.?(?:length|window|size)|prompt is too long|input token count.{0,40}exceed", re.I
)


def names_unknown_field(said: str) -> bool:
    """Whether a server says that it does not know a field: not that a value is out of bounds."""
    return _NOT_TAKEN.search(said) is not None and not _OUT_OF_BOUNDS.search(said)


def refuses_length(said: str) -> bool:
    """Whether a server says that an answer cannot have so many tokens, or not after this prompt."""
    return _TOO_MANY.search(said) is not None and _OUT_OF_BOUNDS.search(said) is not None


def refuses_form(body: Mapping[str, Any], param: str | None, said: str) -> bool:
    """Whether a refusal is about the form that the answer was to have."""
    about = param == "response_format" or _ABOUT_FORMAT.search(f"{param} {said}")
    return "response_format" in body and bool(about)


def refuses_system_role(said: str, status: int | None) -> bool:
    """Whether a server says that its model knows no system role.

    Some say so with status 500, since their template for it failed; others say anything with it.
    """
    about_roles = status != 500 or "role" in said.lower()
    return about_roles and _SYSTEM_ROLE.search(said[:_LONGEST_READ]) is not None


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
        return AccessError(f"{no_access}. The server says: {said}" if said else no_access)
    if status == 402 or _NO_MONEY.search(told):
        return ModelError(f"{name}: the account has no money or quota left: {said}")
    if status in _BUSY or status in _AGAIN or (status or 0) >= 500:
        what = "is asked too often" if status == 429 else f"could not answer ({status})"
        return Retryable(f"the server {what}: {said}", wait_s, pause=status in _BUSY)
    if _TOO_LONG.search(told):
        return ModelError(
            f"{name}: the prompt is longer than the model can read: {_sentence(said)} "
            "Shorten what the node is shown (context, recall, history), or lower 'max_tokens'"
        )
    if status is None:
        return None
    if refuses_length(said):
        return ModelError(
            f"{name}: the model writes fewer tokens than that: {_sentence(said)} "
            "Lower 'max_tokens' of the node or the model; where none is set, a limit on tokens or "
            f"cost asks for {ASSUMED_OUTPUT}"
        )
    if _TOO_MANY.search(said) and names_unknown_field(said):
        return ModelError(
            f"{name}: the server takes no limit on tokens under any name, and a limit that was "
            f"asked for is never left out: {_sentence(said)} "
            "Remove 'max_tokens' of the node or the model, and limits on tokens or cost"
        )
    return ModelError(f"{name}: the server refused the request ({status}): {said}")


def _sentence(said: str) -> str:
    """What a server says, with a full stop, so that advice can follow."""
    return said if said.endswith((".", "!", "?")) else f"{said}."


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
    """What the body of an error says, in words; of a page for browsers, its title."""
    if isinstance(error, str):
        return _page_title(error) if error.lstrip()[:1] == "<" else error
    if isinstance(error, list) and error:  # Gemini's
        return words_in(error[0])
    if isinstance(error, Mapping):
        found = (error.get(name) for name in ("message", "detail", "error", "msg", "title"))
        said = next(filter(None, found), None)
        if isinstance(said, (str, Mapping)):
            return _with_raw(words_in(said), error.get("metadata"))
    return str(error or "")


def _with_raw(said: str, metadata: Any) -> str:
    """The words of a router, with those of the provider behind it."""
    raw = metadata.get("raw") if isinstance(metadata, Mapping) else None
    return f"{said}: {words_in(raw)}" if isinstance(raw, (str, Mapping)) and raw else said


def _page_title(page: str) -> str:
    found = re.search(r"<title[^>]*>([^<]{1,300})", page[:_LONGEST_READ], re.I)
    return f"a page with the title '{html.unescape(found[1]).strip()}'" if found else ""


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
        date = date.replace(tzinfo=date.tzinfo or UTC)  # HTTP knows no other zone
        return max(0.0, date.timestamp() - time.time())
    except (ValueError, TypeError, IndexError, OverflowError, OSError):  # not given, or no date
        return None
