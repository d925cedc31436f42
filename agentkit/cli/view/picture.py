"""A picture of a run as its terminal showed it, for the README."""

import io
import re
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.terminal_theme import MONOKAI

from agentkit.cli.view.frame import facts_grid, frame
from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.summary import Facts
from agentkit.cli.view.terminal import rich_text
from agentkit.cli.view.words import colour
from agentkit.errors import InputError

_WIDTH: Final = 100
_FONT: Final = re.compile(r"@font-face \{[^}]*\}\s*")
"""What would fetch a font from the web; any monospace font of the reader does as well."""


def save_picture(
    path: Path,
    command: str,
    title: str,
    run_view: RunView,
    headline: str,
    lines: Facts,
    status: str,
) -> None:
    """Write the last live frame and the summary as an SVG, 100 columns wide.

    Raises:
        InputError: The file cannot be written.
    """
    console = Console(
        record=True,
        width=_WIDTH,
        file=io.StringIO(),
        force_terminal=True,
        color_system="truecolor",
        legacy_windows=False,
    )
    console.print(frame(run_view, title, 100))
    console.print(rich_text(headline, f"bold {colour(status)}"))
    grid = facts_grid((label, rich_text(value)) for label, value in lines)
    console.print(Padding(grid, (0, 0, 0, 2)))
    svg = console.export_svg(title=command, theme=MONOKAI, unique_id="run")
    svg = _FONT.sub("", svg)
    try:
        path.write_text(svg, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
