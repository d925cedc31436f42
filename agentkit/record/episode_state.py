"""What the record of an episode comes to: its state, its calls, what was paid, how it ended."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from math import fsum
from typing import Any

from agentkit.errors import TraceError
from agentkit.messages import Completion, Usage
from agentkit.record.reader import Record, Run
from agentkit.record.recorded_calls import StepCalls
from agentkit.record.step_state import StepState


@dataclass(frozen=True, slots=True)
class Paid:
    """Tokens, calls and dollars."""

    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0
    """None when a price is unknown."""

    def __add__(self, other: "Paid") -> "Paid":
        known = self.cost_usd is not None and other.cost_usd is not None
        cost_usd = (self.cost_usd or 0.0) + (other.cost_usd or 0.0) if known else None
        return Paid(self.usage + other.usage, cost_usd)


@dataclass(slots=True)
class EpisodeState:
    """Takes in the lines of an episode's file; see `read_episode`.

    A part is what one process wrote: from the beginning, or from where the episode was resumed.
    """

    step_state: StepState
    started: Record | None = None
    """How it began; None if it did not."""
    outcomes: list[Record] = field(default_factory=list)
    """What the environment answered, step by step."""
    finished: Record | None = None
    """How it ended; None if it did not."""
    limit: Record | None = None
    """The limit that ended it."""
    action: str | None = None
    """The last action that was decided on."""
    forked_at: int | None = None
    """In a fork: its first step of its own."""
    calls: dict[int, StepCalls] = field(default_factory=dict)
    """The recorded calls: of the unfinished step, or of all steps."""
    reuse: list[tuple[bytes, Completion]] = field(default_factory=list)
    """The completions that nodes with `reuse` may take again, by their requests' digests."""
    before: Paid = field(default_factory=Paid)
    """What earlier resumptions told of."""
    committed: Paid = field(default_factory=Paid)
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
    _open: list[Record] = field(default_factory=list)
    """The events of the step that may still come again."""
    _step: Paid = field(default_factory=Paid)
    """What the step that was decided last took."""
    _failed_step: Record | None = None
    _refused: list[Completion] = field(default_factory=list)
    _retries: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _unanswered: int = 0

    @property
    def steps(self) -> int:
        """How many steps were finished; the number of the one that is not."""
        return len(self.outcomes)

    @property
    def reward(self) -> float:
        """The sum of the rewards."""
        return sum((float(outcome["reward"] or 0.0) for outcome in self.outcomes), 0.0)

    @property
    def over(self) -> str | None:
        """What the environment said when it ended the episode."""
        last = self.outcomes[-1] if self.outcomes else {}
        flags = ("terminated", "truncated")
        return next((flag for flag in flags if last.get(flag)), None)

    @property
    def misunderstood(self) -> int:
        """How many of the last actions in a row were not understood."""
        count = 0
        for outcome in reversed(self.outcomes):
            if outcome["info"].get("understood", True):
                break
            count += 1
        return count

    @property
    def unfinished(self) -> StepCalls:
        """The recorded calls of the step that was not finished."""
        return self.calls.get(self.steps, StepCalls())

    @property
    def kept(self) -> Paid:
        """What was paid for the recorded calls of the unfinished step."""
        return _sum(self.unfinished.paid)

    @property
    def lost(self) -> Paid:
        """What the last part paid for and that going on cannot use again."""
        refused = _sum(self._refused)
        calls = self._unanswered
        cost_usd: float | None = 0.0
        if self._failed_step is not None:
            cost_usd = None if self._failed_step["cost_usd"] is None else 0.0
            known = self.kept.usage.calls + refused.usage.calls
            calls = max(0, self._failed_step["usage"]["calls"] - known)
        return refused + Paid(Usage(calls=calls), cost_usd)

    @property
    def seconds(self) -> float:
        """How long it was played."""
        return sum(end - start for start, end in self.spans)

    def take(self, record: Record, counts: bool) -> None:
        """Take in one line.

        Args:
            record: The event.
            counts: Whether it was not superseded later.
        """
        kind = record["event"]
        self._follow_memory(record)
        if kind == "episode_resumed":
            self._begin_part(record)
        elif not self.spans:
            self.spans.append((record["time"], record["time"]))
        start, end = self.spans[-1]
        self.spans[-1] = (start, max(end, record["time"]))  # clocks may be set back
        if "node" in record:
            self._take_call(record, counts)
        elif kind == "step_failed" and counts:
            self.calls.setdefault(record["step"], StepCalls()).take(record)
        if counts:
            self._take(record)
        elif kind == "environment_stepped":
            self.calls.pop(record["step"], None)

    def _follow_memory(self, record: Record) -> None:
        """Take in what the memory was, also in steps that were made again later."""
        kind = record["event"]
        if kind == "episode_started":
            self.memory = dict(record["memory"])
            self.left.append(self.memory)
        elif kind == "episode_resumed":
            self.left.append(self.memory)
            self.memory = dict(self.step_state.memory)
        elif kind == "step_started":
            self._written = {}
        elif kind == "memory_written":
            self._written[record["key"]] = record["value"]
        elif kind == "step_finished":
            self.memory = self.memory | self._written

    def _begin_part(self, record: Record) -> None:
        if record["source"] is not None:  # a fork pays for nothing that it copied
            self.forked_at = record["step"]
            self.before = self.committed = Paid()
            self.spans.clear()
        self.before += _paid(record)
        self.spans.append((record["time"], record["time"]))
        self._failed_step, self._unanswered = None, 0
        self._refused, self._retries = [], {}

    def _take(self, record: Record) -> None:
        kind = record["event"]
        if kind == "episode_started":
            self.started = record
            self.calls.clear()
            self.step_state.begin(record)
        elif kind == "environment_stepped":
            self._commit(record)
        elif kind == "episode_finished":
            self.finished = record
            if record["status"] == "done":
                self._close_step()
        elif kind == "limit_reached":
            self.limit = record
        else:
            self._open.append(record)
            if kind == "step_started":
                self._open = [record]
            elif kind == "step_finished":
                self.action, self._step = record["action"], _paid(record)
            elif kind == "step_failed":
                self._failed_step = record

    def _close_step(self) -> None:
        """Let the state have the events of a step that is over."""
        for record in self._open:
            self.step_state.take(record)
        self._open = []

    def _commit(self, record: Record) -> None:
        self._close_step()
        self.step_state.step_environment(record)
        self.outcomes.append(record)
        self.committed += self._step
        calls = self.calls.get(record["step"], StepCalls())
        self.reuse += calls.reusable()
        if not self.whole:
            self.calls.pop(record["step"], None)

    def _take_call(self, record: Record, counts: bool) -> None:
        if self.whole and not counts:
            return
        key = record["node"], record.get("item"), record.get("attempt")
        if record["event"] == "call_retried":
            self._retries[key] = self._retries.get(key, 0) + 1
            return
        calls = self.calls.setdefault(record["step"], StepCalls())
        calls.take(record)
        if record["event"] == "node_failed":
            if key in calls.refused:
                self._refused.append(calls.refused[key].completion)
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

    Raises:
        TraceError: The record is damaged.
    """
    found = EpisodeState(StepState(run.folder), whole=whole)
    if episode not in run.episodes:
        return found
    try:
        for record, counts in run.lines(episode):
            ends = record["event"] == "episode_finished"
            if before is None or (counts and not ends and record.get("step", -1) < before):
                found.take(record, counts)
    except (KeyError, TypeError) as error:
        raise TraceError(f"the record of episode {episode} is damaged: {error!r}") from error
    return found


def _sum(completions: Iterable[Completion]) -> Paid:
    completions = list(completions)
    costs = [completion.cost_usd for completion in completions]
    known = [cost for cost in costs if cost is not None]
    usage = sum((completion.usage for completion in completions), Usage())
    return Paid(usage, fsum(known) if len(known) == len(costs) else None)


def _paid(record: Record) -> Paid:
    return Paid(Usage(**record["usage"]), record["cost_usd"])
