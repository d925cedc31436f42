"""The state of a run as its events tell it; the views read it whenever they like."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agentkit.cli.view.limit_lines import Used
from agentkit.errors import LimitExceeded, plain_number
from agentkit.events import (
    CallRetried,
    EnvironmentStepped,
    EpisodeFinished,
    EpisodeResumed,
    EpisodeStarted,
    Event,
    LimitReached,
    NodeAdded,
    NodeCancelled,
    NodeFailed,
    NodeFinished,
    NodeRetried,
    NodeSkipped,
    NodeStarted,
    NodeText,
    StepFailed,
    StepFinished,
    StepStarted,
)
from agentkit.limits import UNLIMITED, Limits
from agentkit.messages import Completion, Usage
from agentkit.record.episode_state import Paid
from agentkit.record.summaries import EpisodeSummary, RunSummary

NodeState = Literal["waiting", "running", "done", "skipped", "failed"]

_SAID: Final = 400
"""The last characters of a streamed text that are kept to be shown."""


@dataclass(slots=True)
class EpisodeView:
    """One episode so far."""

    summary: EpisodeSummary
    names: Sequence[str]
    """The nodes of the graph, in order."""
    started_s: float = field(default_factory=time.perf_counter)
    begun: bool = False
    """Whether the environment was reset."""
    running: bool = True
    step: int = 0
    """The step being executed."""
    nodes: dict[str, NodeState] = field(default_factory=dict)
    """What each node does in this step."""
    values: dict[str, Any] = field(default_factory=dict)
    """The last value of each node."""
    said: tuple[str, str] = ("", "")
    """The node that spoke last, and what it said, or what is to be said of it."""
    speaking: bool = False
    """Whether that is the model's own text, which goes on."""
    reward: float | None = None
    """The last reward."""
    usage: Usage = field(default_factory=Usage)
    """Tokens and calls, those of the step being executed included."""
    cost_usd: float | None = 0.0
    failures: Mapping[str, str] = field(default_factory=dict)
    """The nodes that failed in the last step."""
    acting: bool = False
    """Whether the environment has an action that it has not answered."""
    limit: LimitReached | None = None
    """The limit that ended the episode."""
    newest: list[str] = field(default_factory=list)
    """The achievements in the order in which they were made."""
    earlier: bool = False
    """Whether all that is known of it happened in an earlier sitting."""
    finished_steps: Paid | None = None
    """What the finished steps took, of an episode that goes on."""

    @property
    def seconds(self) -> float:
        """How long the episode took, or has taken so far."""
        if self.running:
            return time.perf_counter() - self.started_s
        return self.summary.seconds

    @property
    def used(self) -> Used:
        """What the episode has used."""
        return Used(self.summary.steps, self.usage, self.cost_usd, self.seconds)

    @property
    def outcome(self) -> str:
        """How the episode ended, in words."""
        status, reason = self.summary.status, self.summary.reason
        if self.limit is not None:
            return f"limit reached: {self.limit.limit} {plain_number(self.limit.value)}"
        if status == "done":
            return f"done ({reason})" if reason else "done"
        return f"{status}: {reason}" if reason else status

    @property
    def stuck(self) -> bool:
        """Whether the environment failed on an action: going on would only repeat it."""
        return self.summary.status == "failed" and self.acting

    @property
    def achievements(self) -> list[str] | None:
        """The achievements made so far; None where the environment has none."""
        made = self.summary.info.get("achievements")
        if not isinstance(made, Mapping):
            return None
        return [name for name, count in made.items() if count]

    @property
    def thoughts(self) -> list[tuple[str, Any]]:
        """What is worth reading now: a text that arrives, else the first and the last thought."""
        if self.running and self.nodes.get(self.said[0]) == "running":
            return [self.said]
        known = [(n, self.values[n]) for n in self.names[:-1] if self.values.get(n)]
        texts = [entry for entry in known if isinstance(entry[1], str)]
        wordy = [entry for entry in known if isinstance(entry[1], (str, Mapping))]
        return [*texts[:1], *(entry for entry in wordy[-1:] if entry not in texts[:1])]

    @property
    def achievable(self) -> int:
        """How many achievements there are."""
        return len(self.summary.info.get("achievements") or ())

    @property
    def game_steps(self) -> int | None:
        """The environment's own ticks, where it says them."""
        ticks = self.summary.info.get("game_steps")
        return ticks if isinstance(ticks, int) else None

    def spend(self, completion: Completion | None, reused: bool) -> None:
        """Count a completion at once; the end of the step has the last word."""
        if completion is None or reused:
            return
        self.usage = self.usage + completion.usage
        cost = completion.cost_usd
        self.cost_usd = None if cost is None or self.cost_usd is None else self.cost_usd + cost

    def settle(self, event: StepFinished | StepFailed) -> None:
        """Add a step to the summary and let the running sums agree with it."""
        summary = self.summary
        summary.usage = summary.usage + event.usage
        known = summary.cost_usd is not None and event.cost_usd is not None
        summary.cost_usd = (summary.cost_usd or 0) + (event.cost_usd or 0) if known else None
        self.usage, self.cost_usd = summary.usage, summary.cost_usd


