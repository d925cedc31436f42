"""What a graph costs as a LangChain Runnable: `python tests/bench/as_runnable.py`.

Ten nodes in a chain that do nothing. All ways are timed in turn, round after round; the medians
are shown.
"""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise

from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

from agentkit import Graph, Node

NODES, CALLS, ROUNDS = 10, 100, 9
INPUTS = {"start": 1}


class Sync(BaseCallbackHandler):
    """Hears everything and does nothing."""


class Async(AsyncCallbackHandler):
    """The same, asynchronously."""


async def one_more(x: int) -> int:
    """What a node does."""
    return x + 1


def functions() -> Graph:
    """A chain of functions."""
    names = ["start", *(f"n{i}" for i in range(NODES))]
    pairs = pairwise(names)
    return Graph([Node(name, function=one_more, with_={"x": before}) for before, name in pairs])


def prompts() -> Graph:
    """A chain of prompts."""
    names = ["start", *(f"n{i}" for i in range(NODES))]
    pairs = pairwise(names)
    return Graph([Node(name, f"Say {{{{ {before} }}}}.") for before, name in pairs])


def ways() -> dict[str, tuple[Callable[[], Awaitable[object]], Callable[[], Awaitable[object]]]]:
    """By name: a call of the graph of functions, and one of the graph of prompts."""
    of_functions, of_prompts = functions(), prompts()
    first, second = of_functions.as_runnable(), of_prompts.as_runnable(model="echo")
    sync, later = {"callbacks": [Sync()]}, {"callbacks": [Async()]}
    return {
        "`graph.run`": (
            lambda: of_functions.run(INPUTS),
            lambda: of_prompts.run(INPUTS, model="echo"),
        ),
        "`ainvoke`": (lambda: first.ainvoke(INPUTS), lambda: second.ainvoke(INPUTS)),
        "`ainvoke`, an asynchronous handler": (
            lambda: first.ainvoke(INPUTS, later),
            lambda: second.ainvoke(INPUTS, later),
        ),
        "`ainvoke`, a synchronous handler": (
            lambda: first.ainvoke(INPUTS, sync),
            lambda: second.ainvoke(INPUTS, sync),
        ),
    }


async def timed(call: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of a call."""
    started = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - started) / CALLS * 1000


async def main() -> None:
    """Print the table."""
    times: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in ways()}
    calls = ways()
    for _ in range(ROUNDS):
        for name, pair in calls.items():
            for taken, call in zip(times[name], pair, strict=True):
                taken.append(await timed(call))
    print("| way | ten functions, ms | ten prompts, ms |")
    print("|---|---:|---:|")
    for name, (first, second) in times.items():
        print(f"| {name} | {statistics.median(first):.2f} | {statistics.median(second):.2f} |")


if __name__ == "__main__":
    asyncio.run(main())
