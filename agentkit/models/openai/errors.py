"""Reads the errors of servers with Chat Completions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import AgentKitError
from agentkit.messages import Completion, Usage
from agentkit.models import finish_reasons
from agentkit.models.keys import Server, refused
from agentkit.models.retries import Retryable
from agentkit.models.server_errors import moved_to, outcome, retry_after, status_in, words_in
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from openai import APIError, APIStatusError

_MODELS_FORM: Final = re.compile(
    r"json_validate_failed|output_parse_failed"
    r"|failed to (?:generate|validate) (?:a )?(?:valid )?json"
    r"|(?:generated|model'?s?|invalid) (?:output|json|response) (?:is|was|does|did) not"
    r"|model (?:output|generated) (?:is )?(?:an )?invalid",
    re.I,
)
"""What servers say when their model's answer has not the form that was asked for."""
_MODELS_CALL: Final = re.compile(
    r"tool_use_failed|failed to call a function|tool call validation failed", re.I
)
"""What they say when it calls a tool in a way that they cannot read."""
_FILTERED: Final = re.compile(
    r"\bcontent_filter\b|ResponsibleAIPolicyViolation|content_policy_violation"
    r"|data_inspection_failed",
    re.I,
)
"""What Azure, OpenAI and DashScope say when they let a prompt or an answer through to nobody."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that a server answered with."""

    status: int | None
    """Its status; None: it came in the place of an answer."""
    said: str
    """Its words, not yet redacted."""
    code: str | None
    param: str | None
    headers: Mapping[str, str]
    written: str = ""
    """What the model had written, where the server tells."""

    def answer(self, key: str | None = None) -> Completion | None:
        """The answer of the model that the server blames; None: it blames something else.

        Args:
            key: The key, which the server's words may show.
        """
        told = f"{self.code} {self.said}"
        if self.status not in (None, 400, 422, 500):
            return None
        if _MODELS_CALL.search(told):
            reason = finish_reasons.TOOL_CALLS
        elif _MODELS_FORM.search(told):
            reason = finish_reasons.STOP if self.written.strip() else finish_reasons.BAD_FORM
        elif _FILTERED.search(told):
            reason = finish_reasons.REFUSAL
        else:
            return None
        text = redacted(self.said, key) if reason == finish_reasons.REFUSAL else self.written
        return Completion(text, Usage(), finish_reason=reason)


class Refused(Exception):
    """The server answered with an error."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


def read_refusal(error: "APIStatusError") -> Refusal:
    """What an error of the SDK says."""
    headers, body = error.response.headers, error.body
    said = moved_to(error.status_code, headers) or words_in(body) or error.response.reason_phrase
    param = error.param if isinstance(error.param, str) else None
    code = error.code or (_code(body) if isinstance(body, Mapping) else None)
    return Refusal(error.status_code, said, code, param, headers, _written(body))


def read_broken(error: "APIError") -> Refusal:
    """What an error of the SDK says that came without a status."""
    return read_error_body(error.body) or Refusal(None, error.message, error.code, None, {})


def read_error_body(error: Any) -> Refusal | None:
    """What an error says that came in the place of an answer; None: it says nothing."""
    if not error:
        return None
    code = _code(error) if isinstance(error, Mapping) else None
    return Refusal(status_in(error), words_in(error), code, None, {}, _written(error))


def read_error_in(data: Any, *, is_piece: bool = False) -> Refusal | None:
    """What a body or a piece says that is an error and no answer; None: it is none.

    Args:
        data: Its JSON. The error stands under `error`, or is all of it (vLLM, FastAPI).
        is_piece: Whether it is a piece of a stream, where gateways also send words that are no
            error; and an error there ends an answer that was begun.
    """
    if not isinstance(data, Mapping):
        return None
    if data.get("choices") and not is_piece:
        return None
    groq = data.get("x_groq")
    error = data.get("error") or (groq.get("error") if isinstance(groq, Mapping) else None)
    if error:
        return read_error_body(error)
    if data.get("choices") or not any(data.get(name) for name in ("message", "detail", "msg")):
        return None
    kinds = f"{data.get('object')} {data.get('type')}".lower()
    says_so = "error" in kinds or status_in(data) is not None or data.get("detail")
    return read_error_body(data) if says_so or not is_piece else None


def _code(error: Mapping[str, Any]) -> str:
    return str(error.get("code") or error.get("type"))


def _written(error: Any) -> str:
    written = error.get("failed_generation") if isinstance(error, Mapping) else None
    return written if isinstance(written, str) else ""


@dataclass(frozen=True, slots=True)
class SentRequest:
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
        no_access = refused(self.server, self.key, self.given, self.name, status or 401)
        wait_s = retry_after(refusal.headers)
        found = outcome(self.name, status, refusal.code, said, wait_s, no_access=no_access)
        return found or Retryable(f"the server answered with an error: {said}")
