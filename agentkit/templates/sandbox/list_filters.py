"""Filters of templates that work on lists and mappings."""

from collections.abc import Callable, Mapping
from itertools import groupby as runs
from typing import Any

from jinja2.runtime import Undefined

from agentkit.errors import RenderError, suggest
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.filter_registry import UNGIVEN, new_table, reader_of
from agentkit.templates.sandbox.lookup import NotFound
from agentkit.templates.sandbox.predicates import TESTS
from agentkit.templates.sandbox.rendered_values import kind_of, quoted_json

LIST_FILTERS, _filter = new_table()


def _sort_key(attribute: Any, case_sensitive: bool) -> Callable[[Any], list[Any]]:
    names = attribute.split(",") if isinstance(attribute, str) else [attribute]
    readers = [reader_of(name) for name in names]

    def key(item: Any) -> list[Any]:
        parts = [read(item) for read in readers]
        if case_sensitive:
            return parts
        return [part.lower() if isinstance(part, str) else part for part in parts]

    return key


def _sorted(
    bounds: Bounds, items: list[Any], key: Callable[[Any], Any], reverse: bool = False
) -> list[Any]:
    for _ in range(len(items).bit_length()):
        bounds.weigh(items)
    return sorted(items, key=key, reverse=reverse)


@_filter
def length(context: Bounds, value: Any) -> int:
    """Count items or characters."""
    if isinstance(value, Undefined):
        str(value)
    try:
        return len(value)
    except TypeError:
        raise RenderError(f"{kind_of(value)} has no length.") from None


