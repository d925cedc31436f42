"""Which node waits for which, from the agent's text in the record."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentkit.errors import SpecError
from agentkit.graph.graph import Graph


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The graph of a recorded run."""

    graph: Graph

    @property
    def order(self) -> tuple[str, ...]:
        """The nodes' names, each after those it waits for."""
        return tuple(self.graph.nodes[i].name for i in self.graph.order)

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """For each node those it waits for."""
        digraph = self.graph.digraph
        return {name: tuple(digraph.predecessors(name)) for name in digraph}

    @property
    def unread(self) -> frozenset[tuple[str, str]]:
        """Pairs of nodes of which the second waits for the first and names it nowhere."""
        edges = self.graph.digraph.edges(data=True)
        return frozenset((first, second) for first, second, d in edges if d["kind"] != "value")

    def recalled(self, name: str) -> tuple[str, ...]:
        """The nodes that a node recalls."""
        return tuple(self.graph.nodes[self.graph.index[name]].recall)

    def can_part(self, first: str, second: str) -> bool:
        """Whether the second node could do without waiting for the first.

        It could not, if both use a memory key and only this keeps them in order.
        """
        graph = self.graph
        nodes = [
            replace(
                node,
                recall=[name for name in node.recall if name != first],
                after=[name for name in node.after if name != first],
            )
            if node.name == second
            else node
            for node in graph.nodes
        ]
        try:
            Graph(nodes)
        except SpecError:
            return False
        return True


def recorded_dependencies(about: Mapping[str, Any]) -> Dependencies | None:
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
        return Dependencies(Graph([written.node for written in draft.nodes]))
    except SpecError:
        return None
