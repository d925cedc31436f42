"""The nodes of an agent's YAML: a list that runs as a conversation, or a mapping by name."""

from collections import deque
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import yaml

from agentkit.agentfile.agent_fields import NODE
from agentkit.agentfile.field_reader import FieldReader
from agentkit.agentfile.line_numbers import Flaw
from agentkit.agentfile.yaml_values import entry
from agentkit.graph.compile import name_problem
from agentkit.graph.node import NAME_LIKE, Check, FirstOf, Node, Unsure
from agentkit.graph.node_fields import MAX_NODES, too_many_nodes
from agentkit.outputs.shape import Fields

STAND_IN: Final = "-"
"""The prompt of a node whose own cannot be read, so that the rest of it can be checked."""

_FIELDS: Final = frozenset(NODE.schema["properties"]) - NAME_LIKE
"""The fields that no node is named after."""
_EXPECTED = "a list of prompts, or a mapping of names to prompts"


@dataclass(frozen=True, slots=True)
class Written:
    """A node, and where it is written."""

    node: Node
    start: int
    """Index of its name, or of its text where it has no name."""
    value: yaml.Node
    """Its prompt, or its fields."""


def read_nodes(value: yaml.Node, reader: FieldReader) -> list[Written]:
    """Return the nodes that can be read; broken parts are left out."""
    if isinstance(value, yaml.CollectionNode) and len(value.value) > MAX_NODES:
        first = value.value[MAX_NODES]
        reader.flaw(
            first[0] if isinstance(first, tuple) else first, too_many_nodes(len(value.value))
        )
        return []
    if isinstance(value, yaml.SequenceNode) and value.value:
        return _list(value, reader)
    if isinstance(value, yaml.MappingNode) and value.value:
        return [
            _node(key.value, key.start_mark.index, content, reader)
            for key, content in _indented(value, reader)
        ]
    text = value.value.lstrip() if isinstance(value, yaml.ScalarNode) else ""
    if text:
        hint = "Put a space after each '-'" if text.startswith("-") else ""
        reader.wrong(value, _EXPECTED, hint)
    else:
        reader.flaw(value, "there are no nodes: give at least one prompt")
    return []


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and not node.value and not node.style


def _indented(
    nodes: yaml.MappingNode, reader: FieldReader
) -> Iterator[tuple[yaml.ScalarNode, yaml.Node]]:
    """Yield names and contents of nodes; fields in the column of an empty node's name are its."""
    pairs = deque(nodes.value)
    while pairs:
        key, content = pairs.popleft()
        fields = []
        while _is_empty(content) and pairs and pairs[0][0].value in _FIELDS:
            fields.append(pairs.popleft())
        if fields:
            message = (
                f"'{fields[0][0].value}' is a field of '{key.value}': indent it below the name"
            )
            reader.flaw(fields[0][0], message)
            content = yaml.MappingNode(
                content.tag, fields, fields[0][0].start_mark, fields[-1][1].end_mark
            )
        yield key, content


def _node(name: str, start: int, content: yaml.Node, reader: FieldReader) -> Written:
    flaws = len(reader.flaws)
    if isinstance(content, yaml.MappingNode):
        fields = reader.read(NODE, content)
    else:
        prompt = reader.prompt(content)
        fields = {} if prompt is None else {"prompt": prompt}
    is_flawed = len(reader.flaws) > flaws and "function" not in fields
    if is_flawed and isinstance(fields.get("prompt", []), list):  # or a turn of it is lost
        fields["prompt"] = STAND_IN
    if "with" in fields:
        fields["with_"] = fields.pop("with")
    if isinstance(fields.get("output"), dict):
        fields["output"] = Fields(fields["output"])
    if isinstance(fields.get("examples"), list):
        fields["examples"] = tuple(fields["examples"])
    if "check" in fields:
        fields["check"] = tuple(Check(**check) for check in fields["check"])
    if "unsure" in fields:
        fields["unsure"] = Unsure(**fields["unsure"])
    return Written(Node(name, **fields), start, content)


def _list(value: yaml.SequenceNode, reader: FieldReader) -> list[Written]:
    written: list[Written] = []
    lines: dict[str, int] = {}
    for item in value.value:
        for name, start, content in _item(item, reader):
            name = name or f"prompt_{len(written) + 1}"
            line = reader.text.place(start)[0]
            if name in lines:
                message = f"two nodes are called '{name}', in lines {lines[name]} and {line}"
                reader.flaws.append(Flaw(start, message))
                continue
            lines[name] = line
            written.append(_node(name, start, content, reader))
    own = {one.node.name for one in written if entry(one.value, "recall")}
    nodes = in_a_row([one.node for one in written], own)
    return [replace(one, node=node) for one, node in zip(written, nodes, strict=True)]


def _item(item: yaml.Node, reader: FieldReader) -> Iterator[tuple[str | None, int, yaml.Node]]:
    """Yield the nodes of a list item (one, when all is well): name, where it starts, content."""
    if not isinstance(item, yaml.MappingNode):
        yield None, item.start_mark.index, item
        return
    alone = len(item.value) > 1 and _is_empty(item.value[0][1])
    if alone or {key.value for key, _ in item.value} & _FIELDS:
        yield _nameless(item, reader)
        return
    if len(item.value) != 1:
        message = (
            "an item of the list is a text, or one name with its prompt: begin each node "
            "with a '-' of its own"
        )
        reader.flaw(item, message)
    for key, content in item.value:
        name: str = key.value
        if isinstance(content, yaml.ScalarNode) and name_problem(name) and name != name.lower():
            message = (
                f"'{name[:40]}' is no name of a node, which has lower-case letters, digits "
                "and _. If all of it is the prompt, put quotes around it"
            )
            reader.flaw(key, message)
            yield None, key.start_mark.index, content
        else:
            yield name, key.start_mark.index, content


def _nameless(item: yaml.MappingNode, reader: FieldReader) -> tuple[str | None, int, yaml.Node]:
    """Report fields that stand in a list item without a name above them."""
    given = entry(item, "name")
    name = given[1].value if given and isinstance(given[1], yaml.ScalarNode) else None
    if given is None and _is_empty(item.value[0][1]):
        given = item.value[0]
        name = given[0].value
    message = (
        f"the name stands above a node's fields: write '- {name or 'my_name'}:' and indent "
        "the fields below it"
    )
    reader.flaw(item, message)
    item.value = [pair for pair in item.value if pair is not given]
    return name, item.start_mark.index, item


def in_a_row(nodes: Sequence[Node], own: Collection[str] = ()) -> list[Node]:
    """Nodes as a list runs them: each after the one before, recalling all that can be.

    Args:
        nodes: The nodes from top to bottom.
        own: Names of those that say themselves what they recall.
    """
    linked: list[Node] = []
    spoken: list[str] = []
    for node in nodes:
        before = linked[-1].name if linked else None
        if node.function is None and node.name not in own:
            node = replace(node, recall=FirstOf(spoken, len(spoken)) if spoken else ())
            waits = bool(spoken) and spoken[-1] == before
        else:
            waits = before in node.recall
        if before is not None and not waits and before not in node.after:
            node = replace(node, after=(*node.after, before))
        if node.function is None:
            spoken.append(node.name)
        linked.append(node)
    return linked
