"""The one Jinja environment that all templates share."""

from typing import Any, ClassVar

from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.utils import pass_context

from agentkit.templates.sandbox import operations
from agentkit.templates.sandbox.bounds import Bounds
from agentkit.templates.sandbox.filter_registry import Table
from agentkit.templates.sandbox.list_filters import LIST_FILTERS
from agentkit.templates.sandbox.lookup import (
    MissingValue,
    NotFound,
    raise_if_missing,
    read_key,
    read_name,
)
from agentkit.templates.sandbox.number_filters import NUMBER_FILTERS
from agentkit.templates.sandbox.predicates import TESTS
from agentkit.templates.sandbox.text_filters import TEXT_FILTERS

PUBLIC_FILTERS = {
    **TEXT_FILTERS,
    **NUMBER_FILTERS,
    **LIST_FILTERS,
    "count": LIST_FILTERS["length"],
    "d": LIST_FILTERS["default"],
}
"""The filters that a template may name."""

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


# Filters that only the rewriting of a template puts in: no template can name them.


@pass_context
def _each(context: Bounds, value: Any, weight: int) -> list[Any]:
    return context.items_of(value, weight)


@pass_context
def _given(context: Bounds, value: Any) -> Any:
    raise_if_missing(value)
    return value


@pass_context
def _joined(context: Bounds, parts: list[Any]) -> str:
    texts = [context.text(part) for part in parts]
    context.charge_text(sum(map(len, texts)))
    return "".join(texts)


@pass_context
def _cut(context: Bounds, value: Any, start: Any, stop: Any, step: Any) -> Any:
    raise_if_missing(value)
    part = value[start:stop:step]
    context.charge_text(len(part)) if isinstance(part, str) else context.charge(len(part))
    return part


@pass_context
def _maybe(context: Bounds, owner: Any, key: Any, by_name: bool) -> Any:
    if isinstance(owner, Undefined):
        return owner
    try:
        return read_name(owner, key) if by_name else read_key(owner, key)
    except NotFound as error:
        return MissingValue(hint=str(error))


@pass_context
def _weigh(context: Bounds, value: Any) -> Any:
    return context.weigh(value)


@pass_context
def _maybe_end(context: Bounds, value: Any, name: str) -> Any:
    if isinstance(value, Undefined):
        return value
    items = context.items_of(value)
    return (
        PUBLIC_FILTERS[name](context, items) if items else MissingValue(hint="the list is empty.")
    )


_HIDDEN_FILTERS: Table = {
    "@each": _each,
    "@given": _given,
    "@join": _joined,
    "@cut": _cut,
    "@maybe": _maybe,
    "@maybe_end": _maybe_end,
    "@weigh": _weigh,
}


@pass_context
def _write(context: Bounds, value: Any) -> str:
    return context.write(value)


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja with our lookups, operators, filters and prices."""

    intercepted_binops: ClassVar[frozenset[str]] = frozenset({"+", "-", "*", "/", "//", "**", "%"})  # type: ignore[misc]

    def __init__(self) -> None:
        super().__init__(
            undefined=MissingValue,
            finalize=_write,
            trim_blocks=True,
            lstrip_blocks=True,
            optimized=False,
            cache_size=0,
        )
        self.globals = {}
        self.filters = {**PUBLIC_FILTERS}
        self.filters |= _HIDDEN_FILTERS
        self.tests = dict(TESTS)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Look up `obj.attribute`."""
        return read_name(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Look up `obj[argument]`."""
        return read_key(obj, argument)

    def call(self, context: Any, function: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a function or method."""
        kwargs.pop("_loop_vars", None)
        kwargs.pop("_block_vars", None)
        return operations.call_allowed(context, function, args, kwargs)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Compute `left operator right`."""
        return operations.compute(context, operator, left, right)


SANDBOX = Sandbox()
"""Holds no state of a render; safe to share between threads."""
