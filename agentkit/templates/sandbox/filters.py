"""The filters and tests of templates: Jinja's own, paid for before they work.

A filter pays for the weight of its value and its arguments. Where that says nothing about its
cost (`center(10**9)`), a check of its own pays first. Only what is listed here can be named.
"""

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast

from jinja2 import Environment
from jinja2.exceptions import FilterArgumentError
from jinja2.filters import FILTERS
from jinja2.nodes import EvalContext
from jinja2.runtime import Undefined
from jinja2.tests import TESTS as JINJA_TESTS
from jinja2.utils import _PassArg, pass_context

from agentkit.errors import RenderError, suggest
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.lookup import MissingValue, raise_if_missing
from agentkit.templates.sandbox.operations import fill_slots, price_of_replacing, real_number
from agentkit.templates.sandbox.rendered_values import (
    in_words,
    kind_of,
    quoted_json,
    shown,
    weight_of,
)

Table = dict[str, Callable[..., Any]]

REFUSED_FILTERS = {
    "attr": "read the value with a dot or with square brackets",
    "filesizeformat": "write the size with round",
    "pprint": "use tojson",
    "random": "the same inputs must give the same prompt",
    **dict.fromkeys(
        ("e", "escape", "forceescape", "safe", "striptags", "urlencode", "urlize", "xmlattr"),
        "it is for web pages, and a prompt is plain text",
    ),
}
"""Filters of Jinja that are not offered, each with the reason."""

_OF_TEXT = frozenset({
    "capitalize", "center", "format", "indent", "lower", "replace", "string", "title", "trim",
    "truncate", "upper", "wordcount", "wordwrap",
})  # fmt: skip
_OF_ITEMS = frozenset({
    "batch", "groupby", "join", "list", "map", "max", "min", "reject", "rejectattr", "select",
    "selectattr", "slice", "sort", "sum", "unique",
})  # fmt: skip
_OF_ENDS = frozenset({"first", "last", "reverse"})
_OF_NUMBERS = frozenset({"abs", "float", "int", "round", "sum"})
_OF_PAIRS = frozenset({"dictsort", "groupby", "items"})
_OF_ANYTHING = frozenset({"count", "d", "default", "length", "tojson"})
PUBLIC_FILTERS = _OF_TEXT | _OF_ITEMS | _OF_ENDS | _OF_NUMBERS | _OF_PAIRS | _OF_ANYTHING
"""The filters that a template may name."""

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


_OWN: Table = {
    "format": _format,
    "replace": _replace,
    "join": _join,
    "unique": _unique,
    "tojson": _tojson,
    "int": _reading("int", "a whole number"),
    "float": _reading("float", "a number"),
}


# Checks, with the arguments of their filter: they pay for what the weight does not show.


def _whole(number: Any, least: int | None = None) -> int:
    if not isinstance(number, int):
        raise RenderError(f"a whole number is needed here, but this is {kind_of(number)}.")
    if least is not None and number < least:
        raise RenderError(f"a number of at least {least} is needed here, not {number}.")
    return number


def _indent(context: Bounds, text: str, width: Any = 4, *_: Any, **__: Any) -> None:
    context.charge(len(text) >> 3)
    length = len(width) if isinstance(width, str) else _whole(width)
    context.charge_text(len(text) + max(length, 0) * (len(text.splitlines()) + 1))


