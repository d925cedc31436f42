"""What can be wrong between the nodes of a graph. Each check reports all it finds."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import networkx as nx

from agentkit.errors import Problem, suggest
from agentkit.graph.compile import CompiledNode, Use, memory_keys, unknown_name
from agentkit.templates.prompt_names import LOCAL_NAMES, OWN_NAMES, STEP_NAMES
from agentkit.templates.sandbox.lookup import MAPPING_METHODS
from agentkit.templates.template import Reads

RACE: Final = "nothing says which comes first"
"""In the message of every race, and of no other problem."""


def duplicate_problems(nodes: Sequence[CompiledNode]) -> Iterator[Problem]:
    """Two nodes of one name."""
    seen: set[str] = set()
    for compiled in nodes:
        if compiled.name in seen:
            yield Problem("two nodes have this name", compiled.name, "name")
        seen.add(compiled.name)


def name_problems(
    compiled: CompiledNode, nodes: Collection[str], inputs: Collection[str] | None
) -> Iterator[Problem]:
    """Unknown, misplaced and shadowed names. `inputs` of None lets any free name be an input."""
    given = STEP_NAMES | OWN_NAMES | frozenset(inputs or ())
    for use in compiled.uses:
        local = _local_names(compiled, use)
        for name in use.reads:
            if name in nodes or name in given or name in local:
                continue
            if inputs is not None or name in LOCAL_NAMES:
                message = _local_or_unknown(name, frozenset(nodes) | given | local)
                yield Problem(message, compiled.name, use.field, use.key)
        for name in use.binds:
            if not (name in nodes or name in given or name in LOCAL_NAMES):
                continue
            message = f"'{name}' is already a name here: call the loop or set variable otherwise"
            yield Problem(message, compiled.name, use.field, use.key)
        yield from _previous_problems(compiled, nodes, use)


def _local_names(compiled: CompiledNode, use: Use) -> frozenset[str]:
    """Of `item` and `output`, what a field of a node may use."""
    has_item = compiled.node.each is not None and use.field not in {"when", "each", "save"}
    has_output = use.field in {"save", "check"}
    return frozenset(["item"] * has_item + ["output"] * has_output)


def _local_or_unknown(name: str, allowed: frozenset[str]) -> str:
    if name == "item":
        return "'item' is known only in a node with 'each', once for each item"
    if name == "output":
        return "'output' is known only in 'save' and 'check'"
    return unknown_name(name, allowed)


def _previous_problems(
    compiled: CompiledNode, nodes: Collection[str], use: Use
) -> Iterator[Problem]:
    keys = use.reads.get("previous") or frozenset()
    for key in sorted(key for key in keys if key not in nodes):
        message = f"'previous.{key}': there is no node '{key}'.{suggest(key, frozenset(nodes))}"
        yield Problem(message, compiled.name, use.field, use.key)


def value_fields(compiled: CompiledNode) -> frozenset[str] | None:
    """The names that a node's value can have; None where any name might be there."""
    return None if compiled.node.each is not None else _answer_fields(compiled)


def _answer_fields(compiled: CompiledNode) -> frozenset[str] | None:
    """The names that one answer can have, or what stands in for it."""
    fields = compiled.output.fields if compiled.output else None
    for value in (compiled.node.initial, compiled.node.otherwise):
        if fields is not None and isinstance(value, Mapping):
            fields |= frozenset(value)
    return fields


def field_problems(
    compiled: CompiledNode, fields: Mapping[str, frozenset[str] | None]
) -> Iterator[Problem]:
    """Reads of a field that the value of a name never has. `fields` of None are not known."""
    for use in compiled.uses:
        own = _answer_fields if use.field == "check" else value_fields
        for message in missing_fields(use.reads, {**fields, "output": own(compiled)}):
            yield Problem(message, compiled.name, use.field, use.key)


