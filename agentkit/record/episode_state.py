"""What the record of an episode comes to: its state, its calls, what was paid, how it ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from agentkit import events
from agentkit.messages import NOTHING_USED, Completion, Usage
from agentkit.record.reader import Line, Run
from agentkit.record.recorded_calls import StepCalls, unanswered
from agentkit.record.step_state import StepState
from agentkit.record.summaries import EpisodeSummary


@dataclass(slots=True)
class EpisodeState:
    """Takes in the lines of an episode's file; see `read_episode`.

    A part is what one process wrote: from the beginning, or from where the episode was resumed.
    """

    step_state: StepState = field(default_factory=StepState)
    started: events.EpisodeStarted | None = None
    """How it began; None if it did not."""
    outcomes: list[events.EnvironmentStepped] = field(default_factory=list)
    """What the environment answered, step by step."""
    finished: events.EpisodeFinished | None = None
    """How it ended; None if it did not."""
    limit: events.LimitReached | None = None
    """The limit that ended it."""
    progress: EpisodeSummary = field(default_factory=lambda: EpisodeSummary(0, None))
    """How far it came: steps, reward, the last action and info."""
    forked_at: int | None = None
    """In a fork: its first step of its own."""
    calls: dict[int, StepCalls] = field(default_factory=dict)
    """The recorded calls: of the unfinished step, or of all steps."""
    reuse: list[tuple[bytes, Completion]] = field(default_factory=list)
    """The completions that nodes with `reuse` may take again, by their requests' digests."""
    before: Usage = NOTHING_USED
    """What earlier resumptions told of."""
    at_most: Usage = NOTHING_USED
    """The most that calls took which were in flight when a process was killed, where an earlier
    resumption told of them."""
    committed: Usage = NOTHING_USED
    """What the finished steps took."""
    spans: list[tuple[float, float]] = field(default_factory=list)
    """When each part began and when it ended, as far as it belongs to this run."""
    whole: bool = False
    """Whether the calls of all steps are kept."""
    left: list[Mapping[str, Any]] = field(default_factory=list)
    """The memory at the start of the episode, and at the end of each part but the last."""
    memory: dict[str, Any] = field(default_factory=dict)
    """The memory as the last part left it, that of a step without an outcome included."""
    _written: dict[str, Any] = field(default_factory=dict)
    """What the step that is not decided yet wrote in the memory."""
    _open: list[events.Event] = field(default_factory=list)
    """The events of the step that may still come again."""
    _step: Usage = NOTHING_USED
    """What the step that was decided last took."""
    _failed_step: events.StepFailed | None = None
    _refused: Usage = NOTHING_USED
    """What the last part paid for answers that nodes failed with."""
    _in_flight: dict[tuple[Any, ...], events.NodeStarted] = field(default_factory=dict)
    _retries: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _unanswered: int = 0

    @property
    def steps(self) -> int:
        """How many steps were finished; the number of the one that is not."""
        return len(self.outcomes)

    @property
    def over(self) -> str | None:
        """What the environment said when it ended the episode."""
        if not self.outcomes or not (self.outcomes[-1].terminated or self.outcomes[-1].truncated):
            return None
        return "terminated" if self.outcomes[-1].terminated else "truncated"

    @property
    def misunderstood(self) -> int:
        """How many of the last actions in a row were not understood."""
        count = 0
        for outcome in reversed(self.outcomes):
            if outcome.info.get("understood", True):
                break
            count += 1
        return count

    @property
    def unfinished(self) -> StepCalls:
        """The recorded calls of the step that was not finished."""
        return self.calls.get(self.steps, StepCalls())

    @property
    def in_flight(self) -> list[tuple[events.NodeStarted, int]]:
        """The calls that have no end, as their process was killed, with the tries of each.

        Some may have waited for their turn: nothing tells whether they were sent.
        """
        known = self.unfinished.answers
        return [
            (event, 1 + self._retries.get(key, 0))
            for key, event in self._in_flight.items()
            if key not in known
        ]

    @property
    def lost(self) -> Usage:
        """What the last part paid for and that resuming cannot use again."""
        if self._failed_step is None:
            return self._refused + Usage(calls=self._unanswered, cost_usd=0.0)
        known = self.unfinished.paid.calls + self._refused.calls
        return self._refused + unanswered(self._failed_step, known)

    @property
    def used(self) -> Usage:
        """All that this run paid for the episode."""
        if self.finished is not None:
            return self.finished.usage
        return self.before + self.committed + self.lost + self.unfinished.paid

    @property
    def seconds(self) -> float:
        """How long it was played."""
        return sum(end - start for start, end in self.spans)

    def summary(self, episode: int) -> EpisodeSummary:
        """Return how the episode with this number went so far."""
        summary = replace(self.progress, episode=episode, usage=self.used)
        if self.finished is None:
            count = len(self.in_flight)
            calls = f", with {count} call{'s'[: count > 1]} in flight" if count else ""
            summary.status, summary.reason = "interrupted", f"stopped before its end{calls}"
            summary.seconds = self.seconds
        return summary

    def take(self, line: Line) -> None:
        """Take in one line.

        Raises:
            TraceError: It ends a call that was not begun.
        """
        event = line.event
        self._follow_memory(event)
        if isinstance(event, events.EpisodeResumed):
            self._begin_part(event, line.time)
        elif not self.spans:
            self.spans.append((line.time, line.time))
        start, end = self.spans[-1]
        self.spans[-1] = (start, max(end, line.time))  # clocks may be set back
        if hasattr(event, "node"):
            self._take_call(event, line.counts)
        elif isinstance(event, events.StepFailed) and line.counts:
            self.calls.setdefault(event.step, StepCalls()).take(event)
        if line.counts:
            self._take(event)
        elif isinstance(event, events.EnvironmentStepped):
            self.calls.pop(event.step, None)

    def _follow_memory(self, event: events.Event) -> None:
        """Take in what the memory was, also in steps that were made again later."""
        match event:
            case events.EpisodeStarted():
                self.memory = dict(event.memory)
                self.left.append(self.memory)
            case events.EpisodeResumed():
                self.left.append(self.memory)
                self.memory = dict(self.step_state.memory)
            case events.StepStarted():
                self._written = {}
            case events.MemoryWritten():
                self._written[event.key] = event.value
            case events.StepFinished():
                self.memory = self.memory | self._written

    def _begin_part(self, event: events.EpisodeResumed, time: float) -> None:
        if event.source is not None:  # a fork pays for nothing that it copied
            self.forked_at = event.step
            self.before = self.committed = self.at_most = NOTHING_USED
            self.spans.clear()
        self.before += event.usage
        self.at_most += event.at_most
        self.spans.append((time, time))
        self._failed_step, self._unanswered = None, 0
        self._refused, self._retries, self._in_flight = NOTHING_USED, {}, {}

    def _take(self, event: events.Event) -> None:
        self.progress.take(event)
        match event:
            case events.EpisodeStarted():
                self.started = event
                self.calls.clear()
                self.step_state.begin(event)
            case events.EnvironmentStepped():
                self._commit(event)
            case events.EpisodeFinished():
                self.finished = event
                self._in_flight = {}
                if event.status == "done":
                    self._close_step()
            case events.LimitReached():
                self.limit = event
            case events.StepStarted():
                self._open = [event]
            case _:
                self._open.append(event)
                if isinstance(event, events.StepFinished):
                    self._step = event.usage
                elif isinstance(event, events.StepFailed):
                    self._failed_step = event
                    self._in_flight = {}

    def _close_step(self) -> None:
        """Let the state have the events of a step that is over."""
        for event in self._open:
            self.step_state.take(event)
        self._open = []

    def _commit(self, event: events.EnvironmentStepped) -> None:
        self._close_step()
        self.step_state.step_environment(event)
        self.outcomes.append(event)
        self.committed += self._step
        calls = self.calls.get(event.step, StepCalls())
        self.reuse += calls.reusable()
        if not self.whole:
            self.calls.pop(event.step, None)

    def _take_call(self, event: Any, counts: bool) -> None:
        """Take in an event of a node."""
        if self.whole and not counts:
            return
        key = event.node, getattr(event, "item", None), getattr(event, "attempt", None)
        if isinstance(event, events.CallRetried):
            self._retries[key] = self._retries.get(key, 0) + 1
            return
        if isinstance(event, events.NodeStarted) and not event.function:
            self._in_flight[key] = event
        else:
            self._in_flight.pop(key, None)
        calls = self.calls.setdefault(event.step, StepCalls())
        calls.take(event)
        if isinstance(event, events.NodeFailed):
            if key in calls.refused:
                self._refused += calls.refused[key].completion.usage
            elif key in calls.errors and key not in calls.functions:
                self._unanswered += 1 + self._retries.get(key, 0)


def read_episode(
    run: Run, episode: int, *, before: int | None = None, whole: bool = False
) -> EpisodeState:
    """Read what was recorded of an episode.

    Args:
        run: The run.
        episode: The episode's number.
        before: Only what came before this step.
        whole: Whether the calls of all steps are kept, not only those of the unfinished one.

    Returns:
        Its state; that of an episode without a file has no `spans`.

    Raises:
        TraceError: The record is damaged.
    """
    found = EpisodeState(whole=whole)
    if not run.path(episode).exists():
        return found
    for line in run.lines(episode):
        ends = isinstance(line.event, events.EpisodeFinished)
        step = getattr(line.event, "step", -1)
        if before is None or (line.counts and not ends and step < before):
            found.take(line)
    return found


def covered_s(spans: Iterable[tuple[float, float]]) -> float:
    """Return for how many seconds at least one of these spans of time was going on."""
    covered, until = 0.0, float("-inf")
    for start, end in sorted(spans):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered
