"""The nodes of YAML as Python values, and in words."""

from collections.abc import Iterator
from math import isfinite
from typing import Any, Final

import yaml

from agentkit.agentfile.yaml_reader import BOOLEAN, FLOAT, INTEGER, NULL, TEXT, YES_NO

INT_LIMIT: Final = 2**63
"""Whole numbers stay below this; JSON readers agree on no longer ones."""

_LONGEST_INTEGER = 40


class YesNo(str):
    """A plain `yes`, `no`, `on` or `off`: a text, where YAML 1.1 would have read a boolean."""

    node: yaml.ScalarNode


class Odd:
    """A scalar that JSON has no value for: nothing at all, a long or an infinite number."""

    def __init__(self, node: yaml.ScalarNode) -> None:
        self.node = node


def value_of(node: yaml.Node) -> Any:
    """Return what a node says: texts, numbers, booleans, None, lists, dicts, `YesNo` and `Odd`."""
    if isinstance(node, yaml.ScalarNode):
        return node.value if node.tag == TEXT else _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [value_of(item) for item in node.value]
    return {key.value: value_of(value) for key, value in node.value}


def _scalar(node: yaml.ScalarNode) -> Any:
    text = node.value
    if node.tag == NULL:
        return None if text else Odd(node)
    if node.tag == BOOLEAN:
        return text.lower() == "true"
    if node.tag == YES_NO:
        word = YesNo(text)
        word.node = node
        return word
    return _number(node)


def _number(node: yaml.ScalarNode) -> Any:
    text = node.value
    number: float = INT_LIMIT
    if node.tag == FLOAT:
        number = float(text.replace(".", "") if text[-1].isalpha() else text)
    elif len(text) <= _LONGEST_INTEGER:
        number = int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    whole = isinstance(number, int)
    sound = -INT_LIMIT <= number < INT_LIMIT if whole else isfinite(number)
    return number if sound else Odd(node)


def scalars(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    """Yield the texts, numbers and other single values in a node."""
    if isinstance(node, yaml.ScalarNode):
        yield node
        return
    for part in node.value:
        yield from scalars(part[1] if isinstance(part, tuple) else part)


def found(node: yaml.Node) -> str:
    """Return what a node is, for messages: `the number 3`."""
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    if not isinstance(node, yaml.ScalarNode):
        return "a mapping"
    if node.tag == NULL:
        return "nothing"
    if node.tag == BOOLEAN:
        return str(node.value.lower())
    text = " ".join(node.value.split())
    shown = text if len(text) <= 40 else text[:37] + "..."
    return f"the number {shown}" if node.tag in (INTEGER, FLOAT) else f"the text '{shown}'"


def entry(node: yaml.Node | None, name: str) -> tuple[yaml.ScalarNode, yaml.Node] | None:
    """Return the key and the value of an entry of a mapping, if it is there."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return next((pair for pair in pairs if pair[0].value == name), None)
