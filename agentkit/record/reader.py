"""Read a recorded run."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, islice
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, TypedDict

import msgspec
import orjson

from agentkit.atomic_files import open_regular
from agentkit.errors import TraceError
from agentkit.events import EpisodeResumed, EpisodeStarted, Event
from agentkit.plugins import DISTRIBUTION
from agentkit.program.argument_kinds import check_path
from agentkit.program.display import html_table, short
from agentkit.record.line import FORMAT, LineReader, damage

_EPISODE: Final = re.compile(r"[0-9]{4,}")
"""What the file of an episode is called."""


class Line(NamedTuple):
    """One line of an episode's file."""

    event: Event
    time: float
    """When it was written, in seconds since 1970."""
    counts: bool
    """Whether it counts still: what an episode did after the step at which it was resumed later
    does not."""


_Path = Annotated[str, msgspec.Meta(pattern=r"^[^\x00]*$")]


class _AgentFile(TypedDict, total=False):
    name: str
    path: _Path | None
    folder: _Path | None
    source: str
    model: str | None
    memory_file: _Path | None


class _EnvOfRun(TypedDict):
    id: str
    arguments: dict[str, Any]


About = TypedDict(
    "About",
    {
        "format": int,
        "status": str,
        "started": str,
        "resumed": list[str],
        "from": dict[str, Any],
        "agent": _AgentFile | str,
        "models": dict[str, str],
        "env": _EnvOfRun | None,
        "inputs": dict[str, Any],
        "plan": dict[str, Any],
        "limits": dict[str, dict[str, Any]],
        "versions": dict[str, str],
        "totals": dict[str, Any],
    },
    total=False,
)
"""What `run.json` says, as far as AgentKit reads it."""


def check_about(about: Mapping[str, Any], where: str) -> None:
    """Refuse what no `run.json` says.

    Raises:
        TraceError: A value is of another kind than is read there.
    """
    try:
        msgspec.convert(about, About)
    except msgspec.ValidationError as error:
        raise TraceError(f"{where} is damaged: {damage('run', str(error))}") from error


@dataclass(frozen=True, slots=True)
class Run:
    """A recorded run."""

    folder: Path
    """Where it lies."""
    about: Mapping[str, Any]
    """What `run.json` says."""

    def __repr__(self) -> str:
        agent, status = short(self._agent), short(self.about.get("status"))
        return f"<Run {self.folder}: {agent}, {status}, {len(self.episodes)} episodes>"

    def _repr_html_(self) -> str:
        about, totals = self.about, self.about.get("totals")
        rows = {
            "agent": self._agent,
            "status": about.get("status"),
            "started": about.get("started"),
            "episodes": len(self.episodes),
            "models": about.get("models"),
            "environment": about.get("env"),
            "inputs": about.get("inputs"),
            **(totals if isinstance(totals, Mapping) else {}),
        }
        return html_table(str(self.folder), ("", ""), rows.items())

    @property
    def _agent(self) -> Any:
        """The name of its agent."""
        agent = self.about.get("agent")
        return agent.get("name") if isinstance(agent, Mapping) else agent

    @property
    def episodes(self) -> list[int]:
        """Numbers of the episodes that were begun."""
        stems = [path.stem for path in (self.folder / "episodes").glob("*.jsonl")]
        return sorted(int(stem) for stem in stems if _EPISODE.fullmatch(stem))

    def events(self, episode: int) -> Iterator[Event]:
        """Yield the events of an episode in the order they happened, as `stream` gives them.

        Those that were superseded when the episode was resumed are left out.

        Raises:
            TraceError: There is no such episode, or its file is damaged before its last line.
        """
        return (line.event for line in self.lines(episode) if line.counts)

    def lines(self, episode: int) -> Iterator[Line]:
        """Yield every event that was ever recorded for an episode, with its time.

        Raises:
            TraceError: There is no such episode, or its file is damaged before its last line.
        """
        path = self.path(episode)
        counts = _Counting(_lines(path))
        reader = LineReader(path)
        for number, line in enumerate(islice(_lines(path), counts.lines), 1):
            if line:
                event, time = reader.read(number, line)
                yield Line(event, time, counts.judge(number, event))

    def path(self, episode: int) -> Path:
        """Return the file of an episode, which is there if the episode was begun."""
        return self.folder / "episodes" / f"{episode:04d}.jsonl"


def load_run(folder: str | Path) -> Run:
    """Open a run folder.

    Raises:
        TraceError: It is not a run folder, or of a newer AgentKit.
    """
    check_path("folder", folder)
    folder = Path(folder)
    path = folder / "run.json"
    try:
        with open_regular(path) as file:
            about = orjson.loads(file.read())
    except FileNotFoundError as error:
        raise TraceError(f"{folder} is not a run folder: it has no run.json") from error
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise TraceError(f"{path} is damaged: line {error.lineno}: {error.msg}") from error
    if not isinstance(about, dict) or not isinstance(about.get("format"), int):
        raise TraceError(f"{folder} is not a run folder: its run.json was not written by AgentKit")
    check_about(about, str(path))
    if about["format"] > FORMAT:
        raise TraceError(
            f"{folder} was written by a newer AgentKit (format {about['format']}, "
            f"this one reads up to {FORMAT}): upgrade with pip install -U {DISTRIBUTION}"
        )
    return Run(folder, about)


def _lines(path: Path) -> Iterator[bytes]:
    """The lines of a file, one after the other, without a torn last one: the process was killed."""
    try:
        with open_regular(path) as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield line[:-1]
    except OSError as error:
        raise TraceError(f"{path}: {error.strerror}") from error


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

    def judge(self, number: int, event: Event) -> bool:
        """Whether an event counts; asked line after line."""
        while self._resumed and self._resumed[0][0] <= number:
            self._resumed.pop(0)
        if isinstance(event, EpisodeStarted):
            return number == self._begins
        if not self._resumed or isinstance(event, EpisodeResumed):
            return True
        step = getattr(event, "step", None)
        return step is not None and step < self._resumed[0][1]


_BEGINS: Final = re.compile(rb'\{\s*"event"\s*:\s*"episode_started"')
_RESUMES: Final = re.compile(rb'\{\s*"event"\s*:\s*"episode_resumed"')


def _earlier(later: tuple[int, int], this: tuple[int, int]) -> tuple[int, int]:
    """The line where an episode was resumed, and the first step that this or a later one redoes."""
    return this[0], min(this[1], later[1])
