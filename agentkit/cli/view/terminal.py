"""The way of every text to the terminal: none of them can steer it."""

import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from agentkit.errors import visible

if TYPE_CHECKING:
    from rich.text import Text

Row = Mapping[str, str]
"""The cells of a table's row, by their columns."""


def echo(text: str = "", *, err: bool = False, **style: Any) -> None:
    """Print a text on stdout or stderr.

    Args:
        text: What is printed, without what would steer the terminal.
        err: Whether it goes to stderr.
        style: How it looks on a terminal, as `click.style` has it.
    """
    click.secho(visible(text), err=err, **style)


def echo_pair(head: str, text: str, *, before: str = "", err: bool = False, **style: Any) -> None:
    """Print a text with a head of another look.

    Args:
        head: What the style belongs to.
        text: What follows.
        before: What stands before it.
        err: Whether it goes to stderr.
        style: How the head looks on a terminal, as `click.style` has it.
    """
    click.echo(f"{visible(before)}{click.style(visible(head), **style)}{visible(text)}", err=err)


def echo_facts(lines: Iterable[tuple[str, str]], width: int = 0, indent: int = 2) -> None:
    """Print labels with their values beside them.

    Args:
        lines: The labels and values.
        width: The columns of a label; 0: as many as the longest takes, and two more.
        indent: The spaces before each label.
    """
    lines = list(lines)
    width = width or max((len(label) for label, _ in lines), default=0) + 2
    for label, value in lines:
        if not value.startswith("agentkit "):  # a command is copied
            value = hanging(value, indent + width)
        echo_pair(f"{label:<{width}}", value, before=" " * indent, fg="cyan")


def echo_table(title: str, rows: Sequence[Row]) -> None:
    """Print a table whose first column is text and whose other columns are numbers.

    Args:
        title: What is above it.
        rows: The cells by column. The first row has every column; one that is empty in all rows
            is left out.
    """
    columns = {name: [row.get(name, "") for row in rows] for name in rows[0]} if rows else {}
    shown = [[name, *cells] for name, cells in columns.items() if any(cells)]
    widths = [max(map(len, cells)) for cells in shown]
    echo(f"\n{title}", bold=True)
    for number, (first, *others) in enumerate(zip(*shown, strict=True)):
        head = first.ljust(widths[0])
        rest = "".join(f"  {cell:>{width}}" for cell, width in zip(others, widths[1:], strict=True))
        if number == 0:
            echo(f"  {head}{rest}", dim=True)
        else:
            echo_pair(head, rest.rstrip(), before="  ", fg="cyan")


def hanging(text: str, indent: int) -> str:
    """Return a text whose lines, each but the first, begin after `indent` spaces.

    A terminal gets it broken between words; in a pipe, and of a long path, nothing is broken.
    """
    lines = text.split("\n")
    if sys.stdout.isatty():
        width = max(shutil.get_terminal_size().columns - indent, 20)
        wrap = textwrap.TextWrapper(width, break_long_words=False, break_on_hyphens=False).wrap
        lines = [part for line in lines for part in wrap(line) or [""]]
    return f"\n{' ' * indent}".join(lines)


def read_line(prompt: str) -> str:
    """A line that the user types, or the next one of a pipe, which is shown as if typed.

    Raises:
        EOFError: There is no more.
    """
    typed = sys.stdin.isatty()
    if typed and find_spec("readline"):
        import readline  # noqa: F401  # lets `input` bring earlier lines back
    line = input(visible(prompt))
    if not typed:
        echo(line)
    return line


def rich_text(text: str, style: str = "", **options: Any) -> "Text":
    """A text as rich draws it, without what would steer the terminal."""
    from rich.text import Text

    return Text(visible(text), style, **options)
