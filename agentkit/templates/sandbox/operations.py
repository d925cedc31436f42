"""The operators and methods that a template may use, each with its price."""

import operator
import re
from collections.abc import Callable, ItemsView, KeysView, Mapping, ValuesView
from types import BuiltinMethodType, MethodType
from typing import Any

from jinja2.runtime import LoopContext

from agentkit.errors import RenderError
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.lookup import (
    FLOAT_METHODS,
    LIST_METHODS,
    LOOP_METHODS,
    MAPPING_METHODS,
    TEXT_METHODS,
    present,
)
from agentkit.templates.sandbox.rendered_values import kind_of

NUMBER_BITS = 4_096
"""Size of the largest whole number that may be computed."""
WIDEST_SLOT = 1_000
"""Largest width in a text that `%` or `format` fills."""


def counted_range(*arguments: int) -> range:
    """The `range` of templates; `call` pays for its length."""
    return range(*arguments)


def call_allowed(
    bounds: Bounds, function: Any, /, *args: Any, _loop_vars: Any = None, **kwargs: Any
) -> Any:
    """Call one of the few functions that templates may call."""
    present(function)
    if function is counted_range:
        for given in (*args, *kwargs.values()):
            present(given)
        numbers = range(*args, **kwargs)
        bounds.charge(len(numbers))
        return list(numbers)
    name = getattr(function, "__name__", type(function).__name__)
    if isinstance(function, (BuiltinMethodType, MethodType)):
        owner = function.__self__
        if isinstance(owner, str) and name in TEXT_METHODS:
            return call_text_method(bounds, owner, name, args, kwargs)
        for types, names in _CALLABLE:
            if isinstance(owner, types) and name in names:
                if name in LIST_METHODS:
                    bounds.weigh(owner)
                elif name in MAPPING_METHODS:
                    bounds.charge(len(owner))
                return without_tuples(function(*map(bounds.weigh, args), **kwargs))
    raise RenderError(f"'{name}' cannot be called in a template.")


_CALLABLE: tuple[tuple[Any, frozenset[str]], ...] = (
    (Mapping, MAPPING_METHODS),
    (list, LIST_METHODS),
    (float, FLOAT_METHODS),
    (LoopContext, LOOP_METHODS),
)


def without_tuples(value: Any) -> Any:
    """Lists for tuples: a tuple can be a key, and nested keys can take for ever to hash."""
    if isinstance(value, tuple):
        return list(value)
    if isinstance(value, ItemsView):
        return [list(pair) for pair in value]
    if isinstance(value, (KeysView, ValuesView)):
        return list(value)
    return value


def call_text_method(
    bounds: Bounds, text: str, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    """Call a method of a text, paid for by the length of what it reads and makes."""
    for value in (*args, *kwargs.values()):
        bounds.weigh(value)
    if name in ("startswith", "endswith"):
        args = tuple(tuple(value) if isinstance(value, list) else value for value in args)
    price: Callable[..., int] = _PRICES.get(name, _price_of_reading)
    bounds.charge_text(price(text, *args, *kwargs.values()))
    return without_tuples(getattr(text, name)(*args, **kwargs))


def _price_of_reading(text: str, *_: Any) -> int:
    return len(text)


def _price_of_comparing(text: str, *args: Any) -> int:
    """A search from the right, and stripping, may compare every character with every other."""
    return len(text) * max((len(value) for value in args if isinstance(value, str)), default=1)


def _price_of_padding(text: str, width: int, *_: Any) -> int:
    return max(len(text), width)


def price_of_replacing(text: str, old: str, new: str, count: int = -1) -> int:
    """Characters read and made by `text.replace(old, new, count)`."""
    found = text.count(old)
    return len(text) + (min(found, count) if count >= 0 else found) * len(new)


def _price_of_joining(text: str, parts: Any) -> int:
    return (len(text) + _PART) * len(parts)


def _price_of_splitting(text: str, *args: Any) -> int:
    return _price_of_comparing(text, *args) + len(text) * _PART // 4


_PART = 16
"""Characters that cost as much as one item of a list."""
_COMPARING = ("lstrip", "rfind", "rindex", "rpartition", "rstrip", "strip")
_PRICES: dict[str, Callable[..., int]] = {
    **dict.fromkeys(_COMPARING, _price_of_comparing),
    **dict.fromkeys(("rsplit", "split", "splitlines"), _price_of_splitting),
    **dict.fromkeys(("center", "ljust", "rjust", "zfill"), _price_of_padding),
    "replace": price_of_replacing,
    "join": _price_of_joining,
}

_NUMBER_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "//": operator.floordiv,
    "**": operator.pow,
    "%": operator.mod,
}