@_filter
def default(context: Bounds, value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """Stand in for a name or key that is not there."""
    if isinstance(value, Undefined) or (boolean and not value):
        return default_value
    return value


@_filter
def list_(context: Bounds, value: Any) -> list[Any]:
    """List the items."""
    return context.items_of(value)


@_filter
def items(context: Bounds, value: Any) -> list[Any]:
    """List the [key, value] pairs of a mapping."""
    if not isinstance(value, Mapping):
        raise RenderError(f"items needs a mapping, but this is {kind_of(value)}.")
    context.charge(len(value))
    return [list(pair) for pair in value.items()]


@_filter
def dictsort(
    context: Bounds,
    value: Any,
    case_sensitive: bool = False,
    by: str = "key",
    reverse: bool = False,
) -> list[Any]:
    """List the [key, value] pairs of a mapping in order."""
    if by not in ("key", "value"):
        raise RenderError(f"dictsort sorts by 'key' or 'value', not by '{by}'.")
    key = _sort_key(0 if by == "key" else 1, case_sensitive)
    return _sorted(context, items(context, value), key, reverse)


@_filter
def sort(
    context: Bounds,
    value: Any,
    reverse: bool = False,
    case_sensitive: bool = False,
    attribute: Any = None,
) -> list[Any]:
    """List the items in order."""
    return _sorted(context, context.items_of(value), _sort_key(attribute, case_sensitive), reverse)


@_filter
def unique(
    context: Bounds, value: Any, case_sensitive: bool = False, attribute: Any = None
) -> list[Any]:
    """List each item once."""
    key = _sort_key(attribute, case_sensitive)
    seen = set()
    kept = []
    for item in context.items_of(context.weigh(value)):
        mark = quoted_json(key(item))
        if mark not in seen:
            seen.add(mark)
            kept.append(item)
    return kept


@_filter
def groupby(
    context: Bounds,
    value: Any,
    attribute: Any,
    default: Any = UNGIVEN,
    case_sensitive: bool = False,
) -> list[Any]:
    """List [key, items] for each value of an attribute."""
    plain_read = reader_of(attribute)

    def read(item: Any) -> Any:
        return _read_or(plain_read, item, default)

    def key(item: Any) -> Any:
        found = read(item)
        return found.lower() if isinstance(found, str) and not case_sensitive else found

    groups = [list(group) for _, group in runs(_sorted(context, context.items_of(value), key), key)]
    return [[read(group[0]), group] for group in groups]


def _extreme(name: str, choose: Callable[..., Any]) -> None:
    def pick(
        context: Bounds, value: Any, case_sensitive: bool = False, attribute: Any = None
    ) -> Any:
        found = context.items_of(context.weigh(value))
        if not found:
            raise RenderError(f"{name} needs at least one item, and the list is empty.")
        return choose(found, key=_sort_key(attribute, case_sensitive))

    pick.__name__ = name
    _filter(pick)


_extreme("min", min)
_extreme("max", max)


@_filter
def first(context: Bounds, value: Any) -> Any:
    """Take the first item."""
    return _end(context, value, "first", 0)


@_filter
def last(context: Bounds, value: Any) -> Any:
    """Take the last item."""
    return _end(context, value, "last", -1)


def _end(context: Bounds, value: Any, name: str, index: int) -> Any:
    found = value if isinstance(value, (str, list)) else context.items_of(value)
    if not found:
        raise RenderError(f"{name} needs at least one item, and the list is empty.")
    return found[index]


@_filter
def reverse(context: Bounds, value: Any) -> Any:
    """Turn a list or text around."""
    if isinstance(value, str):
        context.charge_text(len(value))
        return value[::-1]
    return context.items_of(value)[::-1]


@_filter
def join(context: Bounds, value: Any, separator: Any = "", attribute: Any = None) -> str:
    """Join items into one text."""
    read = reader_of(attribute)
    parts = [context.text(read(item)) for item in context.items_of(value)]
    between = context.text(separator)
    context.charge_text(len(between) * len(parts))
    return between.join(parts)


@_filter
def batch(context: Bounds, value: Any, size: int, fill: Any = None) -> list[Any]:
    """Cut a list into rows of one size."""
    if size < 1:
        raise RenderError(f"batch needs a size of at least 1, not {size}.")
    found = context.items_of(value)
    rows = [found[start : start + size] for start in range(0, len(found), size)]
    if rows and fill is not None:
        context.charge(size - len(rows[-1]))
        rows[-1] += [fill] * (size - len(rows[-1]))
    return rows


@_filter
def slice_(context: Bounds, value: Any, slices: int, fill: Any = None) -> list[Any]:
    """Cut a list into this many parts."""
    if slices < 1:
        raise RenderError(f"slice needs at least 1 part, not {slices}.")
    context.charge(slices)
    found = context.items_of(value)
    size, longer = divmod(len(found), slices)
    parts = []
    start = 0
    for number in range(slices):
        end = start + size + (number < longer)
        filled = [] if fill is None or number < longer else [fill]
        parts.append(found[start:end] + filled)
        start = end
    return parts


@_filter
def map_(context: Bounds, value: Any, *args: Any, **kwargs: Any) -> list[Any]:
    """Read an attribute of every item, or apply a filter to each."""
    found = context.items_of(value)
    if args:
        apply = _named("filter", context.environment.filters, args[0])
        return [apply(context, item, *args[1:], **kwargs) for item in found]
    if "attribute" not in kwargs:
        raise RenderError("map needs the name of a filter, or attribute='...'.")
    read = reader_of(kwargs["attribute"])
    return [_read_or(read, item, kwargs.get("default", UNGIVEN)) for item in found]


def _read_or(read: Callable[[Any], Any], item: Any, default: Any) -> Any:
    try:
        return read(item)
    except NotFound:
        if default is UNGIVEN:
            raise
        return default


def _named(what: str, table: Mapping[str, Callable[..., Any]], name: Any) -> Callable[..., Any]:
    if isinstance(name, str) and name in table and name[0] != "@":
        return table[name]
    known = [key for key in table if key[0] != "@"]
    raise RenderError(f"there is no {what} '{name}'.{suggest(str(name), known)}")


def _choosing(name: str, wanted: bool, by_attribute: bool) -> None:
    def choose(context: Bounds, value: Any, *args: Any) -> list[Any]:
        found = context.items_of(value)
        read = reader_of(args[0] if by_attribute else None)
        rest = args[1:] if by_attribute else args
        if not rest:
            return [item for item in found if bool(read(item)) is wanted]
        test = _named("test", TESTS, rest[0])
        return [item for item in found if bool(test(context, read(item), *rest[1:])) is wanted]

    choose.__name__ = name
    _filter(choose)


_choosing("select", True, by_attribute=False)
_choosing("reject", False, by_attribute=False)
_choosing("selectattr", True, by_attribute=True)
_choosing("rejectattr", False, by_attribute=True)
