"""The context of one render: everything that can take long or grow large is paid for first."""

from collections.abc import Iterable, Sized
from itertools import islice
from typing import Any

from jinja2 import Environment
from jinja2.runtime import Context

from agentkit.errors import RenderError
from agentkit.templates.sandbox.lookup import present
from agentkit.templates.sandbox.rendered_values import kind_of, text_of, weight_of

WORK_LIMIT = 1_000_000
"""Units of work a render may take: an item visited, a part of a loop's body, 16 characters."""
TEXT_LIMIT = 1_000_000
"""Characters a render may write."""


class Bounds(Context):
    """What one render may read, and what it may still spend."""

    def __init__(self, environment: Environment, values: dict[str, Any]) -> None:
        super().__init__(environment, values, None, {})
        self.work = WORK_LIMIT
        self.room = TEXT_LIMIT

    def charge(self, amount: int) -> None:
        """Pay for work before it is done."""
        self.work -= amount
        if self.work < 0:
            raise RenderError("it takes too much work: its loops or its texts are too long.")

    def charge_text(self, length: int) -> None:
        """Pay for making or searching a text of this length."""
        self.charge((length >> 4) + 1)

    def weigh(self, value: Any) -> Any:
        """Pay for going through a value, and return it."""
        if value.__class__ is str:
            self.work -= (len(value) >> 4) + 1
        else:
            present(value)
            self.work -= weight_of(value, self.work)
        if self.work < 0:
            self.charge(0)
        return value

    def text(self, value: Any) -> str:
        """Return a value as text, paid for."""
        self.weigh(value)
        return value if value.__class__ is str else text_of(value)

    def items_of(self, value: Any, weight: int = 1) -> list[Any]:
        """Return the items of a list or the keys of a mapping, each paid for with `weight`."""
        present(value)
        if isinstance(value, Sized) and isinstance(value, Iterable):
            self.charge(len(value) * weight)
            return list(value)
        if not isinstance(value, Iterable):
            raise RenderError(f"a list is needed here, but this is {kind_of(value)}.")
        items = list(islice(value, self.work // weight + 1))
        self.charge(len(items) * weight)
        return items

    def write(self, value: Any) -> str:
        """Return a value that is not text as text for the output, paid for."""
        text = text_of(value if value.__class__ is int else self.weigh(value))
        self.room -= len(text)
        if self.room < 0:
            raise RenderError(_TOO_LONG)
        return text


_TOO_LONG = f"it writes more than {TEXT_LIMIT:,} characters."


def joined(parts: list[str]) -> str:
    """Return what was written as one text, unless it is too long."""
    if sum(map(len, parts)) > TEXT_LIMIT:
        raise RenderError(_TOO_LONG)
    return "".join(parts)
