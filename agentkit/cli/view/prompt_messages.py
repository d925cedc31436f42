"""Messages and values as plain text with a little colour; pipes get the text alone."""

from typing import Any, Final

from agentkit.cli.view.terminal import echo, echo_pair
from agentkit.values import json_text

_COLOURS: Final = {"system": "magenta", "user": "cyan", "assistant": "green"}


def show_message(role: str, content: str, images: int = 0) -> None:
    """One message under a line with its role."""
    pictures = f" ({images} picture{'s' if images > 1 else ''})" if images else ""
    echo(f"--- {role}{pictures}", fg=_COLOURS.get(role), bold=True)
    echo(content)


def show_pair(label: str, value: Any, indent: int = 2) -> None:
    """A label (`plan =` or `reward`) and a value, below it when the value has several lines."""
    text = json_text(value)
    label = label if label.endswith("=") else f"{label}:"
    space = " " * indent
    if "\n" not in text:
        echo_pair(label, f" {text}", before=space, fg="cyan")
        return
    echo_pair(label, "", before=space, fg="cyan")
    for line in text.split("\n"):
        echo(f"{space}  {line}")
