"""Tables for a terminal or a pipe, with the same cells."""

import sys
from collections.abc import Sequence
from typing import Any

from agentkit.cli.view.terminal import echo, rich_text

Row = Sequence[str]


def show_table(title: str, headers: Row, rows: Sequence[Row], console: Any = None) -> None:
    """A table whose first column is text and whose other columns are numbers.

    Columns without any content are left out.

    Args:
        title: What stands above it.
        headers: The names of the columns.
        rows: The cells.
        console: Where to draw; by default stdout, as plain text when that is no terminal.
    """
    kept = [i for i in range(len(headers)) if i == 0 or any(row[i] for row in rows)]
    headers = [headers[i] for i in kept]
    rows = [[row[i] for i in kept] for row in rows]
    if console is None and not sys.stdout.isatty():
        _plain(title, headers, rows)
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1))
    for place, header in enumerate(headers):
        style, justify = ("cyan", "left") if place == 0 else ("", "right")
        table.add_column(header, style=style, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        table.add_row(*map(rich_text, row))
    console = console or Console()
    console.print(rich_text(f"\n{title}", "bold"))
    console.print(table)


def _plain(title: str, headers: Row, rows: Sequence[Row]) -> None:
    widths = [max(len(row[i]) for row in (headers, *rows)) for i in range(len(headers))]
    echo(f"\n{title}")
    for row in (headers, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        echo(f"  {'  '.join(cells)}".rstrip())
