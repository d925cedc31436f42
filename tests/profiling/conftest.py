"""A record whose every moment is known, so that its profile can be worked out by hand."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from agentkit import Completion, Message, Run, Sampling, Usage, load_run
from agentkit.events import (
    CallRetried,
    EnvironmentStepped,
    EpisodeFinished,
    EpisodeStarted,
    Event,
    NodeAdded,
    NodeFailed,
    NodeFinished,
    NodeRetried,
    NodeSkipped,
    NodeStarted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from agentkit.profiling import Profile, profile_run
from agentkit.record.line import as_record

NONE, TEN = Usage(cost_usd=0.0), Usage(10, 2, 5, 1)


class Recorder:
    """Writes a run folder, event by event, with times of its own."""

    def __init__(self, folder: Path, source: str = "") -> None:
        self.folder = folder
        self.status = "done"
        self._source = source
        self._lines: dict[int, list[tuple[float, dict[str, Any]]]] = {0: []}
        self.episode = 0
        self.step = 0

    def emit(self, time: float, event: Event) -> None:
        self._lines.setdefault(self.episode, []).append((time, {**as_record(event), "time": time}))

    def start(self, time: float = 0.0, observation: str | None = None) -> None:
        """The episode begins."""
        self.emit(time, EpisodeStarted(self.episode, None, observation))

    def end(
        self,
        time: float,
        usage: Usage = NONE,
        cost_usd: float | None = 0.0,
        seconds: float = 0.0,
    ) -> None:
        """The episode is over, and says how long it was played."""
        used = replace(usage, cost_usd=cost_usd)
        self.emit(time, EpisodeFinished(self.episode, "done", "", 1, 0.0, used, seconds))

    def begin_step(self, time: float, step: int = 0) -> None:
        self.step = step
        self.emit(time, StepStarted(step))

    def end_step(self, time: float) -> None:
        self.emit(time, StepFinished(self.step, NONE, 0.0))

    def fail_step(self, time: float, calls: int = 9) -> None:
        self.emit(time, StepFailed(self.step, {"a": "broken"}, Usage(calls=calls, cost_usd=0.0)))

    def cut_step(self, time: float, calls: int) -> None:
        """A limit or the user ends the step."""
        self.emit(time, StepFailed(self.step, {}, Usage(calls=calls, cost_usd=0.0)))

    def act(self, time: float) -> None:
        """The environment answers."""
        self.emit(time, EnvironmentStepped(self.step, "go", "seen", 0.0, False, False))

    def ask(
        self,
        node: str,
        start: float,
        end: float | None,
        *messages: str,
        model: str = "hosted",
        usage: Usage = TEN,
        cost_usd: float | None = 0.01,
        item: int | None = None,
        attempt: int = 1,
        error: str | None = None,
        reused: bool = False,
        sampling: Sampling | None = None,
        request_key: str = "",
        waited_s: float = 0.0,
        answer: str = "fine",
        status: str = "ok",
    ) -> None:
        """A model is asked from `start` to `end`; with an error, it is to be asked again.

        A message that begins with `system:` or `assistant:` is one; others are the user's.
        """
        sent = tuple(map(_message, messages or (f"Prompt of {node}.",)))
        self.emit(
            start,
            NodeStarted(
                self.step, node, item, attempt, model, sent, sampling,
                arguments={}, request_key=request_key,
            ),
        )  # fmt: skip
        if end is None:
            return
        completion = Completion(answer, replace(usage, cost_usd=cost_usd), model=model)
        how = completion, end - start - waited_s, reused, waited_s
        if error is not None:
            self.emit(end, NodeRetried(self.step, node, item, attempt, error, *how))
            return
        self.emit(end, NodeFinished(self.step, node, item, attempt, status, answer, *how))

    def gather(self, node: str, time: float) -> None:
        """An `each` node as a whole has its value."""
        self.emit(time, NodeFinished(self.step, node, None, 1, "ok", []))

    def call(self, node: str, start: float, end: float | None) -> None:
        """A function is called."""
        self.emit(start, NodeStarted(self.step, node, function="tool", arguments={}))
        if end is None:
            return
        self.emit(end, NodeFinished(self.step, node, None, 1, "ok", 1, None, end - start))

    def skip(self, node: str, time: float) -> None:
        self.emit(time, NodeSkipped(self.step, node, None))

    def fail(
        self,
        node: str,
        time: float,
        completion: Completion | None = None,
        latency_s: float = 0.0,
        reused: bool = False,
        item: int | None = None,
    ) -> None:
        event = NodeFailed(self.step, node, item, 1, "broken", completion, latency_s, reused)
        self.emit(time, event)

    def add(self, node: str, by: str, time: float, before: tuple[str, ...] = ()) -> None:
        self.emit(time, NodeAdded(self.step, node, by, "Prompt", before))

    def try_again(self, node: str, time: float, wait_s: float) -> None:
        self.emit(time, CallRetried(self.step, node, None, 1, "429 too many requests", wait_s))

    def write(self, extra: Mapping[str, Any] = {}) -> Run:
        """The run, as a reader sees it."""
        (self.folder / "episodes").mkdir(parents=True, exist_ok=True)
        about = {
            "format": 2,
            "status": self.status,
            "agent": {"name": "agent", "source": self._source},
            **extra,
        }
        (self.folder / "run.json").write_bytes(orjson.dumps(about))
        for episode, lines in self._lines.items():
            ordered = [line for _, line in sorted(lines, key=lambda entry: entry[0])]
            text = b"".join(orjson.dumps(line) + b"\n" for line in ordered)
            (self.folder / "episodes" / f"{episode:04d}.jsonl").write_bytes(text)
        return load_run(self.folder)

    def profile(self) -> Profile:
        return profile_run(self.write())


def _message(text: str) -> Message:
    role, colon, rest = text.partition(":")
    if colon and role in ("system", "assistant"):
        return Message(role, rest)
    return Message("user", text)


@pytest.fixture
def record(tmp_path):
    """Makes a recorder for an agent with this YAML."""
    return lambda source="": Recorder(tmp_path / "run", source)