def _wordwrap(
    context: Bounds, text: str, width: int = 79, _: bool = True, wrapstring: str = "\n", **__: Any
) -> None:
    longest = max(map(len, text.split()), default=0)
    lines = 2 * len(text) // _whole(width, 1) + len(text.splitlines())
    # Breaking a long word copies the rest of it for every line.
    context.charge(4 * len(text) + (longest * longest // width >> 4))
    context.charge_text(lines * len(wrapstring))


def _sorting(context: Bounds, items: Any, *_: Any, **__: Any) -> None:
    context.charge(weight_of(items, context.work) * len(items).bit_length())


def _named(what: str, known: frozenset[str], at: int) -> Callable[..., None]:
    def check(context: Bounds, items: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > at and args[at] not in known:
            name = str(args[at])
            raise RenderError(f"there is no {what} {shown(name)}.{suggest(name, known)}")

    return check


def _center(context: Bounds, text: str, width: int = 80) -> None:
    context.charge_text(_whole(width))


def _trim(context: Bounds, text: str, chars: str | None = None) -> None:
    context.charge_text(len(text) * len(chars or " "))


def _batch(context: Bounds, items: Any, linecount: int, fill_with: Any = None) -> None:
    size = _whole(linecount, 1)
    context.charge(0 if fill_with is None else size)


def _slice(context: Bounds, items: Any, slices: int, fill_with: Any = None) -> None:
    context.charge(_whole(slices, 1))


def _round(context: Bounds, number: Any, precision: int = 0, method: str = "common") -> None:
    if not -_MOST_DECIMALS <= _whole(precision) <= _MOST_DECIMALS:
        raise RenderError(f"round takes at most {_MOST_DECIMALS} decimals, not {precision}.")


def _sum(context: Bounds, items: Any, attribute: Any = None, start: Any = 0) -> None:
    if not isinstance(start, (int, float)):
        raise RenderError(f"sum starts from a number, not from {kind_of(start)}.")


def _all_of(context: Bounds, value: Any, *_: Any, **__: Any) -> None:
    context.weigh(value)


_CHECKS: Table = {
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
    "items": lambda context, value: context.charge(len(value)),
    **dict.fromkeys(("dictsort", "groupby", "sort"), _sorting),
    **dict.fromkeys(("float", "int", "max", "min", "tojson", "unique"), _all_of),
}


# Tests.

_CHEAP_TESTS = frozenset({
    "boolean", "false", "float", "integer", "iterable", "mapping", "none", "number", "sameas",
    "sequence", "string", "true",
})  # fmt: skip
_DEFINED = frozenset({"defined", "undefined"})
_WEIGHED_TESTS = frozenset(JINJA_TESTS) & frozenset({
    "!=", "<", "<=", "==", ">", ">=", "divisibleby", "eq", "equalto", "even", "ge", "greaterthan",
    "gt", "in", "le", "lessthan", "lower", "lt", "ne", "odd", "upper",
})  # fmt: skip
PUBLIC_TESTS = _CHEAP_TESTS | _DEFINED | _WEIGHED_TESTS
"""The tests that a template may name."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _tested(name: str) -> Callable[..., Any]:
    function: Any = _is_number if name == "number" else JINJA_TESTS[name]
    if name in _DEFINED:
        return cast("Callable[..., Any]", function)
    pay = raise_if_missing if name in _CHEAP_TESTS else None
    whole = name in ("divisibleby", "even", "odd")

    @pass_context
    def test(context: Bounds, value: Any, /, *args: Any, **kwargs: Any) -> bool:
        for given in (value, *args, *kwargs.values()):
            pay(given) if pay else context.weigh(given)
            if whole:
                _whole(given)
        return bool(function(value, *args, **kwargs))

    return test


TESTS: Table = {name: _tested(name) for name in PUBLIC_TESTS}
for _name in ("select", "reject"):
    _CHECKS[_name] = _named("test", PUBLIC_TESTS, 0)
    _CHECKS[f"{_name}attr"] = _named("test", PUBLIC_TESTS, 1)
_CHECKS["map"] = _named("filter", PUBLIC_FILTERS, 0)
_FAILURES = (AssertionError, FilterArgumentError, OverflowError, TypeError, ValueError)


def _preparation(name: str) -> Callable[[Bounds, Any], Any]:
    if name in _OF_TEXT:
        return Bounds.text
    if name in _OF_ITEMS:
        return Bounds.items_of
    if name in _OF_ENDS:
        return _ends
    return _anything if name in ("d", "default") else _given


def _anything(context: Bounds, value: Any) -> Any:
    return value


def _given(context: Bounds, value: Any) -> Any:
    raise_if_missing(value)
    return value


def _ends(context: Bounds, value: Any) -> Any:
    return value if isinstance(value, (str, list)) else context.items_of(value)


def _conclusion(name: str) -> Callable[[Any], Any]:
    if name in _OF_NUMBERS:
        return lambda result: real_number(f"'{name}'", result)
    if name in _OF_PAIRS:
        return lambda result: [list(pair) for pair in result]
    return lambda result: _plain(name, result)


def _plain(name: str, result: Any) -> Any:
    if isinstance(result, (Iterator, tuple)):
        result = list(result)
        if name == "map":
            for item in result:
                raise_if_missing(item)
    elif isinstance(result, Undefined):
        return MissingValue(hint=f"{name} needs at least one item, and the list is empty.")
    return result


def _offered(name: str, environment: Environment) -> Callable[..., Any]:
    function = _OWN.get(name) or FILTERS[name]
    passed = _PassArg.from_obj(function)
    if passed is _PassArg.environment:
        function = partial(function, environment)
    elif passed is _PassArg.eval_context:
        function = partial(function, EvalContext(environment))
    needs_context = passed is _PassArg.context
    prepare, check, conclude = _preparation(name), _CHECKS.get(name), _conclusion(name)
    reads_paths = name in _OF_ITEMS

    @pass_context
    def apply(context: Bounds, value: Any, /, *args: Any, **kwargs: Any) -> Any:
        try:
            value = prepare(context, value)
            for given in (*args, *kwargs.values()) if args or kwargs else ():
                context.weigh(given)
                if reads_paths and isinstance(given, str):  # it may be "a.b,c": many reads an item
                    context.charge(len(value) * (given.count(".") + given.count(",")))
            if check is not None:
                check(context, value, *args, **kwargs)
            first = (context, value) if needs_context else (value,)
            result = function(*first, *args, **kwargs)
            return result if result.__class__ is str else conclude(result)
        except _FAILURES as error:
            message = f"'{name}' cannot be used on {shown(value)}: {in_words(error)}"
            raise RenderError(message) from error

    return apply


def filters_of(environment: Environment) -> Table:
    """Return the filters that a template may name, for this environment."""
    return {name: _offered(name, environment) for name in PUBLIC_FILTERS}
