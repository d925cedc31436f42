"""Reads a stream of server-sent events, as the WHATWG's standard says."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from agentkit.models.openai.answers import Unreadable

MOST_EVENTS: Final = 1_000_000
"""The most events of one answer."""
LARGEST_EVENT: Final = 8 * 2**20
"""The most bytes of one event."""
_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


class ServerEvent(NamedTuple):
    """One event of a stream."""

    kind: str
    """Its name; `message` where it has none."""
    data: bytes
    """Its lines of data, joined."""


class EventStream:
    """Makes events of the bytes of a stream.

    Lines may end with CR, LF or both. Comments, `id`, `retry` and unknown fields are skipped, and
    so are events without data. Unlike in the standard, the event that a stream ends in counts
    without an empty line after it: servers leave that out. So do errors as
    bare JSON or in lines called `error`, with which some servers end a stream that failed.
    """

    def __init__(self) -> None:
        self._rest: list[bytes] = []
        self._after_cr = False
        self._begun = False
        self._kind = b""
        self._data: list[bytes] = []
        self._size = 0
        self._events = 0

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Yield the events that end in a chunk.

        Raises:
            Unreadable: An event is too large, or there are too many.
        """
        if self._after_cr and chunk.startswith(b"\n"):
            chunk = chunk[1:]
            self._after_cr = False
        if not chunk:
            return
        self._after_cr = chunk.endswith(b"\r")
        first, *others = _LINE_END.split(chunk)
        self._count(len(first))
        self._rest.append(first)
        for line in others:
            whole, self._rest = b"".join(self._rest), [line]
            yield from self._line(whole)
            self._count(len(line))

    def end(self) -> Iterator[ServerEvent]:
        """Yield the event that the stream ended in."""
        whole, self._rest = b"".join(self._rest), []
        yield from self._line(whole)
        yield from self._line(b"")

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > LARGEST_EVENT:
            raise Unreadable(f"a piece of its answer is larger than {LARGEST_EVENT >> 20} MB")

    def _line(self, line: bytes) -> Iterator[ServerEvent]:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
        if line:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
            if name == b"data":
                self._data.append(value)
            elif name == b"event":
                self._kind = value
            elif name == b"error":  # of llama.cpp before October 2025
                self._kind = name
                self._data.append(value)
            elif line.startswith(b"{") and b'"error"' in line:  # without its `data:`
                self._data.append(line)
            return
        data, kind = b"\n".join(self._data), self._kind
        self._data, self._kind, self._size = [], b"", 0
        if data.strip():
            self._events += 1
            if self._events > MOST_EVENTS:
                raise Unreadable(f"its answer has more than {MOST_EVENTS:,} pieces")
            yield ServerEvent(kind.decode("utf-8", "replace") or "message", data)
