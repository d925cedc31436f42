"""Reads the errors of servers with Chat Completions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agentkit.errors import AgentKitError
from agentkit.models.hosted import Retryable
from agentkit.models.keys import Server, refused
from agentkit.models.server_errors import moved_to, outcome, retry_after, status_in, words_in
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from openai import APIError, APIStatusError


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


def read_refusal(error: "APIStatusError") -> Refusal:
    """What an error of the SDK says."""
    headers = error.response.headers
    said = moved_to(error.status_code, headers) or words_in(error.body)
    if not said or said.lstrip().startswith("<"):  # a page for browsers
        said = error.response.reason_phrase
    param = error.param if isinstance(error.param, str) else None
    return Refusal(error.status_code, said, error.code, param, headers)


def read_broken(error: "APIError") -> Refusal:
    """What an error says that came in the middle of a stream."""
    return read_error_body(error.body) or Refusal(None, error.message, error.code, None, {})


def read_error_body(error: Any) -> Refusal | None:
    """What an error says that came in the place of an answer; None: it says nothing."""
    if not error:
        return None
    code = error.get("code") or error.get("type") if isinstance(error, Mapping) else None
    return Refusal(status_in(error), words_in(error), str(code), None, {})


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