def missing_fields(reads: Reads, fields: Mapping[str, frozenset[str] | None]) -> Iterator[str]:
    """A message for each field that is read and not there."""
    for name, keys in reads.items():
        known = fields.get(name)
        if known is None:
            continue
        for key in sorted((keys or frozenset()) - known - MAPPING_METHODS):
            listed = ", ".join(sorted(known)) or "nothing"
            near = suggest(key, known)
            yield f"'{name}.{key}': '{name}' has no field '{key}'.{near} It has: {listed}"


def reference_problems(
    compiled: CompiledNode, nodes: Mapping[str, CompiledNode]
) -> Iterator[Problem]:
    """`recall` and `after` of nodes that are not there or cannot be recalled; self-dependency."""
    for field_name in ("recall", "after"):
        for name in getattr(compiled.node, field_name):
            if name == compiled.name:
                yield Problem("a node cannot depend on itself", compiled.name, field_name)
            elif name not in nodes:
                message = f"there is no node '{name}'.{suggest(str(name), frozenset(nodes))}"
                yield Problem(message, compiled.name, field_name)
            elif field_name == "recall" and nodes[name].node.function is not None:
                message = f"'{name}' is a function: it has no question and answer to recall"
                yield Problem(message, compiled.name, field_name)
    if compiled.name in compiled.reads:
        field_name = next(u.field for u in compiled.uses if compiled.name in u.reads)
        message = (
            f"a node cannot depend on itself; '{{{{ previous.{compiled.name} }}}}' is its value "
            "of the step before"
        )
        yield Problem(message, compiled.name, field_name)


def cycle_problems(digraph: "nx.DiGraph[str]") -> Iterator[Problem]:
    """One problem for each group of nodes that wait for each other, naming a cycle in it."""
    for component in nx.strongly_connected_components(digraph):
        if len(component) < 2:
            continue
        first = min(component, key=list(digraph).index)
        edges = nx.find_cycle(digraph.subgraph(component), first)
        path = " -> ".join([edge[0] for edge in edges] + [edges[0][0]])
        message = (
            f"these nodes wait for each other: {path}. Break the cycle: "
            "'{{ previous.NODE }}' reads a value of the step before without waiting"
        )
        yield Problem(message, edges[0][0], "prompt")


def race_problems(nodes: Sequence[CompiledNode], ancestors: Sequence[int]) -> Iterator[Problem]:
    """Unordered nodes of which one writes a memory key that the other reads or writes."""
    writers = [i for i, compiled in enumerate(nodes) if compiled.node.save]
    for i in writers:
        for j, other in enumerate(nodes):
            if i == j or (j in writers and j < i) or ordered(i, j, ancestors):
                continue
            yield from race_between(nodes[i], other)


def ordered(i: int, j: int, ancestors: Sequence[int]) -> bool:
    """Whether one of two nodes always runs after the other. `ancestors` are bit sets."""
    return bool(ancestors[i] >> j & 1 or ancestors[j] >> i & 1)


def race_between(first: CompiledNode, second: CompiledNode) -> Iterator[Problem]:
    """The memory key over which two unordered nodes race, if there is one."""
    for key in (*first.node.save, *second.node.save):
        if _touches(first, key) and _touches(second, key):
            verbs = [f"'{c.name}' {_verb(c, key)} it" for c in (first, second)]
            message = (
                f"memory.{key}: {verbs[0]}, {verbs[1]}, and {RACE}: "
                f"add 'after: [{first.name}]' to '{second.name}', or the other way round"
            )
            field_name = "save" if key in second.node.save else "prompt"
            yield Problem(message, second.name, field_name, key if field_name == "save" else None)
            return


def _touches(compiled: CompiledNode, key: str) -> bool:
    reads = memory_keys(compiled.reads)
    return key in compiled.node.save or reads is None or key in reads


def _verb(compiled: CompiledNode, key: str) -> str:
    return "writes" if key in compiled.node.save else "reads"
