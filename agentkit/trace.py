"""Write a run: one folder, one append-only JSON-lines file an episode."""

import fcntl
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import orjson

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
from agentkit.files import write_atomic
from agentkit.messages import Image, Message
from agentkit.sharing import Sharer

FORMAT: Final = 1
"""Version of the run folder's layout; a reader refuses a newer one."""

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


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
_NAMES: dict[type, bytes] = {}


class RunWriter:
    """A run folder being written by this process.

    Args:
        folder: The folder; it must not exist yet, or be empty.
        about: What `run.json` says of the run: agent, spec, models, seed.

    Raises:
        TraceError: The folder cannot be made or is somebody else's.
    """

    def __init__(self, folder: Path | str, about: Mapping[str, Any]) -> None:
        self.folder = folder = Path(folder)
        self._about = {
            "format": FORMAT,
            "status": "running",
            "started": datetime.now().astimezone().isoformat(timespec="seconds"),
            "python": platform.python_version(),
            **about,
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if any(folder.iterdir()):
                raise TraceError(f"{folder} is not empty: choose another folder for the run")
            (folder / "episodes").mkdir()
            self._lock = _lock(folder)
        except OSError as error:
            raise TraceError(f"cannot record a run in {folder}: {error.strerror}") from error
        self._save()

    def episode(self, index: int) -> "EpisodeWriter":
        """The writer of one episode's file."""
        return EpisodeWriter(self.folder, index)

    def finish(self, status: str, totals: Mapping[str, Any]) -> None:
        """Write how the run ended, and let go of the folder."""
        self._about |= {"status": status, "totals": dict(totals)}
        try:
            self._save()
        finally:
            os.close(self._lock)

    def discard(self) -> None:
        """Remove the folder of a run that never began."""
        os.close(self._lock)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _save(self) -> None:
        options = _OPTIONS | orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
        path = self.folder / "run.json"
        try:
            write_atomic(path, orjson.dumps(_whole(self._about), default=str, option=options))
        except OSError as error:
            raise TraceError(f"cannot write {path}: {error.strerror}") from error


def _whole(value: Any) -> Any:
    """A value that JSON can say: half surrogate pairs become `?`, huge numbers become text."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and value.bit_length() > 63:
        return hex(value)
    if isinstance(value, Mapping):
        return {_whole(key): _whole(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_whole(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _whole(getattr(value, field.name)) for field in fields(value)}
    return value


def _lock(folder: Path) -> int:
    """Take the folder for this process; the lock goes with the process."""
    descriptor = os.open(folder / "lock", os.O_CREAT | os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise TraceError(f"{folder} is being written by another process") from error
    return descriptor


class EpisodeWriter:
    """Appends the events of one episode, each as it happens.

    Large values that come again are written once (see `agentkit.sharing`).
    """

    def __init__(self, folder: Path, index: int) -> None:
        self._folder = folder
        self.path = folder / "episodes" / f"{index:04d}.jsonl"
        self._sharer = Sharer()
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL
            self._file = os.open(self.path, flags, 0o644)
        except OSError as error:
            raise TraceError(f"cannot write {self.path}: {error.strerror}") from error

    def emit(self, event: Event) -> None:
        """Append one event.

        Raises:
            TraceError: The file cannot be written (a full disk).
        """
        kind = type(event)
        if kind is NodeText:
            return
        if kind not in _NAMES:
            _NAMES[kind] = b'{"event":"%s","time":%%.6f,' % event_name(kind).encode()
        body: Any = event
        if kind in SHARED:
            body = {name: getattr(event, name) for name in _FIELDS[kind]}
            for name in SHARED[kind]:
                body[name] = self._sharer.share(body[name])
        if isinstance(event, NodeStarted):
            body["messages"] = [self._message(message) for message in event.messages]
            given = event.arguments or {}
            body["arguments"] = {key: self._sharer.share(value) for key, value in given.items()}
        try:
            data = self._encode(body)
            line = _NAMES[kind] % time.time() + data[1:] + b"\n"
            self._write(line)
        except OSError as error:
            raise TraceError(f"cannot write {self.path}: {error.strerror}") from error

    def _encode(self, body: Any) -> bytes:
        try:
            return orjson.dumps(body, default=self._other, option=_OPTIONS)
        except orjson.JSONEncodeError:
            return orjson.dumps(_whole(body), default=self._other, option=_OPTIONS)

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
            raise TraceError(f"cannot write {self.path}: {error.strerror}") from error

    def close(self) -> None:
        """Sync and close the file."""
        self.sync()
        os.close(self._file)

    def _message(self, message: Message) -> dict[str, Any]:
        content = self._sharer.share(message.content)
        written: dict[str, Any] = {"role": message.role, "content": content}
        if message.images:
            written["images"] = [self._picture(image) for image in message.images]
        return written

    def _picture(self, image: Image) -> str:
        """Keep a picture as a file named by its hash."""
        suffix = image.media_type.rpartition("/")[2]
        name = f"images/{hashlib.sha256(image.data).hexdigest()}.{suffix}"
        path = self._folder / name
        if not path.exists():
            write_atomic(path, image.data)
        return name

    def _other(self, value: Any) -> Any:
        """What orjson cannot write by itself."""
        if isinstance(value, Image):
            return {"image": self._picture(value)}
        if isinstance(value, (set, frozenset)):
            return sorted(value)
        return f"<{type(value).__name__}>"
