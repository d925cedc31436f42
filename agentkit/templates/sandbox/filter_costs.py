"""Filters whose cost the weight of their arguments does not tell, and those that are our own.

`center(10**9)` is short and costs much, so it pays first. Prompts are plain text with JSON in it,
so `join`, `replace` and a few others are not Jinja's.
"""

import math
from collections.abc import Callable, Mapping
from typing import Any

from jinja2.filters import FILTERS
from jinja2.utils import pass_context

from agentkit.errors import RenderError
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.operations import NUMBER_BITS, fill_slots, price_of_replacing
from agentkit.templates.sandbox.rendered_values import kind_of, quoted_json, shown, weight_of

Table = dict[str, Callable[..., Any]]

_MOST_DECIMALS = 100
_UNGIVEN: Any = object()


# Filters that do for a prompt what Jinja's do for a web page.


@pass_context
def _format(context: Bounds, text: str, *args: Any, **kwargs: Any) -> str:
    if args and kwargs:
        raise RenderError("format takes values in order or by name, not both.")
    return fill_slots(context, text, kwargs or args)


@pass_context
def _replace(context: Bounds, text: str, old: Any, new: Any, count: int | None = None) -> str:
    old, new, most = context.text(old), context.text(new), -1 if count is None else count
    context.charge_text(price_of_replacing(text, old, new, most))
    return text.replace(old, new, most)


@pass_context
def _join(context: Bounds, items: list[Any], d: Any = "", attribute: Any = None) -> str:
    if attribute is not None:
        items = FILTERS["map"](context, items, attribute=attribute)
    parts = [context.text(item) for item in items]
    between = context.text(d)
    context.charge_text(len(between) * len(parts))
    return between.join(parts)


@pass_context
def _unique(
    context: Bounds, items: list[Any], case_sensitive: bool = False, attribute: Any = None
) -> list[Any]:
    """Compare as JSON: lists can be compared too, and numbers made to collide take no longer."""
    keys = items if attribute is None else FILTERS["map"](context, items, attribute=attribute)
    kept: dict[str, Any] = {}
    for item, key in zip(items, keys, strict=True):
        folded = key.lower() if isinstance(key, str) and not case_sensitive else key
        kept.setdefault(quoted_json(folded), item)
    return list(kept.values())


@pass_context
def _unique_by(context: Bounds, items: list[Any], field: Any = None) -> list[Any]:
    """Keep the last item of each value of a field, so that what is new replaces what is old."""
    if not isinstance(field, str):
        raise RenderError(f"unique_by needs the name of a field, but this is {kind_of(field)}.")
    return _unique(context, items[::-1], attribute=field)[::-1]


@pass_context
def _tojson(context: Bounds, value: Any, indent: int | None = None) -> str:
    if indent is not None:
        if not 0 <= indent <= 8:
            raise RenderError(f"tojson takes an indent from 0 to 8, not {indent}.")
        context.charge_text(_indentation(value, indent))
    return quoted_json(value, indent)


def _indentation(value: Any, indent: int) -> int:
    """Return the spaces that JSON with an indent has in front of its lines."""
    total, depth, level = 0, 0, [value]
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


def _reading(name: str, what: str) -> Callable[..., Any]:
    def read(value: Any, default: Any = _UNGIVEN, *base: int, **named: int) -> Any:
        """Read a number; without a default, other text is an error."""
        try:
            number = FILTERS[name](value, _UNGIVEN, *base, **named)
        except OverflowError:
            number = _UNGIVEN
        if number is _UNGIVEN or (isinstance(number, float) and not math.isfinite(number)):
            if default is _UNGIVEN:
                raise RenderError(f"{name} cannot read {what} from {shown(value)}.")
            return default
        return number

    return read


OWN_FILTERS: Table = {
    "format": _format,
    "replace": _replace,
    "join": _join,
    "unique": _unique,
    "unique_by": _unique_by,
    "tojson": _tojson,
    "int": _reading("int", "a whole number"),
    "float": _reading("float", "a number"),
}
"""Filters that stand in for Jinja's."""


# Checks, with the arguments of their filter: they pay for what the weight does not show.


def whole(number: Any, least: int | None = None) -> int:
    """Return a whole number that is not less than `least`, or raise ValueError."""
    if not isinstance(number, int):
        raise ValueError(f"a whole number is needed here, but this is {kind_of(number)}.")
    if number.bit_length() > NUMBER_BITS:
        raise ValueError("the number is too large.")
    if least is not None and number < least:
        raise ValueError(f"a number of at least {least} is needed here, not {number}.")
    return number


def _indent(context: Bounds, text: str, width: Any = 4, *_: Any, **__: Any) -> None:
    context.charge(len(text) >> 1)
    length = len(width) if isinstance(width, str) else whole(width)
    context.charge_text(len(text) + max(length, 0) * (len(text.splitlines()) + 1))


def _wordwrap(
    context: Bounds, text: str, width: int = 79, _: bool = True, wrapstring: str = "\n", **__: Any
) -> None:
    context.charge(4 * len(text))
    lines = 2 * len(text) // whole(width, 1) + len(text.splitlines())
    longest = max(map(len, text.split()), default=0)
    context.charge(longest * longest // width >> 4)  # each line copies the rest of a long word
    context.charge_text(lines * len(wrapstring))


def _sorting(context: Bounds, items: Any, *_: Any, **__: Any) -> None:
    context.charge(weight_of(items, context.work) * len(items).bit_length())


def _center(context: Bounds, text: str, width: int = 80) -> None:
    context.charge_text(whole(width))


def _trim(context: Bounds, text: str, chars: str | None = None) -> None:
    context.charge_text(len(text) * len(chars or " "))


def _batch(context: Bounds, items: Any, linecount: int, fill_with: Any = None) -> None:
    size = whole(linecount, 1)
    context.charge(0 if fill_with is None else size)


def _slice(context: Bounds, items: Any, slices: int, fill_with: Any = None) -> None:
    context.charge(whole(slices, 1))


def _round(context: Bounds, number: Any, precision: int = 0, method: str = "common") -> None:
    if not -_MOST_DECIMALS <= whole(precision) <= _MOST_DECIMALS:
        raise RenderError(f"round takes at most {_MOST_DECIMALS} decimals, not {precision}.")


def _sum(context: Bounds, items: Any, attribute: Any = None, start: Any = 0) -> None:
    if not isinstance(start, (int, float)):
        raise RenderError(f"sum starts from a number, not from {kind_of(start)}.")


def _reverse(context: Bounds, value: Any) -> None:
    context.charge_text(len(value) if isinstance(value, str) else len(value) << 4)


def _all_of(context: Bounds, value: Any, *_: Any, **__: Any) -> None:
    context.weigh(value)


CHECKS: Table = {
    "center": _center,
    "indent": _indent,
    "wordwrap": _wordwrap,
    "trim": _trim,
    "title": lambda context, text: context.charge(len(text)),
    "wordcount": lambda context, text: context.charge(len(text) >> 1),
    "batch": _batch,
    "slice": _slice,
    "round": _round,
    "sum": _sum,
    "reverse": _reverse,
    "items": lambda context, value: context.charge(len(value)),
    **dict.fromkeys(("dictsort", "groupby", "sort"), _sorting),
    **dict.fromkeys(("max", "min", "unique", "unique_by"), _all_of),
}
"""What a filter pays before it works, by name; a check has the arguments of its filter."""
