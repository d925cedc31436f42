"""The critical path of a step: the nodes whose end decided when the step ended."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agentkit.errors import SpecError
from agentkit.graph.graph import Graph
from agentkit.profiling.sums import PathSums

Needs = Mapping[str, Sequence[str]]


@dataclass(slots=True)
class Span:
    """When a node ran in a step, in seconds since 1970."""

    start: float
    end: float | None = None
    """None while it runs."""

    @property
    def took(self) -> float:
        """Seconds."""
        return 0.0 if self.end is None else max(0.0, self.end - self.start)


@dataclass(slots=True)
class StepTimes:
    """What happened when in one step."""

    started: float
    spans: dict[str, Span] = field(default_factory=dict)
    added: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Nodes that were added: who added them, and which wait for them."""

    def begin(self, node: str, time: float) -> None:
        """A node, or one of its items or attempts, starts."""
        self.spans.setdefault(node, Span(time))

    def end(self, node: str, time: float) -> None:
        """A node has its value, was skipped, or failed."""
        self.spans.setdefault(node, Span(time)).end = time


class PathFinder:
    """Finds the critical path of each step and sums them up.

    Args:
        graph: The graph; without it, a node is taken to wait for the one that ended last before
            it started.
    """

    def __init__(self, graph: Graph | None) -> None:
        self._known = graph is not None
        self.order = () if graph is None else tuple(graph.nodes[i].name for i in graph.order)
        """The nodes, each after those it waits for; empty where they are not known."""
        self._needs: Needs = {}
        self._idle: frozenset[tuple[str, str]] = frozenset()
        if graph is not None:
            self._needs = {name: tuple(graph.digraph.predecessors(name)) for name in graph.digraph}
            self._idle = frozenset(_idle(graph))

    def add(self, step: StepTimes, ended: float, sums: PathSums) -> None:
        """Take in a finished step."""
        spans = {name: span for name, span in step.spans.items() if span.end is not None}
        sums.steps += 1
        sums.seconds += ended - step.started
        if not spans:
            return
        order, needs = self._shape(step, spans)
        path = _path(spans, needs)
        for name in path:
            sums.on_path[label(name)] += spans[name].took > 0
            sums.path_s[label(name)] += spans[name].took
        sums.ran.update({label(name) for name, span in spans.items() if span.took > 0})
        if self._known:
            took = {name: span.took for name, span in spans.items()}
            self._weigh(path, order, needs, took, sums)

    def _shape(self, step: StepTimes, spans: Mapping[str, Span]) -> tuple[Sequence[str], Needs]:
        """The nodes of a step in order, and what each waits for."""
        if not self._known or any(n not in self._needs and n not in step.added for n in spans):
            return _by_times(spans)
        order = [name for name in self.order if name in spans]
        if not step.added and len(order) == len(self.order):
            return order, self._needs
        needs = {name: [n for n in self._needs[name] if n in spans] for name in order}
        for name, (adder, before) in step.added.items():
            if name in spans:
                _insert(name, adder, before, step, spans, order, needs)
        return order, needs

    def _weigh(
        self,
        path: Sequence[str],
        order: Sequence[str],
        needs: Needs,
        took: dict[str, float],
        sums: PathSums,
    ) -> None:
        """What the step would take without a node, or without waiting; and the others' slack."""
        finish = _finishes(order, needs, took)
        whole = max(finish.values())
        for name in path:
            if took[name] > 0:
                shorter = max(_finishes(order, needs, {**took, name: 0.0}).values())
                sums.saves_s[label(name)] += whole - shorter
        for first, second in zip(path[1:], path, strict=False):
            if (first, second) in self._idle and took[first] > 0 and took[second] > 0:
                parted = {**needs, second: [n for n in needs[second] if n != first]}
                shorter = max(_finishes(order, parted, took).values())
                sums.waits_s[first, second] += whole - shorter
        after = _remainders(order, needs, took)
        for name in order:
            if took[name] > 0:
                sums.slack_s[label(name)] += whole - finish[name] - after[name]


