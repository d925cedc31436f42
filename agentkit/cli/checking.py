"""What `agentkit check` says of an agent that can work."""

import networkx as nx

from agentkit.about import node_models
from agentkit.cli.arguments import load
from agentkit.cli.view.words import count


def check_agent(name: str) -> str:
    """A line on an agent that loads, and one for each warning.

    Raises:
        InputError: It does not load; every problem is in the message.
    """
    agent, path = load(name)
    graph = agent.graph
    models = ", ".join(dict.fromkeys(node_models(agent).values())) or "none"
    parts = [
        count(len(graph.nodes), "node"),
        count(graph.digraph.number_of_edges(), "edge"),
        f"critical path {len(nx.dag_longest_path(graph.digraph))}",
        f"models: {models}",
    ]
    lines = [f"{path}: OK: {', '.join(parts)}"]
    lines += [f"  warning: {warning}" for warning in graph.warnings]
    return "\n".join(lines)