class RunView:
    """A run so far.

    Args:
        nodes: The nodes of the graph, in order.
        episodes: How many episodes the run shall have.
        limits: The limits of each episode.
        run_limits: The limits of the whole run.
    """

    def __init__(
        self,
        nodes: Sequence[str],
        episodes: int,
        limits: Limits = UNLIMITED,
        run_limits: Limits = UNLIMITED,
    ) -> None:
        self.nodes = tuple(nodes)
        self.planned = episodes
        self.limits = limits
        self.run_limits = run_limits
        self.copied_steps = 0
        """Steps that were made in another run, which this one began inside."""
        self.limit: LimitExceeded | None = None
        """The limit of the run that kept further episodes from being begun."""
        self.episodes: dict[int, EpisodeView] = {}
        self.started_s = time.perf_counter()
        self.seconds: float | None = None
        self.notice = ""

    def take_up(self, summary: EpisodeSummary, finished_steps: Paid | None = None) -> None:
        """Take in an episode of an earlier sitting.

        Args:
            summary: How far it came.
            finished_steps: What its finished steps took, if it is to go on.
        """
        run_view = EpisodeView(summary, self.nodes, begun=True, running=False, earlier=True)
        run_view.usage, run_view.cost_usd = summary.usage, summary.cost_usd
        run_view.finished_steps = finished_steps
        self.episodes[summary.episode] = run_view

    def on_event(self, episode: int, event: Event) -> None:
        """Take in one event of a run."""
        run_view = self.episodes.get(episode)
        if run_view is None:
            run_view = EpisodeView(EpisodeSummary(episode, None), self.nodes)
            self.episodes[episode] = run_view
        handler = _HANDLERS.get(type(event))
        if handler is not None:
            handler(run_view, event)

    def finish(self) -> None:
        """Stop the clock."""
        self.seconds = self.elapsed_s

    @property
    def elapsed_s(self) -> float:
        """Seconds since the run began, or that it took."""
        return time.perf_counter() - self.started_s if self.seconds is None else self.seconds

    def status(self, stopped: bool) -> str:
        """How the run ended; one that was stopped before its last episode is interrupted."""
        status = self.summary.status
        cut = stopped and len(self.episodes) < self.planned
        return "interrupted" if cut and status in ("done", "limit") else status

    @property
    def summary(self) -> RunSummary:
        """How the run went, as far as it came."""
        return RunSummary([self.episodes[i].summary for i in sorted(self.episodes)], self.limit)

    @property
    def used(self) -> Used:
        """What the run has used."""
        episodes = self.episodes.values()
        costs = [episode.cost_usd for episode in episodes]
        known = [cost for cost in costs if cost is not None]
        return Used(
            sum(episode.summary.steps for episode in episodes) - self.copied_steps,
            sum((episode.usage for episode in episodes), Usage()),
            sum(known, 0.0) if len(known) == len(costs) else None,
            self.elapsed_s,
        )

    @property
    def reached(self) -> LimitExceeded | None:
        """The limit that ended the run, or the one that ended episodes."""
        if self.limit is not None:
            return self.limit
        found = [episode.limit for episode in self.episodes.values() if episode.limit is not None]
        found.sort(key=lambda one: not one.limit.startswith("run."))
        of_run = bool(found) and found[0].limit.startswith("run.")
        if not found or (not of_run and len({(one.limit, one.value) for one in found}) > 1):
            return None
        return LimitExceeded(found[0].limit, found[0].value, found[0].why)


def _episode_started(run_view: EpisodeView, event: EpisodeStarted) -> None:
    run_view.begun = True
    run_view.summary.seed = event.seed
    run_view.summary.info = event.info


