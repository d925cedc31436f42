"""How objects show themselves in a console or notebook: short, and nothing in them is markup.

What they hold comes from models, environments and files: it is truncated and escaped.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import islice
from reprlib import Repr
from typing import Any, Final

from agentkit.errors import visible

MAX_NAMES: Final = 8
"""How many names a line lists."""
MAX_ROWS: Final = 100
"""How many rows a table has."""
MAX_CELL: Final = 600
"""How many characters a cell has."""


def short(value: Any, limit: int = 40) -> str:
    """Return the `repr` of a value in one line of about `limit` characters."""
    text = visible(_repr(limit).repr(value)).replace("\n", " ")
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def html_table(caption: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return a table as HTML: texts as they are, other values by their `repr`.

    Args:
        caption: What stands above it.
        head: Names of the columns.
        rows: The rows; those after the first 100 are left out, and said to be.
    """
    every = iter(rows)
    body = "".join(_row("td", row) for row in islice(every, MAX_ROWS))
    rest = sum(1 for _ in every)
    more = f'<tr><td colspan="{len(head)}">{rest} more rows</td></tr>' if rest else ""
    above = f"<caption>{_cell(caption)}</caption>"
    return f"<table>{above}<thead>{_row('th', head)}</thead><tbody>{body}{more}</tbody></table>"


def _row(tag: str, cells: Sequence[Any]) -> str:
    style = ' style="text-align:left;white-space:pre-wrap"'
    return "<tr>" + "".join(f"<{tag}{style}>{_cell(cell)}</{tag}>" for cell in cells) + "</tr>"


def _cell(value: Any) -> str:
    text = value[: MAX_CELL + 1] if isinstance(value, str) else _repr(MAX_CELL).repr(value)
    return escape(visible(text if len(text) <= MAX_CELL else f"{text[: MAX_CELL - 3]}..."))


def _repr(limit: int) -> Repr:
    """What gives a `repr` without looking at more of a value than is shown."""
    sizes = Repr()
    sizes.maxlevel = 4
    sizes.maxstring = sizes.maxother = sizes.maxlong = limit
    sizes.maxdict = sizes.maxlist = sizes.maxtuple = sizes.maxset = 12
    return sizes


def dollars(cost_usd: float | None) -> str:
    """Return a cost in US dollars in words."""
    return "unknown cost" if cost_usd is None else f"${cost_usd:.4f}"
