"""An answer of Chat Completions in pieces, put together from the bytes of its stream."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from agentkit.messages import Completion, Usage
from agentkit.models import finish_reasons
from agentkit.models.finish_reasons import finish_reason
from agentkit.models.hosted import LONGEST_TEXT, too_long
from agentkit.models.openai.answers import (
    EndedEarly,
    Unreadable,
    as_completion,
    calls_in,
    clean,
    read_json,
    read_usage,
    reason_in,
    text_in,
    thoughts_in,
)
from agentkit.models.openai.errors import Refused, read_error_in
from agentkit.models.openai.event_stream import EventStream, ServerEvent
from agentkit.models.openai.routed_experts import ExpertsTold
from agentkit.models.retries import Retryable

_BEGINS: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")


def is_stream(content: bytes) -> bool:
    """Whether a body is a stream of events, whatever its server calls it."""
    return _BEGINS.match(content) is not None


class StreamedAnswer:
    """Takes the bytes of a stream as they come."""

    def __init__(self) -> None:
        self.done = False
        """Whether the server said that this is all."""
        self.pieces = 0
        """How many pieces with something in them have come."""
        self._events = EventStream()
        self._content: list[str] = []
        self._refusal: list[str] = []
        self._thoughts: list[str] = []
        self._choice: Mapping[str, Any] | None = None
        self._is_open = False
        self._goes_on = False
        self._calls = False
        self._begun = False
        self._has_others = False
        self._usage = Usage()
        self._experts = ExpertsTold()
        self._model: str | None = None
        self._half = ""
        self._size = 0

    @property
    def finished(self) -> bool:
        """Whether the server said why the answer ended: only its usage may still come.

        Some say so in every piece: where more of the answer came after it, it means nothing.
        """
        return self._choice is not None and not self._goes_on

    def feed(self, chunk: bytes) -> str:
        """Take the next bytes; gives the text in them.

        Raises:
            Unreadable: They are no part of an answer.
            Refused: They are an error.
        """
        return self._take(self._events.feed(chunk))

    def end(self) -> str:
        """The stream has ended; gives the text in what stood at its end.

        Raises:
            Refused: It is an error.
        """
        with suppress(Unreadable):  # the end may have cut it off
            return self._take(self._events.end())
        return ""

    def completion(self) -> Completion:
        """The whole answer, after the end; one without a reason is whole if the server said so.

        Raises:
            EndedEarly: The stream ended before the answer did.
            BrokenOff: The server says so.
        """
        if not self._begun:
            raise EndedEarly("the server's answer is empty, or no stream")
        if (self._choice is None or self._is_open) and not self.done:
            raise EndedEarly("the connection was lost in the middle of the answer")
        if self._choice is None and self._has_others:
            raise EndedEarly("the stream has a piece that is no part of an answer, and no end")
        return self._completion(reason_in(self._choice or {}, self._calls))

    def cut_off(self) -> Completion:
        """The answer so far, when its time is over: nobody says why it ended."""
        calls = self._calls and not self._content
        return self._completion(finish_reasons.TOOL_CALLS if calls else finish_reasons.LENGTH)

    def _completion(self, reason: str) -> Completion:
        content, refusal = "".join(self._content), "".join(self._refusal)
        thoughts = "".join(self._thoughts)
        completion = as_completion(content, thoughts, refusal, reason, self._usage, self._model)
        return replace(completion, experts=self._experts.count(self._usage))

    def _take(self, events: Iterator[ServerEvent]) -> str:
        texts = []
        for event in events:
            self.done = self.done or event.data.strip() == b"[DONE]"
            if self.done:
                break
            piece = _read(event)
            if refusal := read_error_in(piece, is_piece=True):
                raise Refused(refusal)
            texts.append(self._add(piece))
        return "".join(texts)

    def _add(self, piece: Any) -> str:
        """Take the next piece; gives the text in it.

        Raises:
            Unreadable: It is no piece of an answer.
            Retryable: All of them are longer than any answer.
        """
        try:
            self._model = self._model or piece.get("model")
            self._usage = read_usage(piece["usage"]) if piece.get("usage") else self._usage
            choices = piece.get("choices")
            self._has_others = self._has_others or bool(piece and "choices" not in piece)
            choice = choices[0] if choices else {}
            self._experts.take(piece, choice)
            delta = choice.get("delta") or {}
            text = text_in(delta.get("content"))
            refusal = "" + (delta.get("refusal") or "")
            thoughts, calls = thoughts_in(delta), bool(calls_in(delta))
            ended = choice.get("finish_reason") not in (None, "", "null")
        except (AttributeError, IndexError, KeyError, TypeError):
            raise Unreadable(
                "a piece of the server's answer has not the form it should have"
            ) from None
        self._size += len(text) + len(refusal) + len(thoughts)
        if self._size > LONGEST_TEXT:
            raise Retryable(too_long(self._size))
        has_more = bool(text or refusal or thoughts or calls)
        self.pieces += has_more
        self._begun = self._begun or bool(choices)
        self._calls = self._calls or calls
        self._follow_end(choice if ended else None, has_more)
        for kept, part in (
            (self._content, text),
            (self._refusal, refusal),
            (self._thoughts, thoughts),
        ):
            if part:
                kept.append(part)
        return self._shown(text or refusal)

    def _follow_end(self, ended: Mapping[str, Any] | None, has_more: bool) -> None:
        """Take in whether a piece has more of the answer, and whether it says why it ended.

        A gateway's `stop` at the end of every stream does not replace the reason before it.
        """
        if has_more:
            self._goes_on = self._goes_on or self._choice is not None
            self._is_open = True
        if ended is not None:
            if self._is_open or not (_is_stop(ended) and _is_known(self._choice)):
                self._choice = ended
            self._is_open = False

    def _shown(self, text: str) -> str:
        """The text to show: what is half of a character waits for the other half."""
        text = self._half + text
        self._half = text[-1] if text and "\ud800" <= text[-1] <= "\udbff" else ""
        return clean(text.removesuffix(self._half) if self._half else text)


def _is_stop(choice: Mapping[str, Any]) -> bool:
    return finish_reason(choice.get("finish_reason")) == finish_reasons.STOP


def _is_known(choice: Mapping[str, Any] | None) -> bool:
    return choice is not None and finish_reasons.is_known(finish_reason(choice["finish_reason"]))


def _read(event: ServerEvent) -> Any:
    """The JSON of an event; of one that is called an error, an error whatever it holds."""
    if event.kind != "error":
        return read_json(event.data)
    try:
        piece = read_json(event.data)
    except Unreadable:
        piece = event.data.decode("utf-8", "replace")
    return piece if isinstance(piece, Mapping) and "error" in piece else {"error": piece}
