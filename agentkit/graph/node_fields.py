"""What the fields of a node hold: one table, against which nodes built in Python are checked."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from agentkit.errors import Problem
from agentkit.graph.node import Check, Node
from agentkit.models.setting_kinds import (
    SAMPLING_KINDS,
    Kinds,
    is_text,
    is_texts,
    number_in,
    wrong_kind,
)


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _checks(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and all(
        isinstance(one, Check) and isinstance(one.say, str) for one in value
    )


def _named(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(key, str) for key in value)


def _function(value: Any) -> bool:
    return isinstance(value, str) or callable(value)


_KINDS: Final[Kinds] = {
    "prompt": (is_text, "a text"),
    "model": (is_text, "a model's id, or a name under 'models'"),
    "recall": (is_texts, "a list of node names"),
    "after": (is_texts, "a list of node names"),
    "save": (_named, "a mapping of memory keys to expressions"),
    "with_": (_named, "a mapping of the function's arguments to expressions"),
    "check": (_checks, "a list of Check(that, say)"),
    "attempts": (number_in(1, whole=True), "a whole number of 1 or more"),
    "function": (_function, "a function, or the name of a registered one"),
    "reuse": (_flag, "True or False"),
    "with_context": (_flag, "True or False"),
    **SAMPLING_KINDS,
}
_MAY_BE_NONE: Final = frozenset({"model", "function", "temperature", "top_p", "max_tokens", "seed"})
_UNSET: Final = Node("unset", "-")


def validate_fields(node: Node, problems: list[Problem]) -> Node:
    """Return the node, with invalid fields reported and reset to their defaults."""
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
