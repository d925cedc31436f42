"""Reads the events of an episode, one after the other, into sums."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from agentkit.events import (
    CallRetried,
    EnvironmentStepped,
    EpisodeFinished,
    EpisodeResumed,
    EpisodeStarted,
    NodeAdded,
    NodeCancelled,
    NodeFailed,
    NodeFinished,
    NodeRetried,
    NodeSkipped,
    NodeStarted,
    StepFailed,
    StepFinished,
    StepStarted,
)
from agentkit.profiling.dependencies import Dependencies
from agentkit.profiling.losses import Losses
from agentkit.profiling.paths import PathFinder, StepTimes, label
from agentkit.profiling.prefixes import Extension, PrefixMeter
from agentkit.profiling.sums import CallSums, NodeSums, RunSums, TextSums
from agentkit.profiling.texts import TextWatcher
from agentkit.record.reader import Line

_MOST_ERRORS: Final = 50
"""How many different errors of a node are kept apart."""


Answered = NodeRetried | NodeFinished | NodeFailed
"""The events that may end a call."""


@dataclass(slots=True)
class Pending:
    """A call that was begun."""

    model: str
    function: str
    extension: Extension | None


class EpisodeReader:
    """Sums up one episode.

    Args:
        dependencies: The graph, where it is known.
    """

    def __init__(self, dependencies: Dependencies | None) -> None:
        self.sums = RunSums(episodes=1, unfinished=1)
        self._paths = PathFinder(dependencies)
        self._texts = TextWatcher()
        self._meters: dict[str, PrefixMeter] = {}
        self._pending: dict[tuple[str, int | None], Pending] = {}
        self._unanswered: list[tuple[NodeSums, Pending]] = []
        """Requests of this step without an answer; perhaps they were not even sent."""
        self._known_calls = 0
        """Calls of this step that are known from their answers."""
        self._functions = 0
        self._begin = self._now = 0.0
        self._time: float | None = None
        self._acts = False
        self._acting = False
        self._step: StepTimes | None = None
        self._whole = True
        self._losses = Losses()

    def read(self, lines: Iterable[Line]) -> RunSums:
        """The sums of an episode's events."""
        for event, time, counts in lines:
            if not counts:
                continue
            if isinstance(event, EpisodeResumed):
                self._end_span()
                self._time = None
            self._pass_time(time)
            if (handler := _HANDLERS.get(type(event))) is not None:
                handler(self, event)
        if self._step is not None:
            self.sums.cut_steps += 1
        self._drop_pending()
        self._end_span()
        self.sums.texts = self._texts.sums
        self._losses.count(self.sums)
        return self.sums

    def _pass_time(self, time: float) -> None:
        """Put the time since the last event down to who was at work in it."""
        self._now = time
        if self._time is None:
            self._begin = time
        else:
            self.sums.seconds[self._at_work()] += max(0.0, time - self._time)
        self._time = time

    def _end_span(self) -> None:
        if self._time is not None:
            self.sums.spans.append((self._begin, self._time))

    def _at_work(self) -> str:
        if len(self._pending) > self._functions:
            return "models"
        if self._functions:
            return "functions"
        return "environment" if self._acting else "engine"

    def _node(self, name: str) -> NodeSums:
        name = label(name)
        node = self.sums.nodes.get(name)
        if node is None:
            node = self.sums.nodes[name] = NodeSums(name)
        return node

    def _episode_started(self, event: EpisodeStarted) -> None:
        self._acts = event.observation is not None

    def _episode_resumed(self, event: EpisodeResumed) -> None:
        """Nobody was at work before; in a fork, what came before was another run's."""
        self._drop_pending()
        self._step, self._acting, self._whole = None, False, False
        self._losses.resume(event)
        if event.source is not None:
            self.sums = RunSums(episodes=1, unfinished=1)
            self._texts.sums = TextSums()

    def _step_started(self, event: StepStarted) -> None:
        self._acting = False
        self._step = StepTimes(self._now)
        self._known_calls = 0

    def _node_started(self, event: NodeStarted) -> None:
        name, item, model = event.node, event.item, event.model
        function, extension = event.function, None
        if self._step is not None:
            self._step.begin(name, self._now)
        node = self._node(name)
        if function:
            node.function = function
            self._functions += 1
        elif event.messages:
            meter = self._meters.get(model)
            if meter is None:
                meter = self._meters[model] = PrefixMeter()
            greedy = event.sampling is not None and event.sampling.temperature == 0
            extension = meter.measure(event.messages, event.attempt, item, greedy)
            node.reuses += bool(event.request_key)
            if event.attempt == 1:
                node.questions += 1
                self._texts.see(name, model, event.messages)
        self._pending[name, item] = Pending(model, function, extension)

    def _node_retried(self, event: NodeRetried) -> None:
        node = self._node(event.node)
        node.again += 1
        if event.error in node.errors or len(node.errors) < _MOST_ERRORS:
            node.errors[event.error] += 1
        if not event.reused:
            node.again_s += event.latency_s
            node.again_usd += event.completion.usage.cost_usd or 0.0
        self._answered(event)

    def _call_retried(self, event: CallRetried) -> None:
        node = self._node(event.node)
        node.tries += 1
        node.retry_wait_s += event.wait_s
        if event.reason in node.reasons or len(node.reasons) < _MOST_ERRORS:
            node.reasons[event.reason] += 1

    def _node_finished(self, event: NodeFinished) -> None:
        node = self._node(event.node)
        node.otherwise += event.status == "otherwise" and event.item is None
        self._answered(event)
        if event.item is None:
            node.steps += 1
            self._ended(event)

    def _answered(self, event: NodeRetried | NodeFinished) -> None:
        """Count the answer of a model or function; an `each` node as a whole has none."""
        pending = self._settle(event)
        if pending is not None:
            self._answered_by(self._node(event.node), pending, event)

    def _answered_by(self, node: NodeSums, pending: Pending, event: Answered) -> None:
        node.waited_s += event.waited_s
        if event.reused:
            node.reused += 1
            return
        sums = self._calls(node, pending)
        sums.latencies.append(event.latency_s)
        completion = event.completion
        if completion is not None:
            self._known_calls += completion.usage.calls
            sums.usage += completion.usage
        self._sent(node, pending)

    def _calls(self, node: NodeSums, pending: Pending) -> CallSums:
        sums = node.calls.get(pending.model)
        if sums is None:
            sums = node.calls[pending.model] = CallSums()
        sums.answers += 1
        return sums

    def _sent(self, node: NodeSums, pending: Pending) -> None:
        extension = pending.extension
        if extension is None:
            return
        prefix = node.prefix
        prefix.requests += 1
        prefix.characters += extension.characters
        prefix.repeated += extension.repeated
        prefix.differs_in[extension.differs_in] += 1
        node.same += extension.same

    def _settle(self, event: Answered) -> Pending | None:
        pending = self._pending.pop((event.node, event.item), None)
        if pending is not None and pending.function:
            self._functions -= 1
        return pending

    def _node_skipped(self, event: NodeSkipped) -> None:
        self._node(event.node).skipped += 1
        self._ended(event)

    def _node_failed(self, event: NodeFailed) -> None:
        node = self._node(event.node)
        node.failed += event.item is None
        pending = self._settle(event)
        if pending is not None:
            if pending.function:
                node.unanswered += 1
            elif event.completion is None:
                self._unanswered.append((node, pending))
            else:
                self._answered_by(node, pending, event)
        if event.item is None:
            self._ended(event)

    def _node_cancelled(self, event: NodeCancelled) -> None:
        self._node(event.node).cancelled += 1

    def _node_added(self, event: NodeAdded) -> None:
        if self._step is not None:
            self._step.added[event.node] = (event.by, tuple(event.before))

    def _ended(self, event: NodeFinished | NodeSkipped | NodeFailed) -> None:
        if self._step is not None:
            self._step.end(event.node, self._now)

    def _step_finished(self, event: StepFinished) -> None:
        self.sums.steps += 1
        if self._step is not None and self._whole:
            self._paths.add(self._step, self._now, self.sums.paths)
        self._end_step()
        self._acting = self._acts

    def _step_failed(self, event: StepFailed) -> None:
        if event.failures:
            self.sums.failed_steps += 1
        else:  # a limit, or the user
            self.sums.cut_steps += 1
        self._drop_pending(max(0, event.usage.calls - self._known_calls))
        self._end_step()

    def _end_step(self) -> None:
        self._texts.end_step()
        self._step, self._whole = None, True

    def _drop_pending(self, sent: int | None = None) -> None:
        """Count the requests that will get no answer any more.

        Args:
            sent: How many of them were sent at most; the others were refused before, as by a
                limit. None: as many as there are.
        """
        for (name, _), pending in self._pending.items():
            if not pending.function:
                self._unanswered.append((self._node(name), pending))
        for node, pending in self._unanswered[:sent]:
            node.unanswered += 1
            self._sent(node, pending)
        self._unanswered = []
        self._pending.clear()
        self._functions = 0

    def _environment_stepped(self, event: EnvironmentStepped) -> None:
        self._acting = False

    def _episode_finished(self, event: EpisodeFinished) -> None:
        self.sums.unfinished = 0
        self._losses.finish(event)


_HANDLERS: Final[dict[type, Callable[[EpisodeReader, Any], None]]] = {
    EpisodeStarted: EpisodeReader._episode_started,
    EpisodeResumed: EpisodeReader._episode_resumed,
    StepStarted: EpisodeReader._step_started,
    NodeStarted: EpisodeReader._node_started,
    NodeRetried: EpisodeReader._node_retried,
    CallRetried: EpisodeReader._call_retried,
    NodeFinished: EpisodeReader._node_finished,
    NodeSkipped: EpisodeReader._node_skipped,
    NodeFailed: EpisodeReader._node_failed,
    NodeCancelled: EpisodeReader._node_cancelled,
    NodeAdded: EpisodeReader._node_added,
    StepFinished: EpisodeReader._step_finished,
    StepFailed: EpisodeReader._step_failed,
    EnvironmentStepped: EpisodeReader._environment_stepped,
    EpisodeFinished: EpisodeReader._episode_finished,
}
