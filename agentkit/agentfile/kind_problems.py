"""What an agent's file says of its values, put together: uses of them that fail for certain."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentkit.agentfile.certain_failures import Checker
from agentkit.agentfile.value_kinds import (
    LIST,
    MAPPING,
    NULL,
    NUMBER,
    Kind,
    Kinds,
    answer_kinds,
    either,
    kind_words,
    kinds_of,
    node_kinds,
)
from agentkit.errors import Problem, SpecError
from agentkit.graph.compile import CompiledNode
from agentkit.graph.graph import Graph
from agentkit.graph.node import MISSING, Node
from agentkit.memory import Memory
from agentkit.templates.single_braces import without_single_braces
from agentkit.templates.template import Expression, Template, parsed

_OF_A_STEP: Mapping[str, Kinds] = {
    "step": (NUMBER,),
    "episode": (NUMBER,),
    "reward": (NUMBER, NULL),
    "info": (MAPPING,),
    "history": (LIST,),
}


def kind_problems(graph: Graph, inputs: Mapping[str, Any], memory: Memory) -> Iterator[Problem]:
    """Yield the uses of values in the nodes that fail whenever the node is asked."""
    checker = _KindChecker(graph, inputs, memory)
    for i in range(len(graph.compiled)):
        yield from checker.problems(i)


def without_slips(
    nodes: Sequence[Node], told: Collection[Problem], inputs: Collection[str] | None
) -> Graph | None:
    """Return the graph as it is once names in single braces and each `otherwise` are mended.

    So what fails for certain is told together with them. None if more is wrong.
    """
    slips = {problem.node for problem in told if problem.field == "otherwise"}
    mended = [
        replace(
            node,
            prompt=without_single_braces(node.prompt)
            if isinstance(node.prompt, str)
            else node.prompt,
            otherwise=MISSING if node.name in slips else node.otherwise,
        )
        for node in nodes
    ]
    try:
        return Graph(mended, inputs=inputs)
    except SpecError:
        return None


class _KindChecker:
    def __init__(self, graph: Graph, inputs: Mapping[str, Any], memory: Memory) -> None:
        self._graph = graph
        self._compiled = {one.name: one for one in graph.compiled}
        self._names: dict[str, Kinds] = {**_OF_A_STEP}
        for name, value in inputs.items():
            self._names[name] = None if value is None else kinds_of(value)
        for one in graph.compiled:
            self._names[one.name] = self._names[f"previous.{one.name}"] = node_kinds(one)
        self._start = {f"memory.{key}": kinds_of(value) for key, value in memory.start.items()}
        self._kept = {f"memory.{key}" for key in memory.outlives_episodes}
        self._writers: dict[str, int] = {}
        """For each key of the memory the nodes that write it, as bits."""
        written: dict[str, list[Kinds]] = {name: [kinds] for name, kinds in self._start.items()}
        for i, one in enumerate(graph.compiled):
            for key, expression in one.save:
                name = f"memory.{key}"
                self._writers[name] = self._writers.get(name, 0) | 1 << i
                found = self._check(one, expression, "save", lambda _: None)[0]
                written.setdefault(name, []).append(found)
        self._names |= {name: either(*kinds) for name, kinds in written.items()}

    def problems(self, i: int) -> Iterator[Problem]:
        """Yield what fails in one node."""
        one = self._graph.compiled[i]
        for use in one.uses:
            field, key, code = use.field, use.key, use.code
            kinds, found = self._check(one, code, field, lambda name: self._memory_at(i, name))
            for message, offset in found:
                yield Problem(message, one.name, field, key, offset)
            needs = {"each": "'each' needs a list", "output": "'choice' needs a list of options"}
            allowed = (LIST, NULL) if field == "each" else (LIST,)
            if (
                field in needs
                and kinds
                and not any(kind in allowed for kind in kinds)
                and not found
            ):
                message = f"'{code.source.strip()}' is {kind_words(kinds)}, and {needs[field]}"
                yield Problem(message, one.name, field, key)

    def _check(
        self,
        one: CompiledNode,
        code: Template | Expression,
        field: str,
        memory: Callable[[str], Kinds],
    ) -> tuple[Kinds, list[tuple[str, int]]]:
        """Return the kinds of an expression, and what fails in it or in a template."""

        def lookup(name: str) -> Kinds:
            if name.startswith("memory."):
                return memory(name)
            if name == "output":
                return answer_kinds(one) if field == "check" else _saved_kinds(one)
            if name == "item":
                return self._item_kinds(one)
            return self._names.get(name)

        tree = parsed(code)
        checker = Checker(lookup, lambda name: self._never_run(one, field, name))
        if tree is None:
            return None, []
        if isinstance(code, Expression):
            return checker.kinds(tree.body[0].node), checker.found  # type: ignore[attr-defined]
        checker.visit(tree)
        return None, checker.found

    def _item_kinds(self, one: CompiledNode) -> Kinds:
        lists = None if one.each is None else self._check(one, one.each, "each", lambda _: None)[0]
        return either(*(kind.item for kind in lists if kind == LIST)) if lists else None

    def _memory_at(self, i: int, name: str) -> Kinds:
        """The kinds of a key when a node first runs: as it starts, unless another wrote it."""
        graph, own = self._graph, 1 << i
        others = self._writers.get(name, 0) & ~own
        if graph.compiled[i].when is None:
            others &= graph.ancestors[i]
        kinds: Mapping[str, Kinds] = self._names if others or name in self._kept else self._start
        return kinds.get(name)

    def _never_run(self, one: CompiledNode, field: str, name: str) -> bool:
        """Whether a node surely asks for the value of another before that can have one."""
        other = self._compiled.get(name)
        always = field in ("when", "each") or (one.when is None and one.each is None)
        if field == "each" and one.when is not None:
            always = False
        return always and other is not None and other.node.initial is MISSING


def _saved_kinds(one: CompiledNode) -> Kinds:
    kinds = answer_kinds(one)
    return kinds if one.each is None else (Kind(LIST.name, item=kinds),)
