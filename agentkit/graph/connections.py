"""Which node waits for which, and the integer lists that a step counts down."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import networkx as nx

from agentkit.graph.compile import CompiledNode
from agentkit.graph.node import FirstOf
from agentkit.templates.prompt_names import decided_names


def awaited_recalls(compiled: CompiledNode, nodes: Mapping[str, CompiledNode]) -> Iterator[str]:
    """Yield the nodes that a node recalls and must wait for itself, the last one first.

    In a list each node recalls all above it. It waits for the last of them, which waits for the
    others, so that a long list has no edge between every two of its nodes.
    """
    recall = compiled.node.recall
    if not isinstance(recall, FirstOf):
        yield from recall
        return
    for last in range(len(recall) - 1, -1, -1):
        name = recall[last]
        yield name
        above = nodes[name].node.recall if name in nodes else ()
        if isinstance(above, FirstOf) and above.shared is recall.shared and len(above) >= last:
            return


def edges_between(nodes: Mapping[str, CompiledNode]) -> "nx.DiGraph[str]":
    """Return the graph as networkx sees it; edges carry `kind`: value, recall or after."""
    digraph: nx.DiGraph[str] = nx.DiGraph()
    digraph.add_nodes_from(nodes)
    for compiled in nodes.values():
        named = {
            "after": compiled.node.after,
            "recall": awaited_recalls(compiled, nodes),
            "value": {*compiled.reads, *decided_names(compiled.reads)},
        }
        for kind, names in named.items():
            for name in names:
                if name in nodes and name != compiled.name:
                    digraph.add_edge(name, compiled.name, kind=kind)
    return digraph


@dataclass(frozen=True, slots=True)
class Connections:
    """The dependencies of a graph, by the positions of its nodes."""

    order: tuple[int, ...]
    """The nodes, each after those it waits for; ties as the nodes are given."""
    successors: tuple[list[int], ...]
    """For each node those that wait for it."""
    indegrees: tuple[int, ...]
    """For each node how many it waits for."""
    roots: tuple[int, ...]
    """The nodes that wait for none."""
    ancestors: tuple[int, ...]
    """For each node the set of nodes that always finish before it, as bits."""
    recalls: tuple[Sequence[int], ...]
    """For each node those it recalls, in order."""

    def descendants(self) -> list[int]:
        """Return for each node the set of nodes that always begin after it, as bits."""
        descendants = [0] * len(self.order)
        for i in reversed(self.order):
            for successor in self.successors[i]:
                descendants[i] |= descendants[successor] | 1 << successor
        return descendants


def connect_nodes(
    digraph: "nx.DiGraph[str]", compiled: Sequence[CompiledNode], index: Mapping[str, int]
) -> Connections:
    """Return the connections of a graph without cycles."""
    names = [one.name for one in compiled]
    successors = tuple(sorted(index[n] for n in digraph.successors(name)) for name in names)
    order = tuple(index[n] for n in nx.lexicographical_topological_sort(digraph, index.__getitem__))
    ancestors = [0] * len(names)
    for i in order:
        with_own = ancestors[i] | 1 << i
        for successor in successors[i]:
            ancestors[successor] |= with_own
    indegrees = tuple(digraph.in_degree(name) for name in names)
    return Connections(
        order,
        successors,
        indegrees,
        tuple(i for i in order if not indegrees[i]),
        tuple(ancestors),
        _recalls(compiled, index, order),
    )


def _recalls(
    compiled: Sequence[CompiledNode], index: Mapping[str, int], order: Sequence[int]
) -> tuple[Sequence[int], ...]:
    """For each node the positions of those it recalls, in order; a list's are shared."""
    rank = [0] * len(order)
    for position, i in enumerate(order):
        rank[i] = position
    shared: dict[int, list[int] | None] = {}
    """By the names that nodes of a list share: their positions; None where they are not in order"""
    recalls: list[Sequence[int]] = []
    for one in compiled:
        recall = one.node.recall
        if isinstance(recall, FirstOf):
            key = id(recall.shared)
            if key not in shared:
                whole = [index.get(name, -1) for name in recall.shared]
                ranks = [rank[i] if i >= 0 else -1 for i in whole]
                rises = all(a < b for a, b in zip([-1, *ranks], ranks, strict=False))
                shared[key] = whole if rises else None
            if (positions := shared[key]) is not None:
                recalls.append(FirstOf(positions, len(recall)))
                continue
        recalls.append(tuple(sorted((index[name] for name in recall), key=rank.__getitem__)))
    return tuple(recalls)
