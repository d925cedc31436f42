"""What a plain function of a node costs, which runs in a thread, and one that is an `async def`.

    python tests/bench/function_threads.py [--rounds 30]

The functions do nothing, so what is measured is the engine, for a chain of 100 nodes and for 100
nodes that need nothing. Both kinds run in turn in one process. Medians, with the interval in which
the middle half of the rounds lies.
"""

import argparse
import asyncio
import time
from statistics import quantiles

from agentkit import Graph, Node

NODES = 100


async def on_loop() -> int:
    return 1


def plain() -> int:
    return 1


async def round_us(graph: Graph) -> float:
    """Microseconds a node."""
    started = time.perf_counter()
    await graph.run()
    return (time.perf_counter() - started) / NODES * 1e6


async def main(rounds: int) -> None:
    graphs = {}
    for kind, function in (("async def", on_loop), ("plain", plain)):
        names = [f"n{i}" for i in range(NODES)]
        chained = [
            Node(n, function=function, after=names[max(0, i - 1) : i]) for i, n in enumerate(names)
        ]
        graphs[f"{kind}, chain"] = Graph(chained)
        graphs[f"{kind}, side by side"] = Graph([Node(n, function=function) for n in names])
    found: dict[str, list[float]] = {label: [] for label in graphs}
    for _ in range(rounds + 3):
        for label, graph in graphs.items():
            found[label].append(await round_us(graph))
    for label, times in found.items():
        low, middle, high = quantiles(times[3:])
        print(f"{label:24} {middle:6.1f} us a node ({low:.1f} to {high:.1f}, {rounds} rounds)")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=30)
    asyncio.run(main(parser.parse_args().rounds))
