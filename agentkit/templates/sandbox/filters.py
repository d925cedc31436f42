"""The filters and tests of templates: Jinja's own, paid for before they work.

A filter pays for the weight of its value and its arguments. Where that says nothing about its
cost (`center(10**9)`), a check of its own pays first. Only what is listed here can be named.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sized
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
from agentkit.templates.sandbox.filter_costs import CHECKS, OWN_FILTERS, Table, whole
from agentkit.templates.sandbox.lookup import MissingValue, present, read_key
from agentkit.templates.sandbox.operations import real_number, without_tuples
from agentkit.templates.sandbox.rendered_values import in_words, kind_of, shown

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
    "selectattr", "slice", "sort", "sum", "unique", "unique_by",
})  # fmt: skip
_OF_OTHERS = frozenset({
    "abs", "count", "d", "default", "dictsort", "first", "float", "int", "items", "last",
    "length", "reverse", "round", "tojson",
})  # fmt: skip
PUBLIC_FILTERS = _OF_TEXT | _OF_ITEMS | _OF_OTHERS
"""The filters that a template may name."""

_NEEDS: dict[str, tuple[Any, str]] = {
    **dict.fromkeys(("abs", "round"), ((int, float), "a number")),
    **dict.fromkeys(("count", "length"), (Sized, "a list or text")),
    **dict.fromkeys(("dictsort", "items"), (Mapping, "a mapping")),
}


# Tests.

_CHEAP_TESTS = frozenset({
    "boolean", "false", "float", "integer", "iterable", "mapping", "none", "number", "sameas",
    "sequence", "string", "true",
})  # fmt: skip
_DEFINED = frozenset({"defined", "undefined"})
_WEIGHED_TESTS = frozenset({
    "!=", "<", "<=", "==", ">", ">=", "divisibleby", "eq", "equalto", "even", "ge", "greaterthan",
    "gt", "in", "le", "lessthan", "lower", "lt", "ne", "odd", "upper",
})  # fmt: skip
PUBLIC_TESTS = _CHEAP_TESTS | _DEFINED | _WEIGHED_TESTS
"""The tests that a template may name."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _tested(name: str) -> Callable[..., Any]:
    function = _is_number if name == "number" else cast("Table", JINJA_TESTS)[name]
    if name in _DEFINED:
        return function
    pay = present if name in _CHEAP_TESTS else None
    of_whole = name in ("divisibleby", "even", "odd")

    @pass_context
    def test(context: Bounds, value: Any, /, *args: Any, **kwargs: Any) -> bool:
        for given in (value, *args, *kwargs.values()):
            pay(given) if pay else context.weigh(given)
            if of_whole:
                whole(given)
        return bool(function(value, *args, **kwargs))

    return test


TESTS: Table = {name: _tested(name) for name in PUBLIC_TESTS}
"""The tests, ready for an environment."""


# Filters.


def _named(what: str, known: frozenset[str], at: int) -> Callable[..., None]:
    def check(context: Bounds, items: Any, *args: Any, **kwargs: Any) -> None:
        if len(args) > at and args[at] not in known:
            name = str(args[at])
            raise RenderError(f"there is no {what} {shown(name)}.{suggest(name, known)}")

    return check


def _map(context: Bounds, items: Any, *args: Any, **kwargs: Any) -> None:
    if not args and "attribute" not in kwargs:
        raise RenderError("map needs the name of a filter, or attribute='...'.")
    _named("filter", PUBLIC_FILTERS, 0)(context, items, *args)


_CHECKS = {
    **CHECKS,
    "map": _map,
    **dict.fromkeys(("select", "reject"), _named("test", PUBLIC_TESTS, 0)),
    **dict.fromkeys(("selectattr", "rejectattr"), _named("test", PUBLIC_TESTS, 1)),
}
_CALLED = re.compile(r"^[\w<>.]+\(\)")
_FAILURES = (AssertionError, FilterArgumentError, OverflowError, TypeError, ValueError)


def _preparation(name: str) -> Callable[[Bounds, Any], Any]:
    """Return what makes the value of a filter ready: it is checked, turned and paid for."""
    if name in _OF_TEXT:
        return Bounds.text
    if name in _OF_ITEMS:
        return Bounds.items_of
    if name in _NEEDS:
        return partial(_checked, name)
    if name in ("first", "last", "reverse"):
        return lambda context, v: v if isinstance(v, (str, list)) else context.items_of(v)
    return (lambda context, value: value) if name in ("d", "default") else Bounds.weigh


def _checked(name: str, context: Bounds, value: Any) -> Any:
    kinds, words = _NEEDS[name]
    if not isinstance(present(value), kinds):
        raise RenderError(f"{name} needs {words}, but this is {kind_of(value)}.")
    return value


def _conclusion(name: str) -> Callable[[Any], Any]:
    """Return what makes the result of a filter ready: a list, of lists, or a small number."""
    if name in ("int", "sum"):
        return partial(real_number, f"'{name}'")
    if name in ("dictsort", "groupby", "items"):
        return lambda result: [[present(key), value] for key, value in result]
    if name == "map":
        return lambda result: [present(item) for item in result]
    if name in ("d", "default", "first", "last", "max", "min"):
        return partial(_chosen, name)
    return lambda result: list(result) if isinstance(result, (Iterator, tuple)) else result


def _chosen(name: str, result: Any) -> Any:
    if isinstance(result, Undefined):
        return MissingValue(hint=f"{name} needs at least one item, and the list is empty.")
    return without_tuples(result)


def _offered(name: str, environment: Environment) -> Callable[..., Any]:
    function = OWN_FILTERS.get(name) or FILTERS[name]
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
            words = _CALLED.sub(f"{name}()", in_words(error))
            raise RenderError(f"'{name}' of {shown(value)}: {words}") from error

    return apply


def filters_of(environment: Environment) -> Table:
    """Return the filters that a template may name, for this environment."""
    strict = environment.overlay()  # only `groupby` has a default for an attribute
    strict.getitem = lambda item, key: present(read_key(item, key))  # type: ignore[assignment, method-assign]
    return {
        name: _offered(name, environment if name == "groupby" else strict)
        for name in PUBLIC_FILTERS
    }
