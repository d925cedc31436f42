"""How filters and tests are collected in tables, and how they read attributes of items."""

from collections.abc import Callable
from typing import Any, TypeVar

from jinja2.utils import pass_context

from agentkit.templates.sandbox.lookup import read_key, read_name

UNGIVEN: Any = object()
"""Stands for an argument that was not given, where null is a value."""

F = TypeVar("F", bound=Callable[..., Any])
Table = dict[str, Callable[..., Any]]


def new_table() -> tuple[Table, Callable[[F], F]]:
    """An empty table, and a decorator that puts a function into it under its name.

    Every function gets the bounds of the render as its first argument. A trailing underscore
    keeps a name apart from Python's own and is dropped.
    """
    table: Table = {}

    def add(function: F) -> F:
        table[function.__name__.strip("_")] = pass_context(function)
        return function

    return table, add


def reader_of(attribute: Any) -> Callable[[Any], Any]:
    """A function that reads `attribute`, such as "city" or "address.city", of an item."""
    if attribute is None:
        return lambda item: item
    parts = attribute.split(".") if isinstance(attribute, str) else [attribute]

    def read(item: Any) -> Any:
        for part in parts:
            if isinstance(part, str) and not part.isdecimal():
                item = read_name(item, part)
            else:
                item = read_key(item, part if isinstance(item, dict) else int(part))
        return item

    return read
