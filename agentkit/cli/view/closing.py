"""Print the end of a run: answers, errors and the summary, for a terminal or a pipe."""

import re
import sys
from collections.abc import Mapping
from typing import Any, Final

import click

from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.summary import Facts
from agentkit.cli.view.terminal import echo, rich_text
from agentkit.values import json_text

_STYLES: Mapping[str, str] = {
    "done": "green",
    "limit": "yellow",
    "failed": "red",
    "interrupted": "yellow",
}
"""The colour of each way to end."""
_CONTROL: Final = re.compile("[\x7f-\x9f]")
"""Control characters that JSON does not escape by itself."""


def show_answers(run_view: RunView, console: Any = None) -> None:
    """The answer of every node, for an agent that plays no environment."""
    for episode in run_view.episodes.values():
        if episode.summary.seed is not None:
            continue
        for name, value in episode.values.items():
            show_answer(name, value, console)


def show_answer(name: str, value: Any, console: Any = None) -> None:
    """One node's answer."""
    text = value if isinstance(value, str) else _indented(value)
    if console is None and not sys.stdout.isatty():
        echo(f"--- {name} ---\n{text}\n")
        return
    from rich.panel import Panel

    panel = Panel(rich_text(text), title=rich_text(name, "bold"), title_align="left")
    _console(console).print(panel)


def _indented(value: Any) -> str:
    text = json_text(value)
    return text if len(text) <= 80 else json_line(value)


def show_failures(run_view: RunView) -> None:
    """What went wrong, on stderr."""
    for index in sorted(run_view.episodes):
        episode = run_view.episodes[index]
        if episode.summary.status != "failed":
            continue
        echo(f"episode {index} failed: {episode.summary.reason}", err=True)


def print_json(value: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    import orjson

    options = orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    text = orjson.dumps(value, default=str, option=options).decode()
    click.echo(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def json_line(value: Any) -> str:
    """A value as JSON, indented."""
    import json

    return json.dumps(value, ensure_ascii=False, indent=2)


def show_facts(headline: str, lines: Facts, status: str, console: Any = None) -> None:
    """The summary."""
    if console is None and not sys.stdout.isatty():
        width = max(len(label) for label, _ in lines)
        echo(headline)
        for label, value in lines:
            echo(f"  {label:<{width}}  {value}")
        return
    from rich import box
    from rich.panel import Panel
    from rich.table import Table

    style = _STYLES[status]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(ratio=1, overflow="fold")
    for label, value in lines:
        table.add_row(rich_text(label), rich_text(value))
    title = rich_text(headline, f"bold {style}")
    _console(console).print(
        Panel(table, title=title, title_align="left", box=box.ROUNDED, border_style=style)
    )


def _console(console: Any) -> Any:
    if console is not None:
        return console
    from rich.console import Console

    return Console()
