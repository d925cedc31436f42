"""Read a recorded run."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, fields
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, Final, get_args

import orjson

from agentkit.errors import TraceError
from agentkit.events import Event
from agentkit.plugins import DISTRIBUTION
from agentkit.record.deduplication import Restorer
from agentkit.record.writer import FORMAT, SHARED, event_name

Record = dict[str, Any]
"""One event as it stands in the file, shared values put back."""

_EPISODE: Final = re.compile(r"[0-9]{4,}")
"""What the file of an episode is called."""

NOT_COMPARED_FIELDS: Final = frozenset({"time", "latency_s", "waited_s", "seconds"})
"""Fields that differ between two runs that are otherwise the same."""
_NOT_COMPARED_USAGE: Final = frozenset({"calls", "cached_tokens"})
"""Fields of a usage that vary between runs: retries and the provider's cache."""
NOT_COMPARED_EVENTS: Final = frozenset({"episode_resumed", "call_retried"})
"""Events that differ between two runs that are otherwise the same."""


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run."""

    folder: Path
    """Where it lies."""
    about: Mapping[str, Any]
    """What `run.json` says."""

    @property
    def episodes(self) -> list[int]:
        """Numbers of the episodes that were begun."""
        stems = [path.stem for path in (self.folder / "episodes").glob("*.jsonl")]
        return sorted(int(stem) for stem in stems if _EPISODE.fullmatch(stem))

    def events(self, episode: int) -> Iterator[Record]:
        """The events of an episode, in the order they happened, without those that were superseded
        when it was resumed.

        Raises:
            TraceError: There is no such episode, or its file is damaged before its last line.
        """
        return (record for record, counts in self.lines(episode) if counts)

    def lines(self, episode: int) -> Iterator[tuple[Record, bool]]:
        """Every event that was ever recorded for an episode, and whether it counts still.

        Raises:
            TraceError: There is no such episode, or its file is damaged before its last line.
        """
        path = self.folder / "episodes" / f"{episode:04d}.jsonl"
        counts = _Counting(_lines(path))
        for number, record in _records(path, islice(_lines(path), counts.lines)):
            yield record, counts.judge(number, record)


def load_run(folder: str | Path) -> Run:
    """Open a run folder.

    Raises:
        TraceError: It is not a run folder, or of a newer AgentKit.
    """
    folder = Path(folder)
    path = folder / "run.json"
    try:
        about = orjson.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise TraceError(f"{folder} is not a run folder: it has no run.json") from error
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise TraceError(f"{path} is damaged: line {error.lineno}: {error.msg}") from error
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise TraceError(f"{folder} is not a run folder: its run.json was not written by AgentKit")
    if about["format"] > FORMAT:
        raise TraceError(
            f"{folder} was written by a newer AgentKit (format {about['format']}, "
            f"this one reads up to {FORMAT}): upgrade with pip install -U {DISTRIBUTION}"
        )
    return Run(folder, about)


_KINDS: Final = {event_name(kind): kind for kind in get_args(Event)}
_FIELDS: Final = {
    name: frozenset(f.name for f in fields(kind) if f.default is f.default_factory is MISSING)
    for name, kind in _KINDS.items()
}
"""The fields that every event must have; one that lacks some was not written by AgentKit."""
_LATER: Final = {
    name: {f.name: f.default for f in fields(kind) if f.default is not MISSING}
    for name, kind in _KINDS.items()
}
"""What stands for fields that an earlier version did not write."""


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, one after the other, without a torn last one: the process was killed."""
    try:
        with path.open("rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from error


def _records(path: Path, lines: Iterable[bytes]) -> Iterator[tuple[int, Record]]:
    """The events with the numbers of their lines."""
    restorer = Restorer()
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        try:
            record = orjson.loads(line)
            event = record["event"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise TraceError(f"{path}:{number} is damaged: {error}") from error
        if missing := _FIELDS.get(event, frozenset()) - record.keys():
            raise TraceError(f"{path}:{number} is damaged: {event} has no {', '.join(missing)}")
        for name, value in _LATER.get(event, {}).items():
            record.setdefault(name, value)
        try:
            _restore(record, event, restorer)
        except (KeyError, TypeError, AttributeError) as error:
            raise TraceError(f"{path}:{number} is damaged: a value is missing: {error}") from error
        yield number, record


class _Counting:
    """Which events of an episode's file count, given where it was resumed.

    What was recorded from a step on counts no longer once the episode was resumed at that step.
    An episode that was started over begins a second time.
    """

    def __init__(self, lines: Iterable[bytes]) -> None:
        self.lines = 0
        """How many there were: a run that goes on may have more when they are read again."""
        self._begins = 0
        resumed: list[tuple[int, int]] = []
        for number, line in enumerate(lines, 1):
            self.lines = number
            if _BEGINS.match(line):
                self._begins = number
            elif _RESUMES.match(line):
                with suppress(orjson.JSONDecodeError, KeyError, TypeError):  # named when it is read
                    resumed.append((number, int(orjson.loads(line)["step"])))
        self._resumed = list(accumulate(reversed(resumed), _earlier))[::-1]

    def judge(self, number: int, record: Record) -> bool:
        """Whether an event counts; asked line after line."""
        while self._resumed and self._resumed[0][0] <= number:
            self._resumed.pop(0)
        kind = record["event"]
        if kind == "episode_started":
            return number == self._begins
        if not self._resumed or kind == "episode_resumed":
            return True
        return "step" in record and record["step"] < self._resumed[0][1]


_BEGINS: Final = re.compile(rb'\{\s*"event"\s*:\s*"episode_started"')
_RESUMES: Final = re.compile(rb'\{\s*"event"\s*:\s*"episode_resumed"')


def _earlier(later: tuple[int, int], this: tuple[int, int]) -> tuple[int, int]:
    """The line where an episode was resumed, and the first step that this or a later one redoes."""
    return this[0], min(this[1], later[1])


_SHARED: Final = {event_name(kind): names for kind, names in SHARED.items()}


def _restore(record: Record, event: str, restorer: Restorer) -> None:
    """Put back the values that were written once and referred to later, in the writer's order."""
    for name in _SHARED.get(event, ()):
        record[name] = restorer.restore(record[name])
    if event == "node_started":
        for message in record["messages"]:
            message["content"] = restorer.restore(message["content"])
        arguments = record["arguments"]
        record["arguments"] = {key: restorer.restore(arguments[key]) for key in arguments}


def comparable(events: Iterator[Record]) -> list[Record]:
    """The events of an episode in a fixed order and without times.

    Two runs are the same when these are equal: parallel nodes finish in any order, but what each
    did does not depend on it. That a run was resumed, that a server did not answer at once, how
    many tries that took and what the server had in its cache are no part of it.
    """
    kept = [_lasting(event) for event in events if event["event"] not in NOT_COMPARED_EVENTS]
    return sorted(kept, key=_place)


def _lasting(event: Record) -> Record:
    """An event without what differs between two runs that are otherwise the same."""
    kept = {key: value for key, value in event.items() if key not in NOT_COMPARED_FIELDS}
    if "usage" in kept:
        kept["usage"] = _tokens(kept["usage"])
    if kept.get("completion"):
        completion = kept["completion"]
        kept["completion"] = {**completion, "usage": _tokens(completion["usage"])}
    return kept


def _tokens(usage: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in usage.items() if key not in _NOT_COMPARED_USAGE}


_RANKS: Final = {
    name: rank
    for rank, name in enumerate(
        (
            "episode_started", "step_started", "node_added", "node_started", "node_retried",
            "node_skipped", "node_finished", "node_failed", "node_cancelled", "memory_written",
            "step_finished", "step_failed", "environment_stepped", "limit_reached",
            "episode_finished",
        )
    )
}  # fmt: skip
_AFTER_NODES: Final = _RANKS["memory_written"]


def _place(event: Record) -> tuple[float, int, str, int, int, int]:
    """Where an event stands: by step, then node, item and attempt, then kind."""
    kind = event["event"]
    rank = _RANKS.get(kind, len(_RANKS))
    ends = {"episode_started": -1.0, "episode_finished": float("inf")}
    phase = 0 if kind == "step_started" else 2 if rank > _AFTER_NODES else 1
    item = event.get("item")
    step: int = event.get("step", 0)
    return (
        ends.get(kind, float(step)),
        phase,
        event.get("node") or "",
        -1 if item is None else item,
        event.get("attempt", 0),
        rank,
    )
