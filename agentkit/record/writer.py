"""Write the record of an episode: one append-only file of JSON lines."""

import hashlib
import os
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Final

import orjson

from agentkit.atomic_files import write_atomic
from agentkit.errors import TraceError
from agentkit.events import (
    EnvironmentStepped,
    EpisodeStarted,
    Event,
    MemoryWritten,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
    NodeText,
)
from agentkit.messages import Image, Message
from agentkit.record.deduplication import Deduplicator
from agentkit.values import JSON_OPTIONS, json_safe, json_stand_in

FORMAT: Final = 1
"""Version of the run folder's layout; a reader refuses a newer one."""
_TAIL: Final = 1 << 16


def event_name(kind: type) -> str:
    """`NodeStarted` is `node_started` in the file."""
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in kind.__name__).lstrip("_")


SHARED: Final[Mapping[type, tuple[str, ...]]] = {
    EpisodeStarted: ("observation",),
    NodeStarted: ("schema",),
    NodeFinished: ("value",),
    NodeSkipped: ("value",),
    MemoryWritten: ("value",),
    EnvironmentStepped: ("observation",),
}
"""The fields that may be large and come again; so may the contents of messages and the arguments
of functions."""

_FIELDS: Final = {kind: tuple(f.name for f in fields(kind)) for kind in SHARED}
_SHARED: Final = {event_name(kind): names for kind, names in SHARED.items()}
_NAMES: dict[type, str] = {}


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
        except OSError as error:
            os.close(self._file)
            raise self._error(error) from error

    def emit(self, event: Event) -> None:
        """Append one event.

        Raises:
            TraceError: The file cannot be written (a full disk).
        """
        kind = type(event)
        if kind is NodeText:
            return
        name = _NAMES.get(kind)
        if name is None:
            name = _NAMES[kind] = event_name(kind)
        body: Any = event
        if kind in SHARED:
            body = {field: getattr(event, field) for field in _FIELDS[kind]}
        if isinstance(event, NodeStarted):
            body["messages"] = [self._message(message) for message in event.messages]
        self._append(name, time.time(), body)

    def copy(self, record: Mapping[str, Any], folder: Path) -> None:
        """Append an event of another run, as its reader gives it, with its pictures.

        Raises:
            TraceError: It cannot be written, or a picture cannot be read.
        """
        body = dict(record)
        name, at = body.pop("event"), body.pop("time")
        if name == "node_started":
            body["messages"] = [dict(message) for message in body["messages"]]
            for message in body["messages"]:
                for picture in message.get("images", ()):
                    self._copy_picture(folder, picture)
        self._append(name, at, body)

    def _append(self, name: str, at: float, body: Any) -> None:
        """Append a line whole, or leave the file as it was."""
        if self._is_torn:
            raise TraceError(f"cannot write {self.path}: its last line is torn")
        try:
            for field in _SHARED.get(name, ()):
                body[field] = self._deduplicator.share(body[field])
            if name == "node_started":
                self._share_question(body)
            data = self._encode(body)
            self._write(b'{"event":"%s","time":%.6f,' % (name.encode(), at) + data[1:] + b"\n")
        except OSError as error:
            self._undo()
            raise self._error(error) from error
        except BaseException:
            self._undo()
            raise

    def _undo(self) -> None:
        """Cut off a line that was not written whole, and forget the values it brought."""
        self._deduplicator.forget()
        try:
            _cut_torn_line(self._file)
        except OSError:
            self._is_torn = True

    def _share_question(self, body: dict[str, Any]) -> None:
        """Share the contents of messages and the arguments of a function."""
        for message in body["messages"]:
            message["content"] = self._deduplicator.share(message["content"])
        given = body["arguments"] or {}
        body["arguments"] = {key: self._deduplicator.share(value) for key, value in given.items()}

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
        written: dict[str, Any] = {"role": message.role, "content": message.content}
        if message.images:
            written["images"] = [self._picture(image) for image in message.images]
        return written

    def _picture(self, image: Image) -> str:
        """Keep a picture as a file named by its hash."""
        name = picture_name(image)
        path = self._folder / name
        if not path.exists():
            try:
                write_atomic(path, image.data)
            except OSError as error:
                raise TraceError(f"cannot write {path}: {error.strerror or error}") from error
        return name

    def _copy_picture(self, folder: Path, name: str) -> None:
        path = self._folder / name
        if path.exists():
            return
        try:
            write_atomic(path, (folder / name).read_bytes())
        except OSError as error:
            raise TraceError(f"cannot copy the picture {folder / name}: {error}") from error

    def _other(self, value: Any) -> Any:
        """What orjson cannot write by itself."""
        if isinstance(value, Image):
            return {"image": self._picture(value)}
        return json_stand_in(value)


def picture_name(image: Image) -> str:
    """The file of a picture, named by its hash."""
    suffix = image.media_type.rpartition("/")[2]
    return f"images/{hashlib.sha256(image.data).hexdigest()}.{suffix}"


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