def _episode_resumed(run_view: EpisodeView, event: EpisodeResumed) -> None:
    summary = run_view.summary
    run_view.started_s = time.perf_counter() - event.seconds
    run_view.running, run_view.earlier, run_view.limit, run_view.failures = True, False, None, {}
    if event.step < summary.steps:  # started over: all that was paid is told of
        summary.steps, summary.reward = event.step, 0.0
    elif run_view.finished_steps is not None:
        paid = run_view.finished_steps + Paid(event.usage, event.cost_usd)
        summary.usage, summary.cost_usd = paid.usage, paid.cost_usd
    run_view.usage, run_view.cost_usd = summary.usage, summary.cost_usd


def _step_started(run_view: EpisodeView, event: StepStarted) -> None:
    run_view.step = event.step
    run_view.acting = False
    run_view.nodes = dict.fromkeys(run_view.names, "waiting")


def _node_started(run_view: EpisodeView, event: NodeStarted) -> None:
    run_view.nodes[event.node] = "running"


def _node_text(run_view: EpisodeView, event: NodeText) -> None:
    node, text = run_view.said
    before = text if run_view.speaking and node == event.node else ""
    run_view.said, run_view.speaking = (event.node, (before + event.text)[-_SAID:]), True


def _node_retried(run_view: EpisodeView, event: NodeRetried) -> None:
    run_view.spend(event.completion, event.reused)
    run_view.said, run_view.speaking = (event.node, f"asked again: {event.error}"), False


def _call_retried(run_view: EpisodeView, event: CallRetried) -> None:
    text = f"trying again in {event.wait_s:.0f} s: {event.reason}"
    run_view.said, run_view.speaking = (event.node, text), False


def _node_finished(run_view: EpisodeView, event: NodeFinished) -> None:
    run_view.spend(event.completion, event.reused)
    if event.item is None:
        run_view.nodes[event.node] = "done"
        run_view.values[event.node] = event.value


def _node_skipped(run_view: EpisodeView, event: NodeSkipped) -> None:
    run_view.nodes[event.node] = "skipped"
    run_view.values[event.node] = event.value


def _node_failed(run_view: EpisodeView, event: NodeFailed) -> None:
    run_view.spend(event.completion, event.reused)
    if event.item is None:
        run_view.nodes[event.node] = "failed"
        run_view.said = (event.node, event.error)


def _node_cancelled(run_view: EpisodeView, event: NodeCancelled) -> None:
    run_view.nodes[event.node] = "failed"


def _node_added(run_view: EpisodeView, event: NodeAdded) -> None:
    run_view.nodes[event.node] = "waiting"


def _step_finished(run_view: EpisodeView, event: StepFinished) -> None:
    run_view.settle(event)
    run_view.summary.action = event.action
    run_view.acting = run_view.summary.seed is not None


def _step_failed(run_view: EpisodeView, event: StepFailed) -> None:
    run_view.settle(event)
    run_view.failures = event.failures


def _environment_stepped(run_view: EpisodeView, event: EnvironmentStepped) -> None:
    summary = run_view.summary
    summary.steps = event.step + 1
    summary.reward += event.reward
    summary.action = event.action
    summary.info = event.info
    run_view.acting = False
    run_view.reward = event.reward
    if (made := run_view.achievements) and len(made) > len(run_view.newest):
        run_view.newest += [name for name in made if name not in run_view.newest]


def _limit_reached(run_view: EpisodeView, event: LimitReached) -> None:
    run_view.limit = event


def _episode_finished(run_view: EpisodeView, event: EpisodeFinished) -> None:
    summary = run_view.summary
    summary.status, summary.reason = event.status, event.reason
    summary.steps, summary.reward = event.steps, event.reward
    summary.usage, summary.cost_usd = event.usage, event.cost_usd
    summary.seconds = event.seconds
    run_view.running = False


_HANDLERS: Final[dict[type, Callable[[EpisodeView, Any], None]]] = {
    EpisodeStarted: _episode_started,
    EpisodeResumed: _episode_resumed,
    StepStarted: _step_started,
    NodeStarted: _node_started,
    NodeText: _node_text,
    NodeRetried: _node_retried,
    CallRetried: _call_retried,
    NodeFinished: _node_finished,
    NodeSkipped: _node_skipped,
    NodeFailed: _node_failed,
    NodeCancelled: _node_cancelled,
    NodeAdded: _node_added,
    StepFinished: _step_finished,
    StepFailed: _step_failed,
    EnvironmentStepped: _environment_stepped,
    LimitReached: _limit_reached,
    EpisodeFinished: _episode_finished,
}
