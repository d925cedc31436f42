"""Filters of templates that work on text."""

import re
import textwrap
from collections.abc import Mapping
from typing import Any

from agentkit.errors import RenderError
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.filter_registry import new_table
from agentkit.templates.sandbox.operations import call_text_method, fill_slots
from agentkit.templates.sandbox.rendered_values import quoted_json

TEXT_FILTERS, _filter = new_table()


def _text_filter(name: str) -> None:
    def method(context: Bounds, value: Any, *args: Any) -> Any:
        return call_text_method(context, context.text(value), name, args, {})

    method.__name__ = name
    _filter(method)


for _name in ("capitalize", "lower", "upper"):
    _text_filter(_name)


@_filter
def trim(context: Bounds, value: Any, characters: str | None = None) -> Any:
    """Cut spaces, or the given characters, from both ends."""
    return call_text_method(context, context.text(value), "strip", (characters,), {})


@_filter
def center(context: Bounds, value: Any, width: int = 80) -> Any:
    """Put the text in the middle of a line of this width."""
    return call_text_method(context, context.text(value), "center", (width,), {})


@_filter
def replace(context: Bounds, value: Any, old: Any, new: Any, count: int | None = None) -> Any:
    """Write `new` for `old`, everywhere or `count` times."""
    args = (context.text(old), context.text(new), -1 if count is None else count)
    return call_text_method(context, context.text(value), "replace", args, {})


@_filter
def title(context: Bounds, value: Any) -> str:
    """Begin Every Word With A Capital."""
    text = context.text(value)
    context.charge(len(text))
    parts = re.split(r"([-\s({\[<]+)", text)
    return "".join(part[:1].upper() + part[1:].lower() for part in parts)


@_filter
def string(context: Bounds, value: Any) -> str:
    """Turn a value into the text a prompt shows."""
    return context.text(value)


@_filter
def format_(context: Bounds, value: str, *args: Any, **kwargs: Any) -> str:
    """Fill the `%s` slots of a text."""
    if args and kwargs:
        raise RenderError("format takes values in order or by name, not both.")
    return fill_slots(context, value, kwargs or args)


@_filter
def indent(
    context: Bounds, value: Any, width: int | str = 4, first: bool = False, blank: bool = False
) -> str:
    """Begin every line but the first with spaces or a given text."""
    text = context.text(value)
    context.charge(len(text) >> 3)
    lines = text.split("\n")
    length = len(width) if isinstance(width, str) else max(width, 0)
    context.charge_text(len(text) + length * len(lines))
    prefix = width if isinstance(width, str) else " " * width
    indented = [prefix + line if line or blank else line for line in lines]
    if not first:
        indented[0] = lines[0]
    return "\n".join(indented)


@_filter
def truncate(
    context: Bounds,
    value: Any,
    length: int = 255,
    killwords: bool = False,
    end: str = "...",
    leeway: int = 5,
) -> str:
    """Shorten a long text and end it with dots."""
    text = context.text(value)
    if length < len(end):
        raise RenderError(f"truncate needs a length of at least {len(end)}, not {length}.")
    if len(text) <= length + leeway:
        return text
    cut = text[: length - len(end)]
    return (cut if killwords else cut.rsplit(" ", 1)[0]) + end


@_filter
def wordwrap(
    context: Bounds,
    value: Any,
    width: int = 79,
    break_long_words: bool = True,
    wrapstring: str = "\n",
    break_on_hyphens: bool = True,
) -> str:
    """Break lines at this width."""
    text = context.text(value)
    if width < 1:
        raise RenderError(f"wordwrap needs a width of at least 1, not {width}.")
    longest = max(map(len, text.split()), default=0)
    # Breaking a long word copies the rest of it for every line.
    context.charge(4 * len(text) + (longest * longest // width >> 4))
    wrapped = [
        line
        for paragraph in text.splitlines()
        for line in textwrap.wrap(
            paragraph,
            width=width,
            expand_tabs=False,
            replace_whitespace=False,
            break_long_words=break_long_words,
            break_on_hyphens=break_on_hyphens,
        )
        or [""]
    ]
    context.charge_text(len(text) + len(wrapstring) * len(wrapped))
    return wrapstring.join(wrapped)


@_filter
def wordcount(context: Bounds, value: Any) -> int:
    """Count the words."""
    text = context.text(value)
    context.charge(len(text) >> 1)
    return len(re.findall(r"\w+", text))


def _indentation(value: Any, indent: int) -> int:
    """Spaces that JSON with an indent has in front of its lines."""
    total = 0
    depth = 0
    level = [value]
    while level:
        total += len(level) * depth * indent
        depth += 1
        deeper: list[Any] = []
        for part in level:
            if isinstance(part, Mapping):
                deeper.extend(part.values())
            elif isinstance(part, (list, tuple)):
                deeper.extend(part)
        level = deeper
    return total


@_filter
def tojson(context: Bounds, value: Any, indent: int | None = None) -> str:
    """Write a value as JSON."""
    context.weigh(value)
    if indent is not None:
        if not 0 <= indent <= 8:
            raise RenderError(f"tojson takes an indent from 0 to 8, not {indent}.")
        context.charge_text(_indentation(value, indent))
    return quoted_json(value, indent)
