"""What the engine costs a node, beside a hand-written asyncio TaskGroup, in one run.

    python tests/bench/overhead.py [--repeat 7]

Functions that do nothing show the engine alone. The TaskGroup is the least that a program can do
by hand: one task a node that awaits the nodes it needs. Full prompt nodes render, ask a model
that answers at once, parse, and write their events to the run's file.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from agentkit import Agent, Completion, Graph, Node, Usage
from agentkit.binding import bind
from agentkit.step import State, StepRun
from agentkit.trace import EpisodeWriter

Shape = dict[str, list[str]]


def chain(length: int) -> Shape:
    return {f"n{i}": [f"n{i - 1}"] if i else [] for i in range(length)}


def fan(width: int) -> Shape:
    middle = [f"m{i}" for i in range(width)]
    return {"first": [], **{name: ["first"] for name in middle}, "last": middle}


def nothing() -> None:
    return None


async def by_hand(shape: Shape) -> None:
    """Every node a task that awaits the tasks it needs."""
    tasks: dict[str, asyncio.Task[None]] = {}

    async def node(needs: list[str]) -> None:
        for name in needs:
            await tasks[name]
        nothing()

    async with asyncio.TaskGroup() as group:
        for name, needs in shape.items():
            tasks[name] = group.create_task(node(needs))


def function_step(shape: Shape) -> Callable[[], Awaitable[Any]]:
    graph = Graph([Node(name, function=nothing, after=needs) for name, needs in shape.items()])
    binding = bind(graph, None, {}, {}, ())
    return lambda: StepRun(binding, {}, State()).run()


class Instant:
    """A model that answers at once."""

    name = "instant"
    reads_variables = False

    async def complete(self, request: Any) -> Completion:
        return Completion("Chop the tree to the west.", Usage(900, 8, 0, 1), 0.0, self.name)


CONTEXT = "You see grass, a tree 2 left, water 3 up; health 9, food 7. " * 20


def prompt_step(shape: Shape, writer: EpisodeWriter | None) -> Callable[[], Awaitable[Any]]:
    nodes = [
        Node(name, f"Think of {name}. " + " ".join(f"{{{{ {n} }}}}" for n in needs))
        for name, needs in shape.items()
    ]
    agent = Agent(Graph(nodes, context="{{ observation }}"), model=Instant())
    emit = writer.emit if writer else None

    return lambda: agent.episode().act(CONTEXT, emit=emit)


def microseconds(step: Callable[[], Awaitable[Any]], nodes: int, repeat: int) -> float:
    """Median time of a node over several rounds of enough steps to be measured."""
    rounds = max(1, 2000 // nodes)

    async def timed() -> float:
        started = time.perf_counter()
        for _ in range(rounds):
            await step()
        return (time.perf_counter() - started) / rounds / nodes * 1e6

    asyncio.run(timed())
    return statistics.median(asyncio.run(timed()) for _ in range(repeat))


def milliseconds(sync: Callable[[], None], repeat: int) -> float:
    """Median time of one sync."""
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        sync()
        times.append((time.perf_counter() - started) * 1e3)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=7)
    repeat = parser.parse_args().repeat
    shapes = {
        "chain of 10": chain(10),
        "chain of 100": chain(100),
        "chain of 1000": chain(1000),
        "1 -> 100 -> 1": fan(100),
    }
    table = Table(title="microseconds a node (median)")
    for column in ("shape", "TaskGroup", "AgentKit, functions", "ratio", "prompts", "with events"):
        table.add_column(column, justify="left" if column == "shape" else "right")
    for label, shape in shapes.items():
        floor = microseconds(lambda shape=shape: by_hand(shape), len(shape), repeat)
        ours = microseconds(function_step(shape), len(shape), repeat)
        prompts = microseconds(prompt_step(shape, None), len(shape), repeat)
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "episodes").mkdir()
            writer = EpisodeWriter(Path(folder), 0)
            recorded = microseconds(prompt_step(shape, writer), len(shape), repeat)
            sync_ms = milliseconds(writer.sync, repeat)
            writer.close()
        cells = [f"{floor:.1f}", f"{ours:.1f}", f"{ours / floor:.2f}x", f"{prompts:.1f}"]
        table.add_row(label, *cells, f"{recorded:.1f}")
    console = Console(width=100)
    console.print(table)
    console.print(f"and {sync_ms:.1f} ms for each environment step, to wait for the disk (fsync)")


if __name__ == "__main__":
    main()
