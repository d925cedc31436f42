"""A thousand runs of a ten-node graph at once, in one process: speed and memory.

    python tests/bench/many_runs.py [--repeat 3] [--runs 1000] [--venvs FOLDER]

The ten nodes take 50 ms each, three in a row, so no run can take less than 150 ms. `runs/s` is
how many end in a second when all begin at once; `peak` is the most memory that this took above
what the process had with the graph built. `live run` is the memory of one run while all are alive:
each stands still with five of its nodes at work. Every measurement is a fresh process.
"""

from dataclasses import dataclass
from pathlib import Path
from statistics import median

from peers import venvs
from peers.processes import EngineFailed, options, running
from peers.shapes import MIDDLE, TEN
from rich.console import Console
from rich.table import Table

ENGINES = (
    venvs.FUNCTIONS,
    venvs.PROMPTS,
    venvs.EVENTS,
    venvs.SYNCED,
    venvs.TASKGROUP,
    venvs.HAMILTON,
    venvs.LANGGRAPH,
)


@dataclass(frozen=True)
class Figures:
    """What one engine needed, medians."""

    version: str
    runs_a_second: float
    peak_mb: float
    kb_a_run: float


def once(engine: venvs.Engine, runs: int, folder: Path) -> Figures:
    """Measure an engine once, speed and memory in processes of their own."""
    seconds = dict.fromkeys(TEN, 0.05)
    with running(engine, folder) as process:
        crowd = process.ask(measure="crowd", needs=TEN, seconds=seconds, runs=runs)
    with running(engine, folder) as process:
        alive = process.ask(measure="alive", needs=TEN, held=MIDDLE, runs=runs)
    version = process.version if engine.package else ""
    return Figures(version, runs / crowd["seconds"], crowd["peak_kb"] / 1024, alive["kb_per_run"])


def row(engine: venvs.Engine, given: list[Figures]) -> list[str]:
    """An engine's line of the table."""
    return [
        f"{engine.label} {given[0].version}".strip(),
        f"{median(each.runs_a_second for each in given):,.0f}",
        f"{median(each.peak_mb for each in given):.1f}",
        f"{median(each.kb_a_run for each in given):.1f}",
    ]


def main() -> None:
    parser = options(__doc__, repeat=3)
    parser.add_argument("--runs", type=int, default=1000, help="how many at once")
    chosen = parser.parse_args()
    figures: dict[venvs.Engine, list[Figures]] = {engine: [] for engine in ENGINES}
    failures: dict[venvs.Engine, str] = {}
    for _ in range(chosen.repeat):
        for engine in [engine for engine in ENGINES if engine not in failures]:
            try:
                figures[engine].append(once(engine, chosen.runs, chosen.venvs))
            except (venvs.NotInstalled, EngineFailed) as error:
                failures[engine] = str(error)
    table = Table(title=f"{chosen.runs:,} runs of a ten-node graph at once (medians)")
    for column in ("engine", "runs/s", "peak, MB", "live run, kB"):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for engine in ENGINES:
        done = engine not in failures
        table.add_row(*row(engine, figures[engine]) if done else (engine.label, "-", "-", "-"))
    console = Console(width=120)
    console.print(table)
    for engine, why in failures.items():
        console.print(f"{engine.label}: {why}", markup=False)


if __name__ == "__main__":
    main()
