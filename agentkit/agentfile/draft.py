"""A file's text as the fields of an agent."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agentkit.agentfile.agent_fields import AGENT, AGENT_TABLE
from agentkit.agentfile.field_kinds import Page
from agentkit.agentfile.nodes import Written
from agentkit.agentfile.places import Places
from agentkit.agentfile.yaml_marks import EntriesMark, ItemsMark, Mark, read_yaml
from agentkit.agentfile.yaml_source import Flaw, Source
from agentkit.graph.node import MISSING

_NAMED_VALUES = ("inputs", "memory", "models")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a file says, as far as it can be read."""

    source: Source
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


def read_draft(text: str) -> Draft:
    """Read as much of a file as there is to read."""
    page = Page(Source(text))
    top = read_yaml(page.source, page.flaws)
    fields: dict[str, Any] = {}
    if isinstance(top, ItemsMark):
        read = AGENT_TABLE["nodes"].kind.read(top, page)
        fields = {} if read is MISSING else {"nodes": read}
    elif top is not None:
        read = AGENT.read(top, page)
        fields = {} if read is MISSING else read
    present = top.entries if isinstance(top, EntriesMark) else {}
    for name in _NAMED_VALUES:
        _keep_names(fields, name, present)
    nodes: list[Written] = fields.pop("nodes", [])
    flaws = list(dict.fromkeys(page.flaws))
    return Draft(
        page.source,
        flaws,
        fields,
        nodes,
        present.keys(),
        frozenset(present.keys() - fields.keys() - {"nodes"}),
        _damaged(flaws, top),
        Places(page.source, top, nodes, page.meant),
    )


def _keep_names(fields: dict[str, Any], name: str, present: dict[str, Any]) -> None:
    """Let names whose value cannot be read count as declared."""
    if name in fields and name in present and isinstance(present[name][1], EntriesMark):
        declared = dict.fromkeys(present[name][1].entries)
        fields[name] = {**declared, **fields[name]}


def _damaged(flaws: list[Flaw], top: Mark | None) -> bool:
    """Whether a flaw is in the nodes or the action."""
    spans = [(0, top.end)] if isinstance(top, ItemsMark) else []
    if isinstance(top, EntriesMark):
        for name in ("nodes", "action"):
            if name in top.entries:
                key, value = top.entries[name]
                spans.append((key.start, value.end))
    return any(start <= flaw.start <= end for flaw in flaws for start, end in spans)
