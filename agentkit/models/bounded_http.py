"""Bounds what a server sends: decoded bytes are counted as they come, and none is held too long.

It imports an HTTP client, so it is imported where one is made.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator
from typing import Final

import httpx2

LARGEST_ANSWER: Final = 8 * 2**20
"""The most bytes of an answer in one piece, unpacked. 128,000 tokens are about half a megabyte."""
LARGEST_STREAM: Final = 64 * 2**20
"""The most bytes of an answer in pieces: each has some 300 bytes around its token."""
LARGEST_ERROR: Final = 64 * 2**10
"""The most bytes of an error that are read; the rest is ignored."""
ENCODINGS: Final = "gzip, deflate"
"""What a server is told that it may pack an answer with."""
_STEP: Final = 64 * 2**10


class OversizedAnswer(httpx2.DecodingError):
    """An answer is larger than any answer of a model can be."""


async def bound_response(response: httpx2.Response) -> None:
    """Replace the body of a response, not yet read, by one that is unpacked here and counted."""
    if not isinstance(response.stream, httpx2.AsyncByteStream):
        return
    encodings = [
        name
        for part in response.headers.get("content-encoding", "").split(",")
        if (name := part.strip().lower()) not in ("", "identity")
    ]
    if encodings:
        del response.headers["content-encoding"]
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    most = LARGEST_STREAM if kind == "text/event-stream" else LARGEST_ANSWER
    response.stream = _BoundedStream(response.stream, encodings, most, response.status_code)


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(
        self, source: httpx2.AsyncByteStream, encodings: list[str], most: int, status: int
    ) -> None:
        self._source = source
        self._encodings = encodings
        self._most = most
        self._is_error = status >= 300

    async def __aiter__(self) -> AsyncIterator[bytes]:
        left = LARGEST_ERROR if self._is_error else self._most
        async for chunk in self._unpacked():
            left -= len(chunk)
            if left < 0 and self._is_error:
                yield chunk[:left]
                return
            if left < 0:
                raise OversizedAnswer(
                    f"the server's answer is larger than {self._most >> 20} MB, which no answer of "
                    "a model is. A model that does not come to an end needs 'max_tokens'"
                )
            yield chunk

    async def _unpacked(self) -> AsyncIterator[bytes]:
        unpack = None
        async for chunk in self._source:
            if not self._encodings:
                yield chunk
                continue
            unpack = unpack or _unpacker(self._encodings, chunk)
            piece = b""
            while (chunk or len(piece) == _STEP) and not unpack.eof:
                try:
                    piece = unpack.decompress(chunk, _STEP)
                except zlib.error as error:
                    raise httpx2.DecodingError(f"its packed answer is broken ({error})") from None
                yield piece
                chunk = unpack.unconsumed_tail
                await asyncio.sleep(0)  # so that a timeout can end this

    async def aclose(self) -> None:
        """Close the connection's part of it."""
        await self._source.aclose()


def _unpacker(encodings: list[str], begin: bytes) -> "zlib._Decompress":
    """Return what unpacks a body that begins with these bytes.

    Raises:
        DecodingError: It is packed in a way that was not asked for.
    """
    if encodings in (["gzip"], ["x-gzip"]):
        return zlib.decompressobj(31)
    if encodings == ["deflate"]:  # zlib's format, but some servers leave its head out
        has_head = len(begin) > 1 and begin[0] & 15 == 8 and int.from_bytes(begin[:2]) % 31 == 0
        return zlib.decompressobj(15 if has_head else -15)
    packed = ", ".join(encodings)
    raise httpx2.DecodingError(
        f"its answer is packed with {packed:.60}, which nobody asked for: only {ENCODINGS} are read"
    )
