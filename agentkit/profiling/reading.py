"""Reads the events of an episode, one after the other, into sums."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from agentkit.events import (
    CallRetried,
    EnvironmentStepped,
    EpisodeFinished,
    EpisodeResumed,
    EpisodeStarted,
    Event,
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
from agentkit.messages import Usage
from agentkit.profiling.paths import PathFinder, StepTimes, label
from agentkit.profiling.prefixes import Extension, FrontWatcher, PrefixMeter, Recent
from agentkit.profiling.sums import NodeSums, RunSums
from agentkit.record.reader import Line
from agentkit.record.recorded_calls import unanswered


@dataclass(slots=True)
class Pending:
    """A call that was begun."""

    model: str
    function: str
    extension: Extension | None = None
    """None for a function."""
    request: int = 0
    """Hash of what `reuse` goes by."""
    repeats: bool = False
    """Whether the node made the same request before."""


class EpisodeReader:
    """Sums up one episode.

    Args:
        paths: Finds the critical paths.
    """

    def __init__(self, paths: PathFinder) -> None:
        self.sums = RunSums(episodes=1, unfinished=1)
        self._paths = paths
        self._front = FrontWatcher()
        self._meters: defaultdict[str, PrefixMeter] = defaultdict(PrefixMeter)
        self._requests, self._answers = Recent(), Recent()
        self._pending: dict[tuple[str, int | None], Pending] = {}
        self._unanswered: list[tuple[NodeSums, Pending]] = []
        """Requests of this step without an answer; perhaps they were not even sent."""
        self._known_calls = 0
        """Calls of this step that are known from their answers."""
        self._functions = 0
        self._begin = self._now = 0.0
        self._time: float | None = None
        self._before_s = 0.0
        """How long the episode was played before it was resumed."""
        self._acts = self._acting = False
        self._step = StepTimes(0.0)
        self._open = False
        """Whether a step was begun and did not end."""
        self._whole = True
        self._paid: Usage | None = None

    def read(self, lines: Iterable[Line]) -> RunSums:
        """The sums of an episode's events."""
        for event, time, counts in lines:
            if counts:
                if isinstance(event, EpisodeResumed):
                    self._end_span()
                self._pass_time(time)
                self._take(event)
        self.sums.cut_steps += self._open
        self._drop_pending()
        self._end_span()
        self.sums.changes = self._front.changes
        if self._paid is not None:  # else what was said whenever the episode was resumed
            self.sums.lost = self.sums.beyond_answers(self._paid)
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
        self._time = None

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

    def _take(self, event: Event) -> None:
        """Count an event; the other kinds say nothing about time and money."""
        match event:
            case NodeStarted():
                self._node_started(event)
            case NodeRetried():
                self._node_retried(event)
            case NodeFinished() | NodeFailed():
                self._node_ended(event)
            case NodeSkipped():
                self._node(event.node).skipped += 1
                self._step.end(event.node, self._now)
            case NodeCancelled():
                self._node(event.node).cancelled += 1
            case NodeAdded():
                self._step.added[event.node] = (event.by, event.before)
            case CallRetried():
                node = self._node(event.node)
                node.retries += 1
                node.retry_wait_s += event.wait_s
                node.reasons[event.reason] += 1
            case _:
                self._take_step(event)

    def _take_step(self, event: Event) -> None:
        match event:
            case StepStarted():
                self._step, self._open, self._acting = StepTimes(self._now), True, False
                self._known_calls = 0
                self._front.begin_step()
            case StepFinished():
                self._step_finished()
            case StepFailed():
                self._step_failed(event)
            case EnvironmentStepped():
                self._acting = False
            case EpisodeStarted():
                self._acts = event.observation is not None
            case EpisodeResumed():
                self._episode_resumed(event)
            case EpisodeFinished():
                self._episode_finished(event)

    def _episode_resumed(self, event: EpisodeResumed) -> None:
        """Nobody was at work before; now the environment is brought back to where it was.

        In a fork, what came before was another run's.
        """
        self._drop_pending()
        self._open = self._whole = False
        self._acting = self._acts
        self._before_s = event.seconds
        if event.source is not None:
            self.sums = RunSums(episodes=1, unfinished=1)
            self._front.changes = {}
        self.sums.lost += event.usage

    def _node_started(self, event: NodeStarted) -> None:
        node = self._node(event.node)
        pending = self._pending[event.node, event.item] = Pending(event.model, event.function)
        self._step.begin(event.node, self._now)
        if event.function:
            node.function = event.function
            self._functions += 1
        elif event.messages:
            self._ask(node, pending, event)

    def _ask(self, node: NodeSums, pending: Pending, event: NodeStarted) -> None:
        pending.extension = self._meters[event.model].measure(event.messages, event.attempt)
        request = event.node, event.model, pending.extension.request
        if event.sampling is not None and event.sampling.temperature == 0:
            pending.request = hash(request)
        else:  # items and attempts are asked apart, so that they may differ
            pending.request = hash((request, event.item, event.attempt))
        pending.repeats = self._requests.use(pending.request)
        node.reuses += bool(event.request_key)
        if event.attempt == 1:
            node.questions += 1
            self._front.see(event.node, event.messages, pending.extension.differs_in)

    def _node_retried(self, event: NodeRetried) -> None:
        self._node(event.node).count_retry(event)
        self._answered(event)

    def _node_ended(self, event: NodeFinished | NodeFailed) -> None:
        self._answered(event)  # an `each` node as a whole has no call
        if event.item is not None:
            return
        node = self._node(event.node)
        if isinstance(event, NodeFailed):
            node.failed += 1
        else:
            node.steps += 1
        self._step.end(event.node, self._now)

    def _answered(self, event: NodeRetried | NodeFinished | NodeFailed) -> None:
        """Count the answer of a model or function, or that there was none."""
        pending = self._pending.pop((event.node, event.item), None)
        if pending is None:
            return
        self._functions -= bool(pending.function)
        node, completion = self._node(event.node), event.completion
        if isinstance(event, NodeFailed) and completion is None:
            node.unlike += 1
            if pending.function:
                node.unanswered += 1
            else:
                self._unanswered.append((node, pending))
            return
        node.waited_s += event.waited_s
        usable = isinstance(event, NodeFinished) and event.status == "ok"
        node.otherwise += isinstance(event, NodeFinished) and event.status == "otherwise"
        node.cut += isinstance(event, NodeFinished) and event.status == "cut"
        if completion is not None:
            node.count_decision(completion)
            as_before = self._answers.use(hash((pending.request, completion.text)))
            node.unlike += not usable or (pending.repeats and not as_before)
        if event.reused:
            node.reused += 1
            return
        calls = node.calls[pending.model]
        calls.latencies.append(event.latency_s)
        if completion is not None:
            self._known_calls += completion.usage.calls
            calls.usage += completion.usage
            if pending.repeats:
                node.repeated += completion.usage
            node.prefix.answered += len(completion.text)
        self._sent(node, pending)

    def _sent(self, node: NodeSums, pending: Pending) -> None:
        if (extension := pending.extension) is not None:
            node.prefix.count(extension.characters, extension.repeated, extension.differs_in)

    def _step_finished(self) -> None:
        self.sums.steps += 1
        if self._open and self._whole:
            self._paths.add(self._step, self._now, self.sums.paths)
        self._open, self._whole = False, True
        self._acting = self._acts

    def _step_failed(self, event: StepFailed) -> None:
        if event.failures:
            self.sums.failed_steps += 1
        else:  # a limit, or the user
            self.sums.cut_steps += 1
        self._drop_pending(unanswered(event, self._known_calls).calls)
        self._open, self._whole = False, True

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

    def _episode_finished(self, event: EpisodeFinished) -> None:
        """The end says how long it was played: longer than its events, for before the first one
        the environment is made and reset."""
        self.sums.unfinished = 0
        self._paid = event.usage
        unseen_s = max(0.0, event.seconds - self._before_s - (self._now - self._begin))
        self._begin -= unseen_s
        self.sums.seconds["environment" if self._acts else "engine"] += unseen_s
