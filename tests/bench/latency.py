"""Does anything wait that could run? Two graphs whose best possible time is 150 ms.

    python tests/bench/latency.py [--repeat 9] [--venvs FOLDER]

Ten nodes of 50 ms, four, five and one, so three in a row. And two chains that join: 10 ms then
140 ms, beside 140 ms then 10 ms; an engine that waits for a whole level before the next one takes
280 ms there.
"""

from peers import venvs
from peers.processes import Answers, Field, options, reasons
from peers.shapes import SKEWED, SKEWED_SECONDS, TEN
from rich.console import Console
from rich.table import Table

BEST_MS = 150
GRAPHS = {
    "ten nodes": (TEN, dict.fromkeys(TEN, 0.05)),
    "skewed chains": (SKEWED, SKEWED_SECONDS),
}
ENGINES = (
    venvs.FUNCTIONS,
    venvs.EVENTS,
    venvs.TASKGROUP,
    venvs.HAMILTON,
    venvs.PYDANTIC_GRAPH,
    venvs.LANGGRAPH,
    venvs.AGENT_FRAMEWORK,
    venvs.AGENTKIT_LLM,
)


def cell(answers: Answers, engine: venvs.Engine) -> str:
    """Milliseconds, and how many times the best possible."""
    if engine in answers.failures:
        return "-"
    took_ms = answers.medians[engine]["seconds"] * 1e3
    return f"{took_ms:.1f} {took_ms / BEST_MS:6.3f}x"


def main() -> None:
    chosen = options(__doc__, repeat=9).parse_args()
    table = Table(title=f"milliseconds (median), and times the best possible {BEST_MS}")
    table.add_column("engine")
    for label in GRAPHS:
        table.add_column(label, justify="right")
    with Field(ENGINES, chosen.venvs) as field:
        columns = {
            label: field.ask(chosen.repeat, measure="step", needs=needs, seconds=seconds, rounds=1)
            for label, (needs, seconds) in GRAPHS.items()
        }
        for engine in ENGINES:
            table.add_row(field.label(engine), *(cell(a, engine) for a in columns.values()))
    console = Console(width=120)
    console.print(table)
    for reason in reasons(columns):
        console.print(reason, markup=False)


if __name__ == "__main__":
    main()
