"""The state of an episode as its events tell it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from agentkit import events
from agentkit.cli.view.limit_lines import Used
from agentkit.errors import plain_number
from agentkit.messages import NOTHING_USED, Completion, Usage
from agentkit.record.summaries import EpisodeSummary

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
    probabilities: dict[str, Any] = field(default_factory=dict)
    """Of the nodes whose last value is a decision; a list of a node with `each`."""
    item_probabilities: dict[str, dict[int, Any]] = field(default_factory=dict)
    """Of the items of nodes that are not finished."""
    said: tuple[str, str] = ("", "")
    """The node that spoke last, and what it said, or what is to be said of it."""
    speaking: bool = False
    """Whether that is the model's own text, which goes on."""
    reward: float | None = None
    """The last reward."""
    usage: Usage = NOTHING_USED
    """Tokens, calls and cost, those of the step being executed included."""
    failures: Mapping[str, str] = field(default_factory=dict)
    """The nodes that failed in the last step."""
    acting: bool = False
    """Whether the environment has an action that it has not answered."""
    limit: events.LimitReached | None = None
    """The limit that ended the episode."""
    newest: list[str] = field(default_factory=list)
    """The achievements in the order in which they were made."""
    earlier: bool = False
    """Whether all that is known of it happened in an earlier sitting."""
    finished_steps: Usage | None = None
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
        return Used(self.summary.steps, self.usage, self.seconds)

    @property
    def outcome(self) -> str:
        """How the episode ended, in words."""
        status, reason = self.summary.status, self.summary.reason
        if self.limit is not None and status == "limit":
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

    def on_event(self, event: events.Event) -> None:
        """Take in one event of the episode."""
        self.summary.take(event)
        if (handler := _HANDLERS.get(type(event))) is not None:
            handler(self, event)

    def spend(self, completion: Completion | None, reused: bool) -> None:
        """Count a completion at once; the end of the step has the last word."""
        if completion is None or reused:
            return
        self.usage += completion.usage


def _episode_started(view: EpisodeView, event: events.EpisodeStarted) -> None:
    view.begun = True


def _episode_resumed(view: EpisodeView, event: events.EpisodeResumed) -> None:
    summary = view.summary
    view.started_s = time.perf_counter() - event.seconds
    view.running, view.earlier, view.limit, view.failures = True, False, None, {}
    if event.step < summary.steps:  # started over: all that was paid is told of
        summary.steps, summary.reward = event.step, 0.0
    elif view.finished_steps is not None:
        summary.usage = view.finished_steps + event.usage
    view.usage = summary.usage


def _step_started(view: EpisodeView, event: events.StepStarted) -> None:
    view.step = event.step
    view.acting = False
    view.nodes = dict.fromkeys(view.names, "waiting")


def _node_started(view: EpisodeView, event: events.NodeStarted) -> None:
    view.nodes[event.node] = "running"


def _node_text(view: EpisodeView, event: events.NodeText) -> None:
    node, text = view.said
    before = text if view.speaking and node == event.node else ""
    view.said, view.speaking = (event.node, (before + event.text)[-_SAID:]), True


def _node_retried(view: EpisodeView, event: events.NodeRetried) -> None:
    view.spend(event.completion, event.reused)
    view.said, view.speaking = (event.node, f"asked again: {event.error}"), False


def _call_retried(view: EpisodeView, event: events.CallRetried) -> None:
    text = f"trying again in {event.wait_s:.0f} s: {event.reason}"
    view.said, view.speaking = (event.node, text), False


def _node_finished(view: EpisodeView, event: events.NodeFinished) -> None:
    view.spend(event.completion, event.reused)
    if event.item is not None:
        view.item_probabilities.setdefault(event.node, {})[event.item] = event.probabilities
        return
    view.nodes[event.node] = "done"
    view.values[event.node] = event.value
    items = view.item_probabilities.pop(event.node, {})
    listed = [items[number] for number in sorted(items)]
    view.probabilities.pop(event.node, None)
    if found := (listed if any(listed) else event.probabilities):
        view.probabilities[event.node] = found


def _node_skipped(view: EpisodeView, event: events.NodeSkipped) -> None:
    view.nodes[event.node] = "skipped"
    view.values[event.node] = event.value


def _node_failed(view: EpisodeView, event: events.NodeFailed) -> None:
    view.spend(event.completion, event.reused)
    if event.item is None:
        view.nodes[event.node] = "failed"
        view.said = (event.node, event.error)


def _node_cancelled(view: EpisodeView, event: events.NodeCancelled) -> None:
    view.nodes[event.node] = "failed"


def _node_added(view: EpisodeView, event: events.NodeAdded) -> None:
    view.nodes[event.node] = "waiting"


def _step_finished(view: EpisodeView, event: events.StepFinished) -> None:
    view.usage = view.summary.usage
    view.acting = view.summary.seed is not None


def _step_failed(view: EpisodeView, event: events.StepFailed) -> None:
    view.usage = view.summary.usage
    view.failures = event.failures


def _environment_stepped(view: EpisodeView, event: events.EnvironmentStepped) -> None:
    view.acting = False
    view.reward = event.reward
    if (made := view.achievements) and len(made) > len(view.newest):
        view.newest += [name for name in made if name not in view.newest]


def _limit_reached(view: EpisodeView, event: events.LimitReached) -> None:
    view.limit = event


def _episode_finished(view: EpisodeView, event: events.EpisodeFinished) -> None:
    view.running = False


_HANDLERS: Final[dict[type, Callable[[EpisodeView, Any], None]]] = {
    events.EpisodeStarted: _episode_started,
    events.EpisodeResumed: _episode_resumed,
    events.StepStarted: _step_started,
    events.NodeStarted: _node_started,
    events.NodeText: _node_text,
    events.NodeRetried: _node_retried,
    events.CallRetried: _call_retried,
    events.NodeFinished: _node_finished,
    events.NodeSkipped: _node_skipped,
    events.NodeFailed: _node_failed,
    events.NodeCancelled: _node_cancelled,
    events.NodeAdded: _node_added,
    events.StepFinished: _step_finished,
    events.StepFailed: _step_failed,
    events.EnvironmentStepped: _environment_stepped,
    events.LimitReached: _limit_reached,
    events.EpisodeFinished: _episode_finished,
}
"""What each event changes."""
