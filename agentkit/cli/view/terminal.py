"""The way of every text to the terminal: none of them can steer it."""

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

from agentkit.errors import visible

if TYPE_CHECKING:
    from rich.text import Text


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
