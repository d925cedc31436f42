"""What the fields of a node hold, for agents built in Python: one table that is checked by."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from math import inf, isfinite
from typing import Any, Final

from agentkit.errors import Problem
from agentkit.models.hosted import Price
from agentkit.node import Check, Node


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _texts(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def _checks(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(one, Check) and isinstance(one.say, str) for one in value
    )


def _named(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _function(value: Any) -> bool:
    return isinstance(value, str) or callable(value)


def _number(low: float, high: float = inf, *, whole: bool = False) -> Callable[[Any], bool]:
    def holds(value: Any) -> bool:
        kinds = int if whole else (int, float)
        known = isinstance(value, kinds) and not isinstance(value, bool)
        return known and isfinite(value) and low <= value <= high

    return holds


def _price(value: Any) -> bool:
    return isinstance(value, (Mapping, Price))


Kinds = Mapping[str, tuple[Callable[[Any], bool], str]]

SAMPLING_KINDS: Final[Kinds] = {
    "temperature": (_number(0), "a number of 0 or more"),
    "top_p": (_number(0, 1), "a number from 0 to 1"),
    "max_tokens": (_number(1, whole=True), "a whole number of 1 or more"),
    "stop": (_texts, "a list of texts"),
    "seed": (_number(-inf, whole=True), "a whole number"),
}
"""The sampling settings: whether a value can be one, and what is expected."""

PRICE_KINDS: Final[Kinds] = {
    "input": (_number(0), "a number of 0 or more"),
    "output": (_number(0), "a number of 0 or more"),
    "cached": (_number(0), "a number of 0 or more"),
}
"""What tokens cost, in USD per million."""

SERVER_KINDS: Final[Kinds] = {
    "base_url": (_text, "the address of a server"),
    "timeout_s": (_number(0.1), "a number of 0.1 or more"),
    "retries": (_number(0, 20, whole=True), "a whole number from 0 to 20"),
    "max_concurrency": (_number(1, whole=True), "a whole number of 1 or more"),
    "requests_per_minute": (_number(0.1), "a number of 0.1 or more"),
    "tokens_per_minute": (_number(1), "a number of 1 or more"),
    "price": (_price, "a mapping such as {input: 0.25, output: 2}"),
}
"""How a model on a server is called."""

_KINDS: Final[Kinds] = {
    "prompt": (_text, "a text"),
    "model": (_text, "a model's id, or a name under 'models'"),
    "recall": (_texts, "a list of node names"),
    "after": (_texts, "a list of node names"),
    "save": (_named, "a mapping of memory keys to expressions"),
    "with_": (_named, "a mapping of the function's arguments to expressions"),
    "check": (_checks, "a list of Check(that, say)"),
    "attempts": (_number(1, whole=True), "a whole number of 1 or more"),
    "function": (_function, "a function, or the name of a registered one"),
    "reuse": (_flag, "True or False"),
    "with_context": (_flag, "True or False"),
    **SAMPLING_KINDS,
}
_MAY_BE_NONE: Final = frozenset({"model", "function", "temperature", "top_p", "max_tokens", "seed"})
_NEVER_NONE: Final = frozenset({"timeout_s", "retries", "max_concurrency", "input", "output"})
_UNSET: Final = Node("unset", "-")


def wrong_kind(value: Any, expected: str) -> str:
    """The message for a value of another kind than expected."""
    return f"expected {expected}, found {value!r:.60}"


def sound(node: Node, problems: list[Problem]) -> Node:
    """The node, with fields that hold no such thing reported and taken out."""
    changes: dict[str, Any] = {}
    given: Any = node.name
    for name, (holds, expected) in _KINDS.items():
        value = getattr(node, name)
        if holds(value) or (value is None and name in _MAY_BE_NONE):
            continue
        problems.append(Problem(wrong_kind(value, expected), str(node.name), name.rstrip("_")))
        changes[name] = getattr(_UNSET, name)
    if not isinstance(given, str):
        message = wrong_kind(given, "the name of a node")
        problems.append(Problem(message, str(given), "name"))
        changes["name"] = "unnamed"
    return replace(node, **changes) if changes else node


def setting_problems(settings: Mapping[str, Any], kinds: Kinds | None = None) -> Iterator[str]:
    """What is wrong with the settings of a model, or with others of known kinds."""
    known = {**SAMPLING_KINDS, **SERVER_KINDS} if kinds is None else kinds
    for name, value in settings.items():
        if name in known and (value is not None or name in _NEVER_NONE):
            holds, expected = known[name]
            if not holds(value):
                yield f"{name}: {wrong_kind(value, expected)}"


def checked_nodes(nodes: Any, problems: list[Problem]) -> tuple[Node, ...]:
    """Those of the nodes that are nodes."""
    if isinstance(nodes, (str, Mapping)) or not isinstance(nodes, Iterable):
        problems.append(Problem(wrong_kind(nodes, "a list of nodes"), field="nodes"))
        return ()
    given = tuple(nodes)
    if not given:
        problems.append(Problem("there are no nodes: give at least one prompt", field="nodes"))
    for node in given:
        if not isinstance(node, Node):
            message = wrong_kind(node, "a Node, such as Node('name', 'What?')")
            problems.append(Problem(message, field="nodes"))
    return tuple(node for node in given if isinstance(node, Node))
