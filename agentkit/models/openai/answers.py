"""Reads answers of Chat Completions: whole ones, and those that come in pieces."""

from collections.abc import Mapping
from typing import Any, Final

from agentkit.messages import Completion, Usage

_REASONS: Final = {"length": "length", "content_filter": "refusal"}


class Unreadable(Exception):
    """The server's answer is not what Chat Completions says. The message says how."""


def read_answer(data: Any) -> Completion:
    """The completion in the body of an answer; usage without tokens when it has none.

    Raises:
        Unreadable: It is no answer.
    """
    try:
        choices = data["choices"]
        choice = choices[0] if choices else None
        message = choice["message"] if choice is not None else {}
        content, refusal = _text(message.get("content")), message.get("refusal")
        usage, model = read_usage(data.get("usage")), data.get("model")
        reason = choice.get("finish_reason") if choice is not None else None
    except (AttributeError, IndexError, KeyError, TypeError):
        raise Unreadable("the server's answer has not the form of a chat completion") from None
    if choice is None:
        raise Unreadable("the server's answer has no choices")
    return _completion(content, refusal, reason, usage, model)


class Pieces:
    """Puts an answer together from the pieces of a stream."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._reason: str | None = None
        self._begun = False
        self._usage = Usage()
        self._model: str | None = None

    def add(self, piece: Any) -> str:
        """Take the next piece; gives the text in it.

        Raises:
            Unreadable: It is no piece of an answer.
        """
        try:
            self._model = self._model or piece.get("model")
            self._usage = read_usage(piece["usage"]) if piece.get("usage") else self._usage
            choices = piece.get("choices")
            delta = (choices[0].get("delta") or {}) if choices else {}
            text = _text(delta.get("content"))
            refusal = "" + (delta.get("refusal") or "")
            self._reason = (choices[0].get("finish_reason") if choices else None) or self._reason
        except (AttributeError, IndexError, KeyError, TypeError):
            raise Unreadable(
                "a piece of the server's answer has not the form it should have"
            ) from None
        self._begun = True
        self._content.append(text)
        self._refusal.append(refusal)
        return text or refusal

    def completion(self) -> Completion:
        """The whole answer.

        Raises:
            Unreadable: The stream ended before the answer did.
        """
        if self._reason is None and not self._begun:
            raise Unreadable("the server's answer is empty, or no stream")
        if self._reason is None:
            raise Unreadable("the connection was lost in the middle of the answer")
        content, refusal = "".join(self._content), "".join(self._refusal)
        return _completion(content, refusal, self._reason, self._usage, self._model)


def read_usage(usage: Any) -> Usage:
    """Tokens as a server counts them; none when it says nothing."""
    if not isinstance(usage, Mapping):
        return Usage()
    details = usage.get("prompt_tokens_details") or {}
    taken = _count(usage.get("prompt_tokens"))
    cached = _count(details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens"))
    return Usage(taken, _count(usage.get("completion_tokens")), min(cached, taken))


def _count(value: Any) -> int:
    return max(0, value) if isinstance(value, int) else 0


def _text(content: Any) -> str:
    """The text of a message, which some servers write in parts.

    Raises:
        TypeError: It is no text.
        AttributeError: A part of it is no part.
        KeyError: A part of it is no part.
    """
    if isinstance(content, list):
        return "".join(_text(part["text"]) for part in content if part.get("type") == "text")
    return "" + (content or "")


def _completion(content: str, refusal: Any, reason: Any, usage: Usage, model: Any) -> Completion:
    name = model if isinstance(model, str) else ""
    if refusal:
        return Completion(str(refusal), usage, model=name, finish_reason="refusal")
    return Completion(content, usage, model=name, finish_reason=_REASONS.get(str(reason), "stop"))
