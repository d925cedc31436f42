"""MiniWoB++: our environment beside a bare Playwright loop and BrowserGym's own loop.

    python tests/bench/browser_speed.py [--repeat 5]

Ten tasks are begun; the mouse is moved over an element of each, and then clicks it. A reset is
everything until the goal and the page are known, on a browser that runs already; a step is the
click and everything until the page and the reward are known; an episode is all three. Each loop has
a process and a browser of its own, and all of them play a task before any plays it again.
BrowserGym waits on purpose, so that slow pages are ready.
"""

import os
import statistics
from collections.abc import Mapping, Sequence

from agentkit_envs.browser.chromium import find_chromium
from agentkit_envs.miniwob.page_server import PageServer, pages_folder
from peers import venvs
from peers.processes import Answers, Field, options, reasons
from rich.console import Console
from rich.table import Table

ENGINES = (
    venvs.PLAYWRIGHT_DOM,
    venvs.PLAYWRIGHT_SNAPSHOT,
    venvs.OUR_MINIWOB,
    venvs.BROWSERGYM,
)
TASKS: Mapping[str, tuple[str, str]] = {
    "click-test": ("#subbtn", "button"),
    "click-button": ("#area button", "button"),
    "click-checkboxes": ("#area input", "checkbox"),
    "click-link": ("#area .alink", "button"),
    "choose-list": ("#area button", "button"),
    "email-inbox-delete": ("#area .trash", "button"),
    "enter-text": ("#tt", "textbox"),
    "search-engine": ("#search-text", "textbox"),
    "social-media": ("#area .reply", "button"),
    "use-autocomplete": ("#tags", "textbox"),
}
"""Of each task the element to click: a CSS selector, and its role in our observation."""
NUMBERS = {"reset_ms": "reset, ms", "step_ms": "step, ms", "episode_ms": "episode, ms"}


def typical(columns: Sequence[Answers], engine: venvs.Engine, number: str) -> float | None:
    """The median over the tasks; None if it did not play them all."""
    if any(engine not in column.medians for column in columns):
        return None
    return float(statistics.median(column.medians[engine][number] for column in columns))


def table(field: Field, columns: Sequence[Answers]) -> Table:
    """Milliseconds of each loop, and how many times the first one's."""
    shown = Table(title=f"MiniWoB++, median of {len(TASKS)} tasks")
    shown.add_column("loop")
    for heading in NUMBERS.values():
        shown.add_column(heading, justify="right")
        shown.add_column("times", justify="right")
    for engine in ENGINES:
        cells = [cell for number in NUMBERS for cell in both(columns, engine, number)]
        shown.add_row(field.label(engine), *cells)
    return shown


def both(columns: Sequence[Answers], engine: venvs.Engine, number: str) -> tuple[str, str]:
    """A time, and how many times the first loop's it is."""
    time, first = typical(columns, engine, number), typical(columns, ENGINES[0], number)
    if time is None or first is None:
        return "-", "-"
    return f"{time:,.0f}", f"{time / first:.2f}"


def main() -> None:
    """Measure every loop in turn, and print the table."""
    chosen = options(__doc__, repeat=5).parse_args()
    console = Console(width=120)
    server = PageServer(pages_folder())
    os.environ["MINIWOB_URL"] = f"{server.origin}/miniwob/"
    os.environ["BENCH_CHROMIUM"] = str(find_chromium())
    columns: dict[str, Answers] = {}
    try:
        with Field(ENGINES, chosen.venvs) as field:
            for task, (css, role) in TASKS.items():
                field.ask(1, task=task, seed=1, css=css, role=role)  # files and caches get warm
                columns[task] = field.ask(chosen.repeat, task=task, seed=1, css=css, role=role)
            console.print(table(field, list(columns.values())))
    finally:
        server.close()
    for line in reasons(columns):
        console.print(line)


if __name__ == "__main__":
    main()
