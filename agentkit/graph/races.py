"""Nodes that race for a key of the memory: nothing says which of them comes first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from agentkit.errors import Problem
from agentkit.graph.compile import CompiledNode, memory_keys
from agentkit.graph.connections import Connections

RACE: Final = "nothing says which comes first"
"""In the message of every race, and of no other problem."""


def race_problems(nodes: Sequence[CompiledNode], connections: Connections) -> Iterator[Problem]:
    """Unordered nodes of which one writes a memory key that the other reads or writes.

    Sets of nodes are bits here: a graph may have thousands of nodes.
    """
    writers: defaultdict[str, int] = defaultdict(int)
    readers: defaultdict[str, int] = defaultdict(int)
    read_all = 0
    for i, compiled in enumerate(nodes):
        for key in compiled.node.save:
            writers[key] |= 1 << i
        keys = memory_keys(compiled.reads)
        read_all |= (keys is None) << i
        for key in keys or ():
            readers[key] |= 1 << i
    if not writers:
        return
    ancestors, descendants = connections.ancestors, connections.descendants()
    earlier = 0
    for i, compiled in enumerate(nodes):
        if not compiled.node.save:
            continue
        rivals = read_all
        for key in compiled.node.save:
            rivals |= writers[key] | readers[key]
        keys = memory_keys(compiled.reads)
        for key in writers if keys is None else keys:
            rivals |= writers[key]
        earlier |= 1 << i
        for j in _positions(rivals & ~(ancestors[i] | descendants[i] | earlier)):
            yield from race_between(compiled, nodes[j])


def _positions(bits: int) -> Iterator[int]:
    """Yield the positions of a set of bits, the lowest first."""
    while bits:
        lowest = bits & -bits
        yield lowest.bit_length() - 1
        bits ^= lowest


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
