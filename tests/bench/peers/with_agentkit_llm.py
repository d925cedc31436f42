"""The original AgentKit (agentkit-llm): `evaluate` of a graph of nodes with a query function.

It runs one node after the other, without asyncio, so its nodes do their work as plain functions.
"""

from collections.abc import Callable, Mapping
from typing import Any

from agentkit.base_node import BaseNode
from agentkit.compose_prompt import BaseComposePrompt
from worker import Needs, Run, Work, serve

from agentkit import Graph


def query(work: Work) -> Callable[[Any, int], tuple[str, None]]:
    def ask(messages: Any, shrink_idx: int) -> tuple[str, None]:
        work.block()
        return "", None

    return ask


def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    graph = Graph()
    for name in needs:
        graph.add_node(BaseNode(name, name, graph, query(work[name]), BaseComposePrompt()))
    for name, needed in needs.items():
        for other in needed:
            graph.add_edge(other, name)

    async def run() -> None:
        graph.evaluate()
        graph.history_list.clear()  # it keeps every step for ever

    return run


serve(build, "agentkit-llm")
