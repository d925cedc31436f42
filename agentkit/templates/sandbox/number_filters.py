"""Filters of templates that work on numbers."""

import math
from typing import Any

from agentkit.errors import RenderError
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.filter_registry import UNGIVEN, new_table, reader_of
from agentkit.templates.sandbox.operations import compute
from agentkit.templates.sandbox.rendered_values import kind_of

NUMBER_FILTERS, _filter = new_table()

_MOST_DECIMALS = 100


@_filter
def abs_(context: Bounds, value: Any) -> Any:
    """Drop the sign."""
    return abs(number_of(value))


def number_of(value: Any) -> Any:
    """The value, when it is a number."""
    if isinstance(value, (int, float)):
        return value
    raise RenderError(f"a number is needed here, but this is {kind_of(value)}.")


@_filter
def round_(context: Bounds, value: Any, precision: int = 0, method: str = "common") -> Any:
    """Round to some decimals."""
    if not -_MOST_DECIMALS <= precision <= _MOST_DECIMALS:
        raise RenderError(f"round takes at most {_MOST_DECIMALS} decimals, not {precision}.")
    if method not in ("common", "ceil", "floor"):
        raise RenderError(f"round knows 'common', 'ceil' and 'floor', not '{method}'.")
    number = number_of(value)
    if method == "common":
        return round(number, precision)
    move = math.ceil if method == "ceil" else math.floor
    return move(number * 10**precision) / 10**precision


@_filter
def int_(context: Bounds, value: Any, default: Any = UNGIVEN, base: int = 10) -> Any:
    """Read a whole number; without a default, other text is an error."""
    context.weigh(value)
    try:
        return int(value, base) if isinstance(value, str) else int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        if default is UNGIVEN:
            raise RenderError(f"int cannot read a whole number from {_shown(value)}.") from None
        return default


@_filter
def float_(context: Bounds, value: Any, default: Any = UNGIVEN) -> Any:
    """Read a number; without a default, other text is an error."""
    context.weigh(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if math.isfinite(number):
        return number
    if default is UNGIVEN:
        raise RenderError(f"float cannot read a number from {_shown(value)}.")
    return default


def _shown(value: Any) -> str:
    return f"'{value[:40]}'" if isinstance(value, str) else kind_of(value)


@_filter
def sum_(context: Bounds, value: Any, attribute: Any = None, start: Any = 0) -> Any:
    """Add numbers up."""
    read = reader_of(attribute)
    total = number_of(start)
    for item in context.items_of(value):
        total = compute(context, "+", total, number_of(read(item)))
    return total
