"""LangGraph: a StateGraph compiled once, `ainvoke` for each run, async nodes.

No checkpointer, no tracing, and nodes that write nothing to the state: its lightest use.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import TypedDict

from langgraph.graph import END, START, StateGraph
from worker import Needs, Run, Work, serve


class State(TypedDict, total=False):
    observation: str


def node(work: Work) -> Callable[[State], Awaitable[None]]:
    async def run(state: State) -> None:
        await work.wait()

    return run


def build(needs: Needs, work: Mapping[str, Work]) -> Run:
    builder = StateGraph(State)
    for name in needs:
        builder.add_node(name, node(work[name]))
    for name, needed in needs.items():
        if len(needed) > 1:
            builder.add_edge(list(needed), name)  # a list waits for all of them
        else:
            builder.add_edge(needed[0] if needed else START, name)
    wanted = {other for needed in needs.values() for other in needed}
    for name in needs.keys() - wanted:
        builder.add_edge(name, END)
    graph = builder.compile()
    config = {"recursion_limit": len(needs) + 10}
    return lambda: graph.ainvoke({"observation": ""}, config)


serve(build, "langgraph")