def recorded_graph(about: Mapping[str, Any]) -> Graph | None:
    """The graph of the agent that `run.json` holds; None where it cannot be built.

    Its models, functions and environment need not be there.
    """
    from agentkit.agentfile.draft import read_draft

    agent = about.get("agent")
    source = agent.get("source") if isinstance(agent, Mapping) else None
    if not isinstance(source, str) or not source.strip():
        return None
    draft = read_draft(source)
    if draft.flaws or not draft.nodes:
        return None
    try:
        return Graph([written.node for written in draft.nodes])
    except SpecError:
        return None


def _idle(graph: Graph) -> Iterator[tuple[str, str]]:
    """Pairs of prompts of which the second waits for the first for no reason that can be seen.

    It is told to come `after` it, but neither names nor recalls it, and they share no memory:
    without the wait it would be asked the very same. A function may do things that nobody sees.
    """
    for first, second, edge in graph.digraph.edges(data=True):
        pair = graph.nodes[graph.index[first]], graph.nodes[graph.index[second]]
        if edge["kind"] != "after" or any(node.function is not None for node in pair):
            continue
        parted = replace(pair[1], after=[name for name in pair[1].after if name != first])
        try:
            Graph([parted if node.name == second else node for node in graph.nodes])
        except SpecError:  # only the wait keeps their use of a memory key in order
            continue
        yield first, second


def label(name: str) -> str:
    """A node's name; those that a node added share one, for there may be many."""
    adder, dot, _ = name.partition(".")
    return f"{adder}.*" if dot else name


def _path(spans: Mapping[str, Span], needs: Needs) -> list[str]:
    """The path, from its end to its beginning."""
    ends = {name: span.end or 0.0 for name, span in spans.items()}
    name = max(ends, key=ends.__getitem__)
    path = [name]
    while needs[name]:
        name = max(needs[name], key=ends.__getitem__)
        path.append(name)
    return path


def _finishes(order: Sequence[str], needs: Needs, took: Mapping[str, float]) -> dict[str, float]:
    """When each node would end, were every node started at once when it can be."""
    finishes: dict[str, float] = {}
    for name in order:
        latest = 0.0
        for need in needs[name]:
            if finishes[need] > latest:  # max() takes three times as long
                latest = finishes[need]
        finishes[name] = latest + took[name]
    return finishes


def _remainders(order: Sequence[str], needs: Needs, took: Mapping[str, float]) -> dict[str, float]:
    """The longest way from each node's end to the end of the step."""
    after = dict.fromkeys(order, 0.0)
    for name in reversed(order):
        way = after[name] + took[name]
        for need in needs[name]:
            if way > after[need]:
                after[need] = way
    return after


def _by_times(spans: Mapping[str, Span]) -> tuple[Sequence[str], Needs]:
    """As far as the times tell: each node waits for the one that ended last before it started."""
    order = sorted(spans, key=lambda name: (spans[name].end or 0.0, spans[name].start))
    needs: dict[str, Sequence[str]] = {}
    for place, name in enumerate(order):
        start = spans[name].start
        earlier = (n for n in reversed(order[:place]) if (spans[n].end or 0.0) <= start)
        latest = next(earlier, None)
        needs[name] = () if latest is None else (latest,)
    return order, needs


def _insert(
    name: str,
    adder: str,
    before: Sequence[str],
    step: StepTimes,
    spans: Mapping[str, Span],
    order: list[str],
    needs: dict[str, list[str]],
) -> None:
    """Put a node that was added at run time where it belongs.

    It waits for its adder; and for another one that was added there, if it started when that one
    had just ended.
    """
    siblings = [n for n, (by, _) in step.added.items() if by == adder and n in needs]
    start, since = spans[name].start, spans[adder].end or 0.0
    ended = [n for n in siblings if since < (spans[n].end or 0.0) <= start]
    needs[name] = [adder, *ended]
    order.insert(max(order.index(n) for n in (adder, *siblings)) + 1, name)
    for follower in before:
        if follower in needs:
            needs[follower] = [*needs[follower], name]
