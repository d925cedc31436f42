"""A file's text as the fields of an agent."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from agentkit.agentfile.agent_fields import AGENT
from agentkit.agentfile.field_reader import FieldReader
from agentkit.agentfile.line_numbers import FileText, Flaw
from agentkit.agentfile.nodes import Written, read_nodes
from agentkit.agentfile.problem_places import Places
from agentkit.agentfile.yaml_reader import read_yaml
from agentkit.agentfile.yaml_values import entry
from agentkit.models.field_words import expected

if TYPE_CHECKING:
    from agentkit.graph.node import FunctionLike

_NAMED_VALUES = ("inputs", "memory", "models")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a file says, as far as it can be read."""

    text: FileText
    flaws: list[Flaw]
    """What is wrong with it as a file; what is wrong with the agent is found later."""
    fields: dict[str, Any]
    """The fields that can be read, without `nodes`."""
    nodes: list[Written]
    present: Collection[str]
    """The fields that are there, as the file spells them."""
    unread: frozenset[str]
    """Fields that are there and cannot be read."""
    damaged: bool
    """Whether something of the nodes or the action is lost, so that their order is unclear."""
    places: Places


@dataclass(frozen=True, slots=True)
class Options:
    """What stands beside the file."""

    name: str = "agent"
    """The agent's name, if the file gives none."""
    folder: Path | None = None
    """Where relative file names start."""
    model: Any = None
    """The model that answers every node, instead of the file's models."""
    inputs: Mapping[str, Any] = field(default_factory=dict)
    """Values of inputs, instead of the file's."""
    functions: "Mapping[str, FunctionLike]" = field(default_factory=dict)
    """Functions by the names that nodes use."""
    memory_file: Path | None = None
    """The file of the memory kept forever, instead of the file's."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The texts of files that the file names, where a record has them."""
    check_environment: bool = True
    """Whether the environment must be registered, and there if observations are read."""


def read_draft(text: str) -> Draft:
    """Read as much of a file as there is to read."""
    reader = FieldReader(FileText(text))
    top = read_yaml(reader.text, reader.flaws)
    fields: dict[str, Any] = {}
    nodes: list[Written] = []
    present: list[str] = []
    if isinstance(top, yaml.SequenceNode):
        nodes = read_nodes(top, reader)
    elif isinstance(top, yaml.MappingNode):
        present = [key.value for key, _ in top.value]
        fields = reader.read(AGENT, top)
        del fields["nodes"]
        if pair := entry(top, reader.meant.get((top.start_mark.index, "nodes"), "nodes")):
            nodes = read_nodes(pair[1], reader)
    elif top is not None:
        reader.wrong(top, expected(AGENT.schema))
    for name in _NAMED_VALUES:
        _keep_names(fields, name, entry(top, name))
    flaws = [
        flaw
        for flaw in dict.fromkeys(reader.flaws)
        if not reader.text.follows(reader.text.place(flaw.start)[0], flaw)
    ]
    return Draft(
        reader.text,
        flaws,
        fields,
        nodes,
        present,
        frozenset({*present} - fields.keys() - {"nodes"}),
        _damaged(flaws, top),
        Places(reader.text, top, nodes, reader.meant),
    )


def _keep_names(fields: dict[str, Any], name: str, given: Any) -> None:
    """Let names whose value cannot be read count as declared."""
    if name in fields and given is not None:
        fields[name] = {**{key.value: None for key, _ in given[1].value}, **fields[name]}


def _damaged(flaws: list[Flaw], top: yaml.Node | None) -> bool:
    """Return whether a flaw is in the nodes or the action."""
    spans = [(0, top.end_mark.index)] if isinstance(top, yaml.SequenceNode) else []
    for name in ("nodes", "action"):
        if pair := entry(top, name):
            spans.append((pair[0].start_mark.index, pair[1].end_mark.index))
    return any(start <= flaw.start <= end for flaw in flaws for start, end in spans)
