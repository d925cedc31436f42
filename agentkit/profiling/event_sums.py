"""Reads the events of an episode, one after the other, into sums."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from agentkit.profiling.dependencies import Dependencies
from agentkit.profiling.losses import Losses
from agentkit.profiling.paths import PathFinder, StepTimes, label
from agentkit.profiling.prefixes import Extension, PrefixMeter
from agentkit.profiling.sums import CallSums, NodeSums, RunSums, TextSums
from agentkit.profiling.texts import TextWatcher
from agentkit.record.reader import Record

_MOST_ERRORS: Final = 50
"""How many different errors of a node are kept apart."""


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
        self._begin = 0.0
        self._time: float | None = None
        self._acts = False
        self._acting = False
        self._step: StepTimes | None = None
        self._whole = True
        self._losses = Losses()
        self._handlers: dict[str, Callable[[Record], None]] = {
            "episode_started": self._episode_started,
            "episode_resumed": self._episode_resumed,
            "step_started": self._step_started,
            "node_started": self._node_started,
            "node_retried": self._node_retried,
            "call_retried": self._call_retried,
            "node_finished": self._node_finished,
            "node_skipped": self._node_skipped,
            "node_failed": self._node_failed,
            "node_cancelled": self._node_cancelled,
            "node_added": self._node_added,
            "step_finished": self._step_finished,
            "step_failed": self._step_failed,
            "environment_stepped": self._environment_stepped,
            "episode_finished": self._episode_finished,
        }

    def read(self, records: Iterable[Record]) -> RunSums:
        """The sums of an episode's events."""
        for record in records:
            if record["event"] == "episode_resumed":
                self._end_span()
                self._time = None
            self._pass_time(record["time"])
            handler = self._handlers.get(record["event"])
            if handler is not None:
                handler(record)
        if self._step is not None:
            self.sums.cut_steps += 1
        self._drop_pending()
        self._end_span()
        self.sums.texts = self._texts.sums
        self._losses.count(self.sums)
        return self.sums

    def _pass_time(self, time: float) -> None:
        """Put the time since the last event down to who was at work in it."""
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

    def _episode_started(self, record: Record) -> None:
        self._acts = record["observation"] is not None

    def _episode_resumed(self, record: Record) -> None:
        """Nobody was at work before; in a fork, what came before was another run's."""
        self._drop_pending()
        self._step, self._acting, self._whole = None, False, False
        self._losses.resume(record)
        if record["source"] is not None:
            self.sums = RunSums(episodes=1, unfinished=1)
            self._texts.sums = TextSums()

    def _step_started(self, record: Record) -> None:
        self._acting = False
        self._step = StepTimes(record["time"])
        self._known_calls = 0

    def _node_started(self, record: Record) -> None:
        name, item, model = record["node"], record["item"], record["model"]
        function, extension = record["function"], None
        if self._step is not None:
            self._step.begin(name, record["time"])
        node = self._node(name)
        if function:
            node.function = function
            self._functions += 1
        elif record["messages"]:
            meter = self._meters.get(model)
            if meter is None:
                meter = self._meters[model] = PrefixMeter()
            greedy = (record["sampling"] or {}).get("temperature") == 0
            extension = meter.measure(record["messages"], record["attempt"], item, greedy)
            node.reuses += bool(record["request_key"])
            if record["attempt"] == 1:
                node.questions += 1
                self._texts.see(name, model, record["messages"])
        self._pending[name, item] = Pending(model, function, extension)

    def _node_retried(self, record: Record) -> None:
        node = self._node(record["node"])
        node.again += 1
        if record["error"] in node.errors or len(node.errors) < _MOST_ERRORS:
            node.errors[record["error"]] += 1
        if not record["reused"]:
            node.again_s += record["latency_s"]
            node.again_usd += record["completion"]["cost_usd"] or 0.0
        self._answered(record)

    def _call_retried(self, record: Record) -> None:
        node = self._node(record["node"])
        node.tries += 1
        node.retry_wait_s += record["wait_s"]
        if record["reason"] in node.reasons or len(node.reasons) < _MOST_ERRORS:
            node.reasons[record["reason"]] += 1

    def _node_finished(self, record: Record) -> None:
        node = self._node(record["node"])
        node.otherwise += record["status"] == "otherwise" and record["item"] is None
        self._answered(record)
        if record["item"] is None:
            node.steps += 1
            self._ended(record)

    def _answered(self, record: Record) -> None:
        """Count the answer of a model or function; an `each` node as a whole has none."""
        pending = self._settle(record)
        if pending is not None:
            self._answered_by(self._node(record["node"]), pending, record)

    def _answered_by(self, node: NodeSums, pending: Pending, record: Record) -> None:
        node.waited_s += record["waited_s"]
        if record["reused"]:
            node.reused += 1
            return
        sums = self._calls(node, pending)
        sums.latencies.append(record["latency_s"])
        completion = record["completion"]
        if completion is not None:
            self._known_calls += completion["usage"]["calls"]
            _pay(sums, completion)
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

    def _settle(self, record: Record) -> Pending | None:
        pending = self._pending.pop((record["node"], record["item"]), None)
        if pending is not None and pending.function:
            self._functions -= 1
        return pending

    def _node_skipped(self, record: Record) -> None:
        self._node(record["node"]).skipped += 1
        self._ended(record)

    def _node_failed(self, record: Record) -> None:
        node = self._node(record["node"])
        node.failed += record["item"] is None
        pending = self._settle(record)
        if pending is not None:
            if pending.function:
                node.unanswered += 1
            elif record["completion"] is None:
                self._unanswered.append((node, pending))
            else:
                self._answered_by(node, pending, record)
        if record["item"] is None:
            self._ended(record)

    def _node_cancelled(self, record: Record) -> None:
        self._node(record["node"]).cancelled += 1

    def _node_added(self, record: Record) -> None:
        if self._step is not None:
            self._step.added[record["node"]] = (record["by"], tuple(record["before"]))

    def _ended(self, record: Record) -> None:
        if self._step is not None:
            self._step.end(record["node"], record["time"])

    def _step_finished(self, record: Record) -> None:
        self.sums.steps += 1
        if self._step is not None and self._whole:
            self._paths.add(self._step, record["time"], self.sums.paths)
        self._end_step()
        self._acting = self._acts

    def _step_failed(self, record: Record) -> None:
        if record["failures"]:
            self.sums.failed_steps += 1
        else:  # a limit, or the user
            self.sums.cut_steps += 1
        self._drop_pending(max(0, record["usage"]["calls"] - self._known_calls))
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

    def _environment_stepped(self, record: Record) -> None:
        self._acting = False

    def _episode_finished(self, record: Record) -> None:
        self.sums.unfinished = 0
        self._losses.finish(record)


def _pay(sums: CallSums, completion: Any) -> None:
    usage = completion["usage"]
    sums.input_tokens += usage["input_tokens"]
    sums.output_tokens += usage["output_tokens"]
    sums.cached_tokens += usage["cached_tokens"]
    sums.calls += usage["calls"]
    if completion["cost_usd"] is None:
        sums.unpriced += 1
    else:
        sums.cost_usd += completion["cost_usd"]
