"""The tests of templates (`x is odd`), each paid for by the size of what it compares."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from jinja2.runtime import Undefined
from jinja2.utils import pass_context

from agentkit.errors import RenderError
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.filter_registry import Table
from agentkit.templates.sandbox.rendered_values import kind_of


def _comparing(compare: Callable[[Any, Any], bool]) -> Callable[..., bool]:
    def test(context: Bounds, left: Any, right: Any) -> bool:
        return compare(context.weigh(left), context.weigh(right))

    return pass_context(test)


def _of_one(check: Callable[[Any], bool]) -> Callable[..., bool]:
    def test(context: Bounds, value: Any) -> bool:
        return check(context.weigh(value))

    return pass_context(test)


def _defined(context: Bounds, value: Any) -> bool:
    return not isinstance(value, Undefined)


def _undefined(context: Bounds, value: Any) -> bool:
    return isinstance(value, Undefined)


def _divisible(context: Bounds, value: Any, by: Any) -> bool:
    for number in (value, by):
        if not isinstance(number, int):
            raise RenderError(f"a whole number is needed here, but this is {kind_of(number)}.")
    return bool(value % by == 0)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


TESTS: Table = {
    **dict.fromkeys(("==", "eq", "equalto"), _comparing(operator.eq)),
    **dict.fromkeys(("!=", "ne"), _comparing(operator.ne)),
    **dict.fromkeys((">", "gt", "greaterthan"), _comparing(operator.gt)),
    **dict.fromkeys((">=", "ge"), _comparing(operator.ge)),
    **dict.fromkeys(("<", "lt", "lessthan"), _comparing(operator.lt)),
    **dict.fromkeys(("<=", "le"), _comparing(operator.le)),
    "sameas": _comparing(operator.is_),
    "in": _comparing(lambda item, container: item in container),
    "defined": pass_context(_defined),
    "undefined": pass_context(_undefined),
    "divisibleby": pass_context(_divisible),
    "even": pass_context(lambda context, value: _divisible(context, value, 2)),
    "odd": pass_context(lambda context, value: not _divisible(context, value, 2)),
    "none": _of_one(lambda value: value is None),
    "true": _of_one(lambda value: value is True),
    "false": _of_one(lambda value: value is False),
    "boolean": _of_one(lambda value: isinstance(value, bool)),
    "integer": _of_one(_is_integer),
    "float": _of_one(lambda value: isinstance(value, float)),
    "number": _of_one(_is_number),
    "string": _of_one(lambda value: isinstance(value, str)),
    "mapping": _of_one(lambda value: isinstance(value, Mapping)),
    "sequence": _of_one(lambda value: isinstance(value, Sequence)),
    "iterable": _of_one(lambda value: isinstance(value, Iterable)),
    "lower": _of_one(lambda value: isinstance(value, str) and value.islower()),
    "upper": _of_one(lambda value: isinstance(value, str) and value.isupper()),
}