def compute(bounds: Bounds, sign: str, left: Any, right: Any) -> Any:
    """Return `left sign right`."""
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return _compute_number(bounds, sign, left, right)
    present(left)
    present(right)
    if sign == "+" and isinstance(left, str) and isinstance(right, str):
        bounds.charge_text(len(left) + len(right))
        return left + right
    if sign == "+" and isinstance(left, list) and isinstance(right, list):
        bounds.charge(len(left) + len(right))
        return [*left, *right]
    if sign == "*" and isinstance(left, (str, list)) and isinstance(right, int):
        return _repeat(bounds, left, right)
    if sign == "*" and isinstance(left, int) and isinstance(right, (str, list)):
        return _repeat(bounds, right, left)
    if sign == "%" and isinstance(left, str):
        return fill_slots(bounds, left, right)
    hint = " To join texts write '~'." if sign == "+" else ""
    raise RenderError(f"'{sign}' cannot be used on {kind_of(left)} and {kind_of(right)}.{hint}")


_SMALL = 1 << 63
_LARGEST = 1 << NUMBER_BITS


def _compute_number(bounds: Bounds, sign: str, left: float, right: float) -> Any:
    if isinstance(left, int) and isinstance(right, int):
        if sign != "**" and -_SMALL < left < _SMALL and -_SMALL < right < _SMALL:
            return _NUMBER_OPERATORS[sign](left, right)
        bits = max(left.bit_length(), right.bit_length())
        if sign == "*":
            bits = left.bit_length() + right.bit_length()
        elif sign == "**":
            bits = max(bits, left.bit_length() * right)
        if bits > NUMBER_BITS:
            raise RenderError(f"the result of '{sign}' is too large a number.")
        bounds.charge(bits >> 6)
    return real_number(f"'{sign}'", _NUMBER_OPERATORS[sign](left, right))


def real_number(sign: str, result: Any) -> Any:
    """Return the result of an operator or filter, a real number that is not too large."""
    if isinstance(result, complex) or result != result:
        raise RenderError(f"the result of {sign} is not a real number.")
    if not -_LARGEST < result < _LARGEST:
        raise RenderError(f"the result of {sign} is too large a number.")
    return result


def _repeat(bounds: Bounds, value: str | list[Any], count: int) -> str | list[Any]:
    length = len(value) * max(count, 0)
    if isinstance(value, str):
        bounds.charge_text(length)
    else:
        bounds.charge(length)
    return value * count


# A width stands after '%', after the ')' of a named slot, or after a '.'.
_LONGEST_FLOAT = 320  # characters of `'%f' % 1e308`
_WIDTHS = re.compile(r"[%)][#0\- +]*(\d+|\*)?(?:\.(\d+|\*))?")


def fill_slots(bounds: Bounds, template: str, values: Any) -> str:
    """`template % values`, where every width is written out and small."""
    slots = _WIDTHS.findall(template)
    length = len(template)
    for width in (part for slot in slots for part in slot if part):
        if width == "*" or len(width) > 4 or int(width) > WIDEST_SLOT:
            raise RenderError(f"a width after '%' can be at most {WIDEST_SLOT}: '{width[:20]}'.")
        length += int(width)
    if isinstance(values, Mapping):
        named = {key: _slot_value(bounds, value) for key, value in values.items()}
        texts = [len(value) for value in named.values() if isinstance(value, str)]
        longest = max([NUMBER_BITS, *texts])
        bounds.charge_text(length + len(slots) * longest)
        return template % named
    bounds.charge_text(length)
    listed = values if isinstance(values, tuple) else (values,)
    return template % tuple(_slot_value(bounds, value) for value in listed)


def _slot_value(bounds: Bounds, value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if isinstance(value, int):
            real_number("'%'", value)
        bounds.charge_text(max(_LONGEST_FLOAT, int(value).bit_length()))
        return value
    return bounds.text(value)
