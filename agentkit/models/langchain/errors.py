"""What an error of a LangChain package means, by its status and the name of its class.

The packages are not imported: each provider has classes of its own, and their names are alike.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from agentkit.errors import AccessError, AgentKitError, ModelError
from agentkit.messages import Completion
from agentkit.models.openai.answers import read_usage
from agentkit.models.openai.errors import read_error_body
from agentkit.models.retries import Retryable
from agentkit.models.server_errors import (
    moved_to,
    names_unknown_field,
    outcome,
    retry_after,
    status_in,
    words_in,
)
from agentkit.redaction import redacted

_NO_ACCESS: Final = re.compile(
    r"Authentication|PermissionDenied|Unauthenticated|Unauthorized|Forbidden|NoCredentials"
)
_BUSY_NAME: Final = re.compile(r"RateLimit|TooManyRequests|ResourceExhausted|Throttl|Overloaded")
_LOST_NAME: Final = re.compile(
    r"Timeout|TimedOut|DeadlineExceeded|Connect|Disconnect|Transport|Network|RemoteProtocol"
    r"|ReadError|WriteError|ServiceUnavailable|InternalServer"
)
_UNREADABLE_NAME: Final = re.compile(r"JSONDecode|ResponseValidation")
_NO_KEY: Final = re.compile(r"api[_ ]?key|credential|access token|auth token", re.I)
_ABOUT_FORM: Final = re.compile(
    r"response_?(?:format|schema)|json_?\s?schema|output_(?:format|config)|structured|grammar", re.I
)
_SETTINGS: Final = {
    "temperature": r"\btemperature\b",
    "top_p": r"\btop_?p\b",
    "seed": r"\bseed\b",
    "stop": r"\bstop(?:_sequences)?\b",
}
_UNREADABLE: Final = (
    IndexError,
    KeyError,
    TypeError,
    AttributeError,
    AssertionError,
    UnicodeDecodeError,
    RecursionError,
)
"""What a package raises when an answer has not the form it expects."""
_UNREADABLE_SAID: Final = re.compile(r"Unexpected response type|No generation")
"""What packages say of an answer that is no answer, or of a stream without pieces."""
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
    body = _error_body(error)
    status = _first_status(error)
    said = moved_to(status, _headers(error)) or (words_in(body) if body else str(error))
    for secret in secrets:
        said = said.replace(secret, "[key]")
    said = redacted(said)
    names = " ".join(kind.__name__ for part in _chain(error) for kind in type(part).__mro__)
    if status is None:
        status = status_in(body) or _named_status(names)
    code = str(getattr(error, "code", "") or (body or {}).get("code"))
    no_access = f"{name}: the server refused the key: {_check(variables)}"
    found = outcome(name, status, code, said, retry_after(_headers(error)), no_access=no_access)
    if found is not None:
        return found
    if body is not None:
        return Retryable(f"the server answered with an error: {said}")
    return _without_status(error, names, name, variables, said)


def _error_body(error: Exception) -> Mapping[str, Any] | None:
    """The error that a server gave in the place of an answer, as LangChain hands it on."""
    body = error.args[0] if isinstance(error, ValueError) and error.args else None
    return body if isinstance(body, Mapping) else None


def _named_status(names: str) -> int | None:
    """The status that classes of errors without one are named after."""
    if _NO_ACCESS.search(names):
        return 401
    return 429 if _BUSY_NAME.search(names) else None


def no_pieces(error: Exception) -> bool:
    """Whether a stream had no pieces: the server may only know whole answers."""
    if isinstance(error, AssertionError):  # OpenAI's SDK, where a schema was asked for
        return True
    return isinstance(error, ValueError) and "No generation chunks" in str(error)


def _without_status(
    error: Exception, names: str, name: str, variables: Sequence[str], said: str
) -> AgentKitError | Retryable:
    for part in _chain(error):
        if type(part).__name__ == "OversizedAnswer":
            return Retryable(str(part))
    odd = isinstance(error, ValueError) and _UNREADABLE_SAID.match(str(error))
    if odd or isinstance(error, _UNREADABLE) or _UNREADABLE_NAME.search(names):
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
    return next((int(value) for value in found if 300 <= value < 600), None)


def _first_status(error: BaseException) -> int | None:
    return next(filter(None, map(_status, _chain(error))), None)


def _headers(error: BaseException) -> Mapping[str, str]:
    """The headers of the answer that an error came from."""
    for part in _chain(error):
        response = getattr(part, "response", None)
        headers = getattr(response, "headers", None) or getattr(part, "headers", None)
        if isinstance(headers, Mapping):
            return headers
    return {}


def is_about_form(error: Exception) -> bool:
    """Whether a server, or a package, refused the JSON schema and not the rest of a request."""
    status = _first_status(error)
    refused = status in (400, 404, 422) or isinstance(error, (NotImplementedError, ValueError))
    return refused and _ABOUT_FORM.search(str(error)) is not None


def refused_setting(error: Exception, *, is_further: bool) -> str | None:
    """The sampling setting that a server does not take; None: it refused something else.

    `is_further`: whether it is not the first attempt. A temperature that somebody set was taken
    with that, so one that is refused now is AgentKit's own.
    """
    status = _first_status(error)
    said = str(error)
    if status not in (400, 422):
        return None
    if not names_unknown_field(said):
        return "temperature" if is_further and "temperature" in said.lower() else None
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


def blamed_answer(error: Exception) -> Completion | None:
    """The answer of the model that a server blames in its error; None: it blames something else."""
    body = _error_body(error) or getattr(error, "body", None)
    if not isinstance(body, Mapping):
        return None
    inner = body.get("error")
    refusal = read_error_body(inner if isinstance(inner, Mapping) else body)
    return replace(refusal, status=_first_status(error)).answer() if refusal else None
