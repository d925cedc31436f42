"""What an error of a LangChain package means, by its status and the name of its class.

The packages are not imported: each provider has classes of its own, and their names are alike.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from agentkit.errors import AccessError, AgentKitError, ModelError
from agentkit.messages import Completion
from agentkit.models.hosted import Retryable
from agentkit.models.keys import redacted
from agentkit.models.openai_answers import read_usage
from agentkit.models.openai_errors import retry_after

_BUSY: Final = frozenset({429, 503, 529})
_AGAIN: Final = frozenset({408, 409, 425})
_NO_ACCESS: Final = re.compile(
    r"Authentication|PermissionDenied|Unauthenticated|Unauthorized|Forbidden|NoCredentials"
)
_BUSY_NAME: Final = re.compile(r"RateLimit|TooManyRequests|ResourceExhausted|Throttl|Overloaded")
_LOST_NAME: Final = re.compile(
    r"Timeout|TimedOut|DeadlineExceeded|Connect|Disconnect|Transport|Network|RemoteProtocol"
    r"|ReadError|WriteError|ServiceUnavailable|InternalServer"
)
_UNREADABLE_NAME: Final = re.compile(r"JSONDecode|ResponseValidation")
_NO_MONEY: Final = re.compile(r"insufficient_quota|billing_hard_limit|credit balance", re.I)
_NO_KEY: Final = re.compile(r"api[_ ]?key|credential|access token|auth token", re.I)
_TOO_LONG: Final = re.compile(r"context.?(?:length|window|size)|prompt is too long", re.I)
_ABOUT_FORM: Final = re.compile(
    r"response_?(?:format|schema)|json_?\s?schema|output_(?:format|config)|structured|grammar", re.I
)
_NOT_TAKEN: Final = re.compile(
    r"support|recogni[sz]ed|unknown|unexpected|permitted|not allowed|not accept|deprecated", re.I
)
_SETTINGS: Final = {
    "temperature": r"\btemperature\b",
    "top_p": r"\btop_?p\b",
    "seed": r"\bseed\b",
    "stop": r"\bstop(?:_sequences)?\b",
}
_UNREADABLE: Final = (IndexError, KeyError, TypeError, AttributeError)
"""What a package raises when an answer has not the form it expects."""
_CUT: Final = {"LengthFinishReasonError": "length", "ContentFilterFinishReasonError": "refusal"}


def failure(
    error: Exception, name: str, variables: Sequence[str], secrets: Sequence[str] = ()
) -> AgentKitError | Retryable:
    """The error to raise for one of a chat model.

    Args:
        error: What the chat model raised.
        name: The model's name, for messages.
        variables: The environment variables that may hold the provider's key.
        secrets: Texts that must not be shown, such as the key.
    """
    said = str(error)
    for secret in secrets:
        said = said.replace(secret, "[key]")
    said = redacted(said)
    status = next(filter(None, map(_status, _chain(error))), None)
    names = " ".join(kind.__name__ for part in _chain(error) for kind in type(part).__mro__)
    if status in (401, 403) or (status is None and _NO_ACCESS.search(names)):
        return AccessError(f"{name}: the server refused the key: {_check(variables)}")
    if status == 402 or _NO_MONEY.search(f"{said} {getattr(error, 'code', '')}"):
        return ModelError(f"{name}: the account has no money or quota left: {said}")
    busy = status in _BUSY or (status is None and _BUSY_NAME.search(names) is not None)
    if busy or status in _AGAIN or (status or 0) >= 500:
        what = "is asked too often" if busy and status != 503 else f"could not answer ({status})"
        return Retryable(f"the server {what}: {said}", _wait_s(error), pause=busy)
    if _TOO_LONG.search(said):
        return ModelError(
            f"{name}: the prompt is longer than the model can read: {said} "
            "Shorten what the node is shown (context, recall, history), or lower 'max_tokens'"
        )
    if status is not None:
        return ModelError(f"{name}: the server refused the request ({status}): {said}")
    return _without_status(error, names, name, variables, said)


def _without_status(
    error: Exception, names: str, name: str, variables: Sequence[str], said: str
) -> AgentKitError | Retryable:
    if isinstance(error, _UNREADABLE) or _UNREADABLE_NAME.search(names):
        return Retryable("its answer has not the form it should have")
    if _LOST_NAME.search(names):
        return Retryable(f"the server could not be reached: {said or type(error).__name__}")
    if getattr(error, "is_retryable", False) or _chain_has(error, "APIError"):
        return Retryable(f"the server broke its answer off: {said}")
    if _NO_KEY.search(said):
        return AccessError(f"{name} needs a key: {_check(variables)}")
    return ModelError(f"{name} raised {type(error).__name__}: {said}")


def _check(variables: Sequence[str]) -> str:
    if not variables:
        return "check the key or the credentials of its provider"
    return f"check the environment variable {' or '.join(variables)}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and what it came from."""
    for _ in range(5):
        yield error
        if error.__cause__ is None:
            return
        error = error.__cause__


def _chain_has(error: BaseException, name: str) -> bool:
    return any(kind.__name__ == name for part in _chain(error) for kind in type(part).__mro__)


def _status(error: BaseException) -> int | None:
    """The HTTP status that an error carries."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):  # botocore
        response = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
    else:
        response = getattr(response, "status_code", None)
    own = (getattr(error, name, None) for name in ("status_code", "http_status", "code", "status"))
    found = (value for value in (*own, response) if isinstance(value, int))
    return next((int(value) for value in found if 400 <= value < 600), None)


def _wait_s(error: Exception) -> float | None:
    for part in _chain(error):
        response = getattr(part, "response", None)
        headers = getattr(response, "headers", None) or getattr(part, "headers", None)
        if isinstance(headers, Mapping):
            return retry_after(headers)
    return None


def is_about_form(error: Exception) -> bool:
    """Whether a server, or a package, refused the JSON schema and not the rest of a request."""
    status = next(filter(None, map(_status, _chain(error))), None)
    refused = status in (400, 404, 422) or isinstance(error, (NotImplementedError, ValueError))
    return refused and _ABOUT_FORM.search(str(error)) is not None


def refused_setting(error: Exception) -> str | None:
    """The sampling setting that a server does not take; None: it refused something else."""
    status = next(filter(None, map(_status, _chain(error))), None)
    said = str(error)
    if status not in (400, 422) or not _NOT_TAKEN.search(said):
        return None
    return next((name for name, words in _SETTINGS.items() if re.search(words, said)), None)


def cut_answer(error: Exception) -> Completion | None:
    """The answer in an error about an answer that is not whole; None: it is another error."""
    reason = next(
        (_CUT[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _CUT), None
    )
    if reason is None:
        return None
    body: Any = getattr(error, "completion", None)
    data = body.model_dump() if hasattr(body, "model_dump") else {}
    message = (data.get("choices") or [{}])[0].get("message") or {}
    text, model = message.get("content") or "", data.get("model") or ""
    return Completion(text, read_usage(data.get("usage")), model=model, finish_reason=reason)
