"""An answer of Chat Completions in pieces, put together from the bytes of its stream."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

from agentkit.messages import Completion
from agentkit.models.openai.answers import Pieces, Unreadable, read_json
from agentkit.models.openai.errors import Refused, read_error_in
from agentkit.models.openai.event_stream import EventStream, ServerEvent

_BEGINS: Final = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:data|event|id|retry)?:")


def is_stream(content: bytes) -> bool:
    """Whether a body is a stream of events, whatever its server calls it."""
    return _BEGINS.match(content) is not None


class StreamedAnswer:
    """Takes the bytes of a stream as they come."""

    def __init__(self) -> None:
        self._events = EventStream()
        self._pieces = Pieces()
        self.done = False
        """Whether the server said that this is all."""

    @property
    def finished(self) -> bool:
        """Whether the server said why the answer ended: only its usage may still come."""
        return self._pieces.finished

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
        """The whole answer, after the end.

        Raises:
            EndedEarly: Not all of it came.
            Retryable: The server says that it broke it off.
        """
        return self._pieces.completion(self.done)

    def _take(self, events: Iterator[ServerEvent]) -> str:
        texts = []
        for event in events:
            self.done = self.done or event.data.strip() == b"[DONE]"
            if self.done:
                break
            piece = _read(event)
            if refusal := read_error_in(piece, is_piece=True):
                raise Refused(refusal)
            texts.append(self._pieces.add(piece))
        return "".join(texts)


def _read(event: ServerEvent) -> Any:
    """The JSON of an event; of one that is called an error, an error whatever it holds."""
    if event.kind != "error":
        return read_json(event.data)
    try:
        piece = read_json(event.data)
    except Unreadable:
        piece = event.data.decode("utf-8", "replace")
    return piece if isinstance(piece, Mapping) and "error" in piece else {"error": piece}
