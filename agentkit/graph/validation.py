"""What can be wrong between the nodes of a graph. Each check reports all it finds."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final

import networkx as nx

from agentkit.errors import Problem, listed, suggest
from agentkit.graph.compile import CompiledNode, Use, name_problem, unknown_name
from agentkit.graph.connections import awaited_recalls
from agentkit.graph.turns import unfilled
from agentkit.program.argument_kinds import wrong_kind
from agentkit.templates.prompt_names import (
    LOCAL_NAMES,
    OWN_NAMES,
    STEP_NAMES,
    VARYING,
    decided_names,
)
from agentkit.templates.sandbox.lookup import MAPPING_METHODS
from agentkit.templates.single_braces import single_braces
from agentkit.templates.template import Reads, Template

_MOST_NAMES: Final = 20
"""The names of a cycle that are shown."""
_MOST_PROBLEMS: Final = 100


def first_problems(problems: Iterator[Problem]) -> Iterator[Problem]:
    """The problems up to a number that anybody mends at once, and a last one for all others."""
    yield from islice(problems, _MOST_PROBLEMS)
    if next(problems, None) is not None:
        yield Problem(f"there are more problems of this kind: mend the first {_MOST_PROBLEMS}")


def graph_problems(
    compiled_nodes: Sequence[CompiledNode],
    texts: Mapping[str, Template | None],
    digraph: "nx.DiGraph[str]",
    inputs: Collection[str] | None,
    free: Collection[str],
) -> Iterator[Problem]:
    """Everything wrong between the nodes, apart from races.

    Args:
        compiled_nodes: The nodes.
        texts: The texts of no node, by their fields.
        digraph: What waits for what.
        inputs: The inputs that are declared; None: all free names are inputs.
        free: The free names.
    """
    if isinstance(inputs, str):
        yield Problem(wrong_kind(inputs, "a list of names"), field="inputs")
        return
    yield from _duplicate_problems(compiled_nodes)
    nodes = {compiled.name: compiled for compiled in compiled_nodes}
    for name in inputs or ():
        both = f"'{name}' is both an input and a node: rename one of them"
        if message := name_problem(name) or (both if name in nodes else None):
            yield Problem(message, field="inputs", key=name)
    for field, text in texts.items():
        yield from _shared_text_problems(field, text, nodes, inputs)
    names = VARYING.union(nodes, free if inputs is None else inputs)
    for field, text in texts.items():
        yield from _brace_problems(text, None, field, names)
    for compiled in compiled_nodes:
        yield from _text_problems(compiled, names)
    fields = {name: value_fields(compiled) for name, compiled in nodes.items()}
    known = None if inputs is None else frozenset(inputs)
    for compiled in compiled_nodes:
        for use in compiled.uses:
            for message in probability_problems(use.reads, compiled_nodes):
                yield Problem(message, compiled.name, use.field, use.key)
        yield from name_problems(compiled, nodes.keys(), known)
        yield from field_problems(compiled, fields)
        yield from reference_problems(compiled, nodes)
    yield from _cycle_problems(digraph, {name: i for i, name in enumerate(nodes)})


def _duplicate_problems(nodes: Sequence[CompiledNode]) -> Iterator[Problem]:
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
    given = (STEP_NAMES, OWN_NAMES, inputs or (), nodes)
    for use in compiled.uses:
        local = _local_names(compiled, use)
        for name in use.reads:
            if name in local or any(name in names for names in given):
                continue
            if inputs is not None or name in LOCAL_NAMES:
                message = _local_or_unknown(name, local.union(*given))
                if use.field == "output":
                    message += f". If it is one of the options, write them as a list: [{name}]"
                yield Problem(message, compiled.name, use.field, use.key)
        for name in use.binds:
            if not (name in LOCAL_NAMES or any(name in names for names in given)):
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


def probability_problems(reads: Reads, compiled: Sequence[CompiledNode]) -> Iterator[str]:
    """Say which names in `probability(...)` are no nodes, or none that can decide."""
    nodes = {one.name: one for one in compiled} if decided_names(reads) else {}
    for name in sorted(decided_names(reads)):
        said = f"probability('{name}')"
        if name not in nodes:
            yield f"{said}: there is no node '{name}'.{suggest(name, frozenset(nodes))}"
            continue
        output = nodes[name].output
        if nodes[name].node.function is not None or (output and not output.is_closed):
            yield f"{said}: '{name}' has no options, so nothing of it is decided"


def _shared_text_problems(
    field: str, text: Template | None, nodes: Collection[str], inputs: Collection[str] | None
) -> Iterator[Problem]:
    """Names that `system` or `context` may not use."""
    known = VARYING | frozenset(inputs or ())
    for name in sorted(decided_names(text.reads)) if text else ():
        message = f"probability('{name}'): this text is filled in before any node decides"
        yield Problem(message, field=field)
    for name in text.reads if text else ():
        if name in nodes:
            message = (
                f"'{name}' is a node, and this text is filled in before any node; "
                f"'previous.{name}' is its value of the step before"
            )
            yield Problem(message, field=field)
        elif name in {"item", "output"} or (inputs is not None and name not in known):
            yield Problem(unknown_name(name, known), field=field)


def _text_problems(compiled: CompiledNode, names: Collection[str]) -> Iterator[Problem]:
    """Known names in single braces in the texts of a node, and in double braces in examples."""
    for use in compiled.uses:
        if isinstance(use.code, Template):
            yield from _brace_problems(use.code, compiled, use.field, names, use.key)
    for name, number in unfilled(compiled.examples, names):
        message = (
            f"'{{{{ {name} }}}}' is not filled in: examples are sent as they are, the same in "
            "every step. Write a value"
        )
        yield Problem(message, compiled.name, "examples", str(number))


def _brace_problems(
    template: Template | None,
    compiled: CompiledNode | None,
    field: str,
    known: Collection[str],
    key: str | None = None,
) -> Iterator[Problem]:
    """Known names in single braces in a text; a node may say its own, as the form of an answer."""
    if template is None:
        return
    own = compiled.name if compiled else None
    has_item = compiled is not None and compiled.node.each is not None

    def is_known(name: str) -> bool:
        return name != own and (name in known or (has_item and name == "item"))

    for message, offset in single_braces(template, is_known):
        yield Problem(message, own, field, key, offset=offset)


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
        messages = [*missing_fields(use.reads, fields)]
        if "output" in use.reads:
            own = _answer_fields if use.field == "check" else value_fields
            messages += missing_fields(use.reads, {"output": own(compiled)})
        for message in messages:
            yield Problem(message, compiled.name, use.field, use.key)


def missing_fields(reads: Reads, fields: Mapping[str, frozenset[str] | None]) -> Iterator[str]:
    """A message for each field that is read and not there."""
    for name, keys in reads.items():
        known = fields.get(name)
        if known is None:
            continue
        for key in sorted((keys or frozenset()) - known - MAPPING_METHODS):
            near, names = suggest(key, known), listed(sorted(known)) or "nothing"
            yield f"'{name}.{key}': '{name}' has no field '{key}'.{near} It has: {names}"


def reference_problems(
    compiled: CompiledNode, nodes: Mapping[str, CompiledNode]
) -> Iterator[Problem]:
    """`recall` and `after` of nodes that are not there or cannot be recalled; self-dependency."""
    for field_name in ("recall", "after"):
        recalled = awaited_recalls(compiled, nodes)
        for name in recalled if field_name == "recall" else compiled.node.after:
            if name == compiled.name:
                yield Problem("a node cannot depend on itself", compiled.name, field_name)
            elif name not in nodes:
                message = f"there is no node '{name}'.{suggest(str(name), frozenset(nodes))}"
                yield Problem(message, compiled.name, field_name)
            elif field_name == "recall" and nodes[name].node.function is not None:
                message = f"'{name}' is a function: it has no question and answer to recall"
                yield Problem(message, compiled.name, field_name)
    for use in compiled.uses:
        if compiled.name in decided_names(use.reads) and use.field != "save":
            message = f"probability('{compiled.name}') is known once it has decided: in 'save'"
            yield Problem(message, compiled.name, use.field, use.key)
    if compiled.name in compiled.reads:
        field_name = next(u.field for u in compiled.uses if compiled.name in u.reads)
        message = (
            f"a node cannot depend on itself; '{{{{ previous.{compiled.name} }}}}' is its value "
            "of the step before"
        )
        yield Problem(message, compiled.name, field_name)


def _cycle_problems(digraph: "nx.DiGraph[str]", index: Mapping[str, int]) -> Iterator[Problem]:
    """One problem for each group of nodes that wait for each other, naming a cycle in it."""
    for component in nx.strongly_connected_components(digraph):
        if len(component) < 2:
            continue
        first = min(component, key=index.__getitem__)
        edges = nx.find_cycle(digraph.subgraph(component).copy(), first)
        names = [edge[0] for edge in edges] + [edges[0][0]]
        if len(names) > _MOST_NAMES:
            names[_MOST_NAMES - 1 : -1] = ["..."]
        path = " -> ".join(names)
        message = (
            f"these nodes wait for each other: {path}. Break the cycle: "
            "'{{ previous.NODE }}' reads a value of the step before without waiting"
        )
        yield Problem(message, edges[0][0], "prompt")
