"""The lines of a record: what the reader makes of one, and the pictures that it names."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import orjson

from agentkit.atomic_files import open_regular
from agentkit.errors import TraceError
from agentkit.events import (
    EnvironmentStepped,
    EpisodeStarted,
    Event,
    MemoryWritten,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
)
from agentkit.limits import truncated
from agentkit.messages import MOST_COUNTED, Completion, Image, Message
from agentkit.models.expert_counts import check_experts
from agentkit.record.deduplication import Restorer
from agentkit.values import as_recorded

FORMAT: Final = 2
"""Version of the run folder's layout; a reader refuses a newer one. In version 1 a cost stood
beside its usage, and not in it."""

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


def event_name(kind: type) -> str:
    """Return what the file calls a kind of event: `node_started` for `NodeStarted`."""
    config: msgspec.structs.StructConfig = kind.__struct_config__  # type: ignore[attr-defined]
    return str(config.tag)


_SHARED: Final = {event_name(kind): names for kind, names in SHARED.items()}


class RecordedImage(Image):
    """A picture of a record; its file is read when its data is wanted."""

    __slots__ = ("name", "path")
    name: str
    path: Path

    def __init__(self, folder: Path, name: str) -> None:
        object.__setattr__(self, "media_type", f"image/{Path(name).suffix[1:]}")
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "path", folder / name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Image):
            return NotImplemented
        return (other.media_type, other.data) == (self.media_type, self.data)

    def __hash__(self) -> int:
        return hash(self.name)

    @property
    def data(self) -> bytes:
        """The encoded file.

        Raises:
            TraceError: It cannot be read.
        """
        try:
            with open_regular(self.path) as file:
                return file.read()
        except OSError as error:
            raise TraceError(f"cannot read the picture {self.path}: {error.strerror}") from error


def as_record(event: Event) -> dict[str, Any]:
    """Return an event as its line reads: a JSON object, with the kind under `event`."""
    body = msgspec.structs.asdict(event)
    if isinstance(event, NodeStarted):
        body["messages"] = [written_message(message) for message in event.messages]
    if completion := body.get("completion"):
        body["completion"] = written_completion(completion)
    return {"event": event_name(type(event)), **as_recorded(body)}


def written_message(message: Message) -> dict[str, Any]:
    """Return a message as it is written: its pictures by the names of their files."""
    written: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.images:
        written["images"] = [picture_name(image) for image in message.images]
    return written


def written_completion(completion: Completion) -> dict[str, Any]:
    """Return a completion as it is written: with the counts of experts only where there are any."""
    written = {field.name: getattr(completion, field.name) for field in fields(completion)}
    if not completion.experts:
        del written["experts"]
    return written


def picture_name(image: Image) -> str:
    """Return the file of a picture, named by its hash."""
    if isinstance(image, RecordedImage):
        return image.name
    suffix = image.media_type.rpartition("/")[2]
    return f"images/{hashlib.sha256(image.data).hexdigest()}.{suffix}"


class LineReader:
    """Reads the lines of an episode's file, one after the other.

    Args:
        path: The file, for messages and to find the pictures of the run.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._folder = path.parent.parent
        self._restorer = Restorer()

    def read(self, number: int, line: bytes) -> tuple[Event, float]:
        """Return the event of a line, and when it was written.

        Args:
            number: The line's number, from 1.
            line: Its text.

        Raises:
            TraceError: It is damaged: no JSON, a field is missing or of a wrong kind, or it refers
                to a value that is not there.
        """
        try:
            record = orjson.loads(line)
            kind = record["event"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise self._damaged(number, str(error)) from error
        try:
            pictures = self._restore(record, kind)
            _check_counts(record)
        except KeyError as error:
            raise self._damaged(number, f"a value is missing: {error}") from error
        except (TypeError, AttributeError, IndexError, ValueError) as error:
            raise self._damaged(number, f"{kind}: {error}") from error
        try:
            event: Event = msgspec.convert(record, Event)
            stamp = msgspec.convert(record, _Stamp)
        except msgspec.ValidationError as error:
            raise self._damaged(number, damage(kind, str(error))) from error
        if stamp.line not in (number, None):
            why = f"it was written as line {stamp.line}, so lines are missing or not in their place"
            raise self._damaged(number, why)
        return self._with_pictures(event, pictures) if pictures else event, stamp.time

    def _damaged(self, number: int, why: str) -> TraceError:
        return TraceError(f"{self._path}:{number} is damaged: {why}")

    def _restore(self, record: dict[str, Any], kind: Any) -> dict[int, list[str]]:
        """Put back the values that were written once and referred to later, in the writer's order.

        Returns:
            The names of the pictures, by message.
        """
        restore = self._restorer.restore
        for name in _SHARED.get(kind, ()):
            if name in record:
                record[name] = restore(record[name])
        _upgrade(record)
        pictures: dict[int, list[str]] = {}
        if kind == "node_started":
            for index, message in enumerate(record.get("messages", ())):
                if "content" in message:
                    message["content"] = restore(message["content"])
                if (names := message.pop("images", None)) is not None:
                    pictures[index] = _picture_names(names)
            _check_digest(record.get("request_key", ""))
            arguments = record.get("arguments") or {}
            record["arguments"] = {key: restore(arguments[key]) for key in arguments}
        return pictures

    def _with_pictures(self, event: Event, pictures: Mapping[int, list[str]]) -> Event:
        if not isinstance(event, NodeStarted):
            return event
        messages = tuple(
            self._message(message, pictures.get(index, ()))
            for index, message in enumerate(event.messages)
        )
        return msgspec.structs.replace(event, messages=messages)

    def _message(self, message: Message, names: Any) -> Message:
        images = tuple(RecordedImage(self._folder, name) for name in names)
        return replace(message, images=images) if images else message


_PICTURE: Final = re.compile(r"images/[0-9a-f]{64}\.[a-z0-9.+-]{1,20}")


def _picture_names(names: Any) -> list[str]:
    """The names of pictures as a message has them.

    Raises:
        ValueError: They are none of ours: no text of a record may name another file.
    """
    if not isinstance(names, list) or not all(
        isinstance(name, str) and _PICTURE.fullmatch(name) for name in names
    ):
        raise ValueError(f"its pictures are {names!r:.80}, expected names such as images/1f3a.png")
    return names


def _check_digest(key: Any) -> None:
    """Refuse the key of a request that is no digest.

    Raises:
        ValueError: It is none.
    """
    try:
        bytes.fromhex(key)
    except (ValueError, TypeError) as error:
        raise ValueError(f"its request_key is {key!r:.80}, expected a digest in hex") from error


_END_OF_TIME: Final = 253_402_300_800
"""The year 10000, in seconds since 1970: no calendar goes further."""


_SIGNED: Final = frozenset({"reward", "seed", "value"})
"""Numbers of an event that may be any."""


def _check_counts(part: Mapping[str, Any]) -> None:
    """Refuse counts, times and costs that cannot be.

    Raises:
        ValueError: One is below 0, or far too high.
    """
    for name, value in part.items():
        if type(value) in (int, float) and name not in _SIGNED and not 0 <= value <= MOST_COUNTED:
            raise ValueError(f"its {name} is {value:g}, expected a number from 0 on")
        if name in ("usage", "at_most", "completion") and isinstance(value, dict):
            _check_counts(value)
        elif name == "experts":
            check_experts(value)


class _Stamp(msgspec.Struct):
    """What the lines of all events have beside the event's own fields."""

    time: Annotated[float, msgspec.Meta(lt=_END_OF_TIME)]
    line: int | None = None
    """Its number in the file; None in format 1."""


_MISSING: Final = re.compile(r"Object missing required field `(.+?)`(?: - at `\$\.(.+)`)?")
_OTHER: Final = re.compile(r"(Expected .+?) - at `\$\.(.+)`")
_WRONG: Final = re.compile(r"Expected `(.+?)`, got `(.+?)` - at `\$\.(.+)`")


def damage(kind: Any, said: str) -> str:
    """Return what is wrong with the fields of an event, in our words.

    Args:
        kind: What they are fields of.
        said: What msgspec says of them.
    """
    if missing := _MISSING.fullmatch(said):
        where = f"{kind}.{missing[2]}" if missing[2] else kind
        return f"{where} has no {missing[1]}"
    if wrong := _WRONG.fullmatch(said):
        return f"{kind}.{wrong[3]} is a value of the type {wrong[2]}, expected {wrong[1]}"
    if other := _OTHER.fullmatch(said):
        return f"{kind}.{other[2]}: {other[1]}"
    return f"{kind}: {said}"


def _upgrade(record: dict[str, Any]) -> None:
    """Put a line of version 1 into the present form.

    A cost goes into the usage that it belongs to. An episode of as many steps as were asked for
    was no success then.
    """
    if record.get("event") == "episode_finished" and record.get("status") == "limit":
        steps = str(record.get("reason")).removeprefix("steps: ")
        if steps.isdecimal():
            record |= {"status": "done", "reason": truncated(int(steps))}
    for part in (record, record.get("completion")):
        if isinstance(part, dict) and "cost_usd" in part and isinstance(part.get("usage"), dict):
            part["usage"]["cost_usd"] = part.pop("cost_usd")
