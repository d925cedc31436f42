"""What watching costs a node: nothing on, OpenTelemetry's API loaded, spans made, a log written.

    python tests/bench/observing.py [--repeat 5]

A chain of 100 nodes, each mode in a process of its own, the modes in turn; processor time, the
least of all rounds. Spans go to an exporter that drops them, lines to a file.
"""

import argparse
import asyncio
import importlib
import logging
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from agentkit import Agent, Graph, Node

MODES = {
    "off": "nothing",
    "api": "OpenTelemetry loaded, not set up",
    "spans": "spans made",
    "log": "log written",
}
NODES, STEPS, ROUNDS = 100, 5, 20


def set_up(mode: str, folder: Path) -> None:
    if mode == "api":
        importlib.import_module("opentelemetry.trace")
    elif mode == "spans":
        from opentelemetry import trace
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        exporter = InMemorySpanExporter()
        exporter.shutdown()  # from now on it drops what it gets
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
    elif mode == "log":
        logger = logging.getLogger("agentkit")
        logger.addHandler(logging.FileHandler(folder / "log.txt"))
        logger.setLevel(logging.DEBUG)


async def nothing() -> int:
    return 1


async def measure(kind: str) -> float:
    """The least seconds a node, over all rounds."""
    given = {"function": nothing} if kind == "function" else {"prompt": "Go on"}
    nodes = [Node(f"n{i}", **given, after=[f"n{i - 1}"] if i else []) for i in range(NODES)]
    agent, least = Agent(Graph(nodes), model="echo"), float("inf")
    for _ in range(ROUNDS):
        episode = agent.episode()
        started = time.process_time()
        for _ in range(STEPS):
            await episode.act()
        least = min(least, (time.process_time() - started) / STEPS / NODES)
    return least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--mode", choices=MODES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.mode:
        with tempfile.TemporaryDirectory() as folder:
            set_up(options.mode, Path(folder))
            print(*(asyncio.run(measure(kind)) for kind in ("function", "prompt")))
        return
    found: dict[str, list[list[float]]] = {mode: [] for mode in MODES}
    for _ in range(options.repeat):
        for mode, times in found.items():
            command = [sys.executable, __file__, "--mode", mode]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            times.append([float(word) for word in done.stdout.split()])
    table = Table(title="microseconds a node (least)")
    for column in ("", "function node", "prompt node"):
        table.add_column(column, justify="left" if not column else "right")
    for mode, label in MODES.items():
        functions, prompts = (min(times) for times in zip(*found[mode], strict=True))
        table.add_row(label, f"{functions * 1e6:.1f}", f"{prompts * 1e6:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
