"""Write the record of an episode: one append-only file of JSON lines."""

import os
import time
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from agentkit.atomic_files import write_atomic
from agentkit.errors import TraceError
from agentkit.events import Event, NodeStarted, NodeText
from agentkit.messages import Image, Message
from agentkit.record.deduplication import Deduplicator
from agentkit.record.line import (
    SHARED,
    event_name,
    picture_name,
    written_completion,
    written_message,
)
from agentkit.values import JSON_OPTIONS, json_safe, json_stand_in

_TAIL: Final = 1 << 16


class EpisodeWriter:
    """Appends the events of one episode, each as it happens.

    Large values that come again are written once (see `agentkit.record.deduplication`).

    Args:
        folder: The run's folder.
        index: The episode's number. A file that is there already is gone on with.

    Raises:
        TraceError: The file cannot be written.
    """

    def __init__(self, folder: Path, index: int) -> None:
        self._folder = folder
        self.path = folder / "episodes" / f"{index:04d}.jsonl"
        self._deduplicator = Deduplicator()
        self._is_torn = False
        """Whether the file ends in half a line that could not be cut off: nothing may follow it."""
        self._is_closed = False
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise self._error(error) from error
        try:
            _cut_torn_line(self._file)
            self._lines = _count_lines(self._file)
        except OSError as error:
            os.close(self._file)
            raise self._error(error) from error

    def emit(self, event: Event, at: float | None = None) -> None:
        """Append one event.

        Args:
            event: The event; of another run's, the pictures are copied.
            at: When it happened, in seconds since 1970; None is now.

        Raises:
            TraceError: The file cannot be written (a full disk), or a picture cannot be read.
        """
        kind = type(event)
        if kind is NodeText:
            return
        if self._is_torn:
            raise TraceError(f"cannot write {self.path}: its last line is torn")
        try:
            data = self._encode(self._body(event))
            name = event_name(kind).encode()
            stamp = time.time() if at is None else at
            number = self._lines + 1
            self._write(
                b'{"event":"%s","line":%d,"time":%.6f,' % (name, number, stamp) + data[1:] + b"\n"
            )
            self._lines = number
        except OSError as error:
            self._undo()
            raise self._error(error) from error
        except BaseException:
            self._undo()
            raise

    def _body(self, event: Event) -> dict[str, Any]:
        """What is written of an event: values that come again are shared."""
        share = self._deduplicator.share
        body = msgspec.structs.asdict(event)
        for field in SHARED.get(type(event), ()):
            body[field] = share(body[field])
        if isinstance(event, NodeStarted):
            body["messages"] = [self._message(message) for message in event.messages]
            body["arguments"] = {
                key: share(value) for key, value in (event.arguments or {}).items()
            }
        if completion := body.get("completion"):
            body["completion"] = written_completion(completion)
        return body

    def _undo(self) -> None:
        """Cut off a line that was not written whole, and forget the values it brought."""
        self._deduplicator.forget()
        try:
            _cut_torn_line(self._file)
        except OSError:
            self._is_torn = True

    def _error(self, error: OSError) -> TraceError:
        return TraceError(f"cannot write {self.path}: {error.strerror or error}")

    def _encode(self, body: Any) -> bytes:
        try:
            return orjson.dumps(body, default=self._other, option=JSON_OPTIONS)
        except orjson.JSONEncodeError as error:
            if isinstance(error.__cause__, TraceError):  # a picture could not be written
                raise error.__cause__ from error
            return orjson.dumps(json_safe(body), default=self._other, option=JSON_OPTIONS)

    def _write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self._file, line) :]

    def sync(self) -> None:
        """Wait until everything written is on the disk.

        Raises:
            TraceError: The disk refused.
        """
        try:
            os.fsync(self._file)
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Sync and close the file; the second time, do nothing.

        Raises:
            TraceError: The disk refused; the file is closed all the same.
        """
        if self._is_closed:
            return
        self._is_closed = True
        try:
            self.sync()
        finally:
            os.close(self._file)

    def _message(self, message: Message) -> dict[str, Any]:
        for image in message.images:
            self._keep_picture(image)
        written = written_message(message)
        return {**written, "content": self._deduplicator.share(message.content)}

    def _keep_picture(self, image: Image) -> str:
        """Keep a picture as a file named by its hash."""
        name = picture_name(image)
        path = self._folder / name
        if not path.exists():
            try:
                write_atomic(path, image.data)
            except OSError as error:
                raise TraceError(f"cannot write {path}: {error.strerror or error}") from error
        return name

    def _other(self, value: Any) -> Any:
        """What orjson cannot write by itself."""
        if isinstance(value, Image):
            return {"image": self._keep_picture(value)}
        return json_stand_in(value)


def _count_lines(file: int) -> int:
    count = start = 0
    while data := os.pread(file, _TAIL, start):
        count += data.count(b"\n")
        start += len(data)
    return count


def _cut_torn_line(file: int) -> None:
    """Cut off what stands after the last whole line: the process was killed while it wrote."""
    end = os.fstat(file).st_size
    while end > 0:
        start = max(0, end - _TAIL)
        newline = os.pread(file, end - start, start).rfind(b"\n")
        if newline >= 0:
            os.ftruncate(file, start + newline + 1)
            return
        end = start
    os.ftruncate(file, 0)
