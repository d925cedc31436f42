"""What an engine costs a node, beside the model's own time: ours, two floors and the peers.

    python tests/bench/overhead.py [--repeat 7] [--venvs FOLDER]

Nodes do nothing, so what is measured is the engine. Each engine runs in a process of its own, the
peers in virtual environments that are made on the first use, and all are asked in turn. Times are
the processor's, so that other programs disturb them less. Two more rows show full prompt nodes:
rendered, asked of a model that answers at once, parsed, and with every event written to a file.
"""

import tempfile
import time
from pathlib import Path
from statistics import median

from peers import venvs
from peers.processes import Answers, Field, options, reasons
from peers.shapes import chain, fan
from rich.console import Console
from rich.table import Table

from agentkit.record.writer import EpisodeWriter

SHAPES = {
    "chain of 10": chain(10),
    "chain of 100": chain(100),
    "chain of 1000": chain(1000),
    "1 -> 100 -> 1": fan(100),
}
ENGINES = (
    venvs.FUNCTIONS,
    venvs.INLINE,
    venvs.TASKGROUP,
    venvs.DSPY,
    venvs.AGENTKIT_LLM,
    venvs.HAMILTON,
    venvs.PYDANTIC_GRAPH,
    venvs.LANGGRAPH,
    venvs.AGENT_FRAMEWORK,
    venvs.PROMPTS,
    venvs.EVENTS,
)
NODES_A_ROUND = 2000


def cell(answers: Answers, engine: venvs.Engine, nodes: int) -> str:
    """Microseconds a node, and the ratio to ours."""
    if engine in answers.failures:
        return "-"
    own = answers.medians.get(venvs.FUNCTIONS)
    seconds = answers.medians[engine]["cpu_seconds"]
    ratio = f" {seconds / own['cpu_seconds']:6.1f}x" if own else ""
    return f"{seconds / nodes * 1e6:.1f}{ratio}"


def fsync_ms(repeat: int) -> float:
    """Median time of waiting for the disk, which a run does once for each environment step."""
    times = []
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "episodes").mkdir()
        writer = EpisodeWriter(Path(folder), 0)
        for _ in range(repeat):
            started = time.perf_counter()
            writer.sync()
            times.append((time.perf_counter() - started) * 1e3)
        writer.close()
    return median(times)


def main() -> None:
    chosen = options(__doc__, repeat=7).parse_args()
    table = Table(title="microseconds a node (median), and times ours")
    table.add_column("engine")
    for label in SHAPES:
        table.add_column(label, justify="right")
    with Field(ENGINES, chosen.venvs) as field:
        columns = {}
        for label, shape in SHAPES.items():
            rounds = max(1, NODES_A_ROUND // len(shape))
            columns[label] = field.ask(
                chosen.repeat, measure="step", needs=shape, seconds={}, rounds=rounds
            )
        for engine in ENGINES:
            cells = [cell(columns[label], engine, len(shape)) for label, shape in SHAPES.items()]
            table.add_row(field.label(engine), *cells)
    console = Console(width=120)
    console.print(table)
    for reason in reasons(columns):
        console.print(reason, markup=False)
    console.print(f"Each environment step also waits for the disk: {fsync_ms(25):.1f} ms (fsync)")


if __name__ == "__main__":
    main()
