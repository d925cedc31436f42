"""Two skewed chains that join: 10 ms -> 140 ms beside 140 ms -> 10 ms, so 150 ms at best.

    python tests/bench/skewed_chains.py [--repeat 9]

An engine that waits for a whole level before the next one takes 280 ms.
"""

import argparse
import asyncio
import statistics
import time

from agentkit import Graph, Node


async def wait(seconds: float) -> None:
    await asyncio.sleep(seconds)


def node(name: str, seconds: float, *after: str) -> Node:
    return Node(name, function=wait, with_={"seconds": str(seconds)}, after=after)


GRAPH = Graph(
    [
        node("short_first", 0.01),
        node("long_second", 0.14, "short_first"),
        node("long_first", 0.14),
        node("short_second", 0.01, "long_first"),
        node("join", 0, "long_second", "short_second"),
    ]
)


async def by_hand() -> None:
    async def chain(*seconds: float) -> None:
        for each in seconds:
            await asyncio.sleep(each)

    async with asyncio.TaskGroup() as group:
        group.create_task(chain(0.01, 0.14))
        group.create_task(chain(0.14, 0.01))


async def by_level() -> None:
    for level in ((0.01, 0.14), (0.14, 0.01)):
        await asyncio.gather(*(asyncio.sleep(seconds) for seconds in level))


async def ours() -> None:
    await GRAPH.run()


async def milliseconds(function, repeat: int) -> float:
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        await function()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=9)
    repeat = parser.parse_args().repeat
    await ours()
    for label, function in (
        ("AgentKit", ours),
        ("TaskGroup by hand", by_hand),
        ("level by level", by_level),
    ):
        took = await milliseconds(function, repeat)
        print(f"{label:<18} {took:6.1f} ms   {took / 150:.3f} x 150 ms")


if __name__ == "__main__":
    asyncio.run(main())
