"""Graph: nodes and their dependencies, checked when built and immutable afterwards."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import networkx as nx

from agentkit import loop
from agentkit.errors import InputError, Problem, SpecError, listed, suggest
from agentkit.graph.beginnings import beginning_notes, varying_warnings
from agentkit.graph.compile import compile_node, compile_text
from agentkit.graph.connections import connect_nodes, edges_between
from agentkit.graph.node import MISSING, Node
from agentkit.graph.node_fields import checked_nodes
from agentkit.graph.races import race_problems
from agentkit.graph.validation import first_problems, graph_problems
from agentkit.memory import Memory
from agentkit.models.base import Cache
from agentkit.program.argument_kinds import check_kind, check_listener
from agentkit.program.display import MAX_NAMES
from agentkit.program.signatures import takes_arguments_of
from agentkit.templates.prompt_names import OWN_NAMES, STEP_NAMES, merge_reads

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from agentkit.events import Event
    from agentkit.execution.step import StepResult
    from agentkit.graph.node import FunctionLike
    from agentkit.models.registry import ModelLike


class Graph:
    """A directed acyclic graph of nodes.

    Args:
        nodes: The nodes, in the order that breaks ties.
        system: A constant text in front of every prompt (a template over inputs).
        context: A template rendered once a step, in front of every node's prompt.
        inputs: The names that callers give. None (the default) takes every free name for one.

    Raises:
        SpecError: The nodes cannot work together; it lists every problem.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        *,
        system: str = "",
        context: str = "",
        inputs: Collection[str] | None = None,
    ) -> None:
        problems: list[Problem] = []
        self.nodes = checked_nodes(nodes, problems)
        self.compiled = tuple(compile_node(node, problems) for node in self.nodes)
        self.index = {compiled.name: i for i, compiled in enumerate(self.compiled)}
        self._by_name = {compiled.name: compiled for compiled in self.compiled}
        self.system = compile_text("system", system, problems)
        self.context = compile_text("context", context, problems)
        texts = {"system": self.system, "context": self.context}
        problems.extend(
            first_problems(graph_problems(self.compiled, texts, self.digraph, inputs, self.inputs))
        )
        if not problems:
            found = connect_nodes(self.digraph, self.compiled, self.index)
            self.order = found.order
            self.successors = found.successors
            self.indegrees = found.indegrees
            self.roots = found.roots
            self.ancestors = found.ancestors
            self.recalls = found.recalls
            problems.extend(first_problems(race_problems(self.compiled, found)))
        if problems:
            raise SpecError(problems)
        self.names_models = any(node.model is not None for node in self.nodes)
        """Whether a node names its model."""
        self.bindings: Mapping[Any, tuple[Any, int]] = {}
        """What `kept_binding` keeps for the next time."""

    @cached_property
    def digraph(self) -> "nx.DiGraph[str]":
        """The graph as networkx sees it; edges carry `kind`: value, recall or after."""
        return edges_between(self._by_name)

    @cached_property
    def reads(self) -> Mapping[str, frozenset[str] | None]:
        """Every name that any template or expression reads."""
        reads: dict[str, frozenset[str] | None] = {}
        for compiled in self.compiled:
            merge_reads(reads, compiled.reads)
        for template in (self.system, self.context):
            if template:
                merge_reads(reads, template.reads)
        return reads

    @cached_property
    def inputs(self) -> frozenset[str]:
        """The free names: what `run` must be given."""
        return frozenset(self.reads) - frozenset(self.index) - OWN_NAMES - {"item"}

    @cached_property
    def initials(self) -> tuple[tuple[str, Any], ...]:
        """The nodes that have a value before they first run, with that value."""
        nodes = (compiled.node for compiled in self.compiled)
        return tuple((n.name, n.initial) for n in nodes if n.initial is not MISSING)

    @cached_property
    def sinks(self) -> tuple[str, ...]:
        """The nodes no other node depends on, in order."""
        return tuple(self.nodes[i].name for i in self.order if not self.successors[i])

    @cached_property
    def warnings(self) -> tuple[Problem, ...]:
        """What works but is better otherwise."""
        return tuple(varying_warnings(self.system, self.compiled, frozenset(self.index)))

    @cached_property
    def notes(self) -> tuple[Problem, ...]:
        """What texts of a node's own cost: beginnings of prompts that are no longer shared."""
        return tuple(beginning_notes(self.compiled, self.context))

    def check_inputs(self, given: Collection[str]) -> None:
        """Refuse missing and unknown inputs.

        Raises:
            InputError: An input is missing or is not used by the graph.
        """
        missing = sorted(self.inputs - frozenset(given))
        extra = sorted(frozenset(given) - self.inputs - STEP_NAMES)
        if not missing and not extra:
            return
        lines = [f"missing input '{name}'.{suggest(name, extra)}" for name in missing]
        lines += [f"unknown input '{name}'.{suggest(name, sorted(self.inputs))}" for name in extra]
        expects = ", ".join(sorted(self.inputs)) or "none"
        raise InputError("\n".join([*lines, f"The inputs of this graph: {expects}"]))

    async def run(
        self,
        inputs: Mapping[str, Any] | None = None,
        *,
        model: "ModelLike | None" = None,
        models: Mapping[str, Any] | None = None,
        functions: "Mapping[str, FunctionLike] | None" = None,
        memory: Mapping[str, Any] | None = None,
        on_event: "Callable[[Event], None] | None" = None,
        cache: Cache | None = None,
    ) -> "StepResult":
        """Execute the graph once.

        Args:
            inputs: A value for each name in `graph.inputs`.
            model: The model that answers: an id, a Model, a function of a Request, or LangChain's
                chat model.
            models: Models by the names that nodes use in `model`.
            functions: Python functions by the names that nodes use in `function`.
            memory: Starting values of the memory; the result holds the values after the step.
            on_event: Called with each event as it happens.
            cache: Completions of earlier runs that are taken again, such as a `CompletionFile`.

        The graph keeps the models and functions of the last four different calls.

        Returns:
            The value of every node, by name, with usage, cost and events.

        Raises:
            InputError: An input is missing or unknown.
            SpecError: A model or function is unknown, or a memory key is not declared.
            StepError: Nodes failed; it lists all of them.
        """
        from agentkit.execution.step import run_graph

        check_listener(on_event)
        _check_arguments(cache, inputs=inputs, models=models, functions=functions, memory=memory)
        self.check_inputs(inputs or {})
        return await run_graph(
            self, inputs or {}, model, models or {}, functions or {}, memory or {}, on_event, cache
        )

    @takes_arguments_of(run)
    def run_sync(self, *args: Any, **options: Any) -> "StepResult":
        """Execute the graph as `run` does, without `await`; takes the same arguments.

        It works inside a running event loop too, as in a notebook, which then waits for it.
        """
        return loop.run(self.run(*args, **options))

    @takes_arguments_of(run)
    async def stream(
        self, *args: Any, on_event: "Callable[[Event], None] | None" = None, **options: Any
    ) -> "AsyncIterator[Event]":
        """Execute the graph once, yielding its events as they happen; arguments as `run`.

        Yields:
            Events of `agentkit.events`, from `StepStarted` to `StepFinished`. Errors are raised
            as by `run`.
        """
        check_listener(on_event)

        call = loop.streamed(lambda tell: self.run(*args, on_event=tell, **options), on_event)
        async with aclosing(call) as events:
            async for event in events:
                yield event

    def as_runnable(
        self,
        *,
        model: "ModelLike | None" = None,
        models: Mapping[str, Any] | None = None,
        functions: "Mapping[str, FunctionLike] | None" = None,
        memory: Mapping[str, Any] | None = None,
        cache: Cache | None = None,
        name: str | None = None,
        extra: Literal["forbid", "ignore"] = "forbid",
    ) -> "Runnable[dict[str, Any], dict[str, Any]]":
        """The graph as a LangChain Runnable: inputs go in, the value of each node comes out.

        Args:
            model: The model that answers: an id, a Model, a function of a Request, or LangChain's
                chat model.
            models: Models by the names that nodes use in `model`.
            functions: Python functions by the names that nodes use in `function`.
            memory: What the memory holds at the start of each call.
            cache: Completions of earlier runs that are taken again, such as a `CompletionFile`.
            name: How callbacks and traces call it.
            extra: What happens with a key that is no input: `forbid` is an error; `ignore` ignores
                it, as a node of LangGraph does with the other keys of the state.

        Raises:
            SpecError: A model or function is unknown, or a memory key is not declared.
            InputError: `extra` is neither of the two.
        """
        from agentkit.langchain.runnable import bind_runnable

        _check_arguments(cache, models=models, functions=functions, memory=memory)
        return bind_runnable(
            self, model, models or {}, functions or {}, memory or {},
            cache=cache, name=name, extra=extra,
        )  # fmt: skip

    def __str__(self) -> str:
        """The graph in Mermaid's language."""
        from agentkit.graph.drawing import mermaid

        return mermaid(self)

    def __repr__(self) -> str:
        nodes, inputs = (listed(names, MAX_NAMES) for names in (self.index, sorted(self.inputs)))
        return f"<Graph: {nodes}; inputs: {inputs or 'none'}>"

    def _repr_html_(self) -> str:
        from agentkit.graph.drawing import html

        return html(self)

    def draw(self, path: str | Path) -> Path:
        """Draw the graph to an SVG file (or, with another suffix, write its Mermaid text).

        Returns:
            The path written to.
        """
        from agentkit.graph.drawing import draw

        return draw(self, Path(path))


def _check_arguments(cache: Any, **given: Any) -> None:
    """Refuse what is no cache or no mapping, such as a Memory: only an Agent keeps one."""
    check_kind("cache", cache, Cache, "a cache, such as CompletionFile(path)")
    for name, value in given.items():
        if isinstance(value, Memory):
            raise InputError(f"{name}: a Memory is for an Agent; give its values, memory.start")
        check_kind(name, value, Mapping, "a mapping of names to values")
