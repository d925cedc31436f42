"""Graph: nodes and their dependencies, checked when built and immutable afterwards."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx

from agentkit import loop
from agentkit.errors import InputError, Problem, SpecError, suggest
from agentkit.graph.compile import compile_node, merge_reads, name_problem, unknown_name
from agentkit.graph.node import MISSING, Node
from agentkit.graph.node_fields import checked_nodes
from agentkit.graph.validation import (
    cycle_problems,
    duplicate_problems,
    field_problems,
    name_problems,
    race_problems,
    reference_problems,
    value_fields,
)
from agentkit.models.setting_fields import wrong_kind
from agentkit.templates.prompt_names import OWN_NAMES, STEP_NAMES
from agentkit.templates.template import Template, TemplateProblem, compile_template

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    from agentkit.events import Event
    from agentkit.execution.step import StepResult
    from agentkit.models.base import Cache, Model

VARYING = STEP_NAMES | OWN_NAMES
"""Names whose values change from step to step: a system text that reads one is never cached."""


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
        self.system = self._text("system", system, problems)
        self.context = self._text("context", context, problems)
        problems.extend(self._problems(inputs))
        if not problems:
            self._connect()
            problems.extend(race_problems(self.compiled, self.ancestors))
        if problems:
            raise SpecError(problems)
        self.names_models = any(node.model is not None for node in self.nodes)
        """Whether a node names its model."""
        self.bindings: Mapping[Any, tuple[Any, int]] = {}
        """What `kept_binding` keeps for the next time."""

    def _text(self, field: str, source: Any, problems: list[Problem]) -> Template | None:
        """Compile the system or the context; None where there is none."""
        if not isinstance(source, str):
            problems.append(Problem(wrong_kind(source, "a text"), field=field))
            return None
        if not source.strip():
            return None
        try:
            return compile_template(source)
        except TemplateProblem as error:
            problems.append(Problem(error.message, field=field, offset=error.lineno - 1))
            return None

    def _problems(self, inputs: Collection[str] | None) -> Iterator[Problem]:
        """Everything wrong between the nodes, apart from races."""
        if isinstance(inputs, str):
            yield Problem(wrong_kind(inputs, "a list of names"), field="inputs")
            return
        yield from duplicate_problems(self.compiled)
        nodes = {compiled.name: compiled for compiled in self.compiled}
        for name in inputs or ():
            both = f"'{name}' is both an input and a node: rename one of them"
            if message := name_problem(name) or (both if name in nodes else None):
                yield Problem(message, field="inputs", key=name)
        yield from self._shared_text_problems(nodes, inputs)
        fields = {name: value_fields(compiled) for name, compiled in nodes.items()}
        for compiled in self.compiled:
            yield from name_problems(compiled, nodes.keys(), inputs)
            yield from field_problems(compiled, fields)
            yield from reference_problems(compiled, nodes)
        yield from cycle_problems(self.digraph)

    def _shared_text_problems(
        self, nodes: Collection[str], inputs: Collection[str] | None
    ) -> Iterator[Problem]:
        """Names that `system` and `context` may not use."""
        for field, template in (("system", self.system), ("context", self.context)):
            known = VARYING | frozenset(inputs or ())
            for name in template.reads if template else ():
                if name in nodes:
                    message = (
                        f"'{name}' is a node, and this text is filled in before any node; "
                        f"'previous.{name}' is its value of the step before"
                    )
                    yield Problem(message, field=field)
                elif name in {"item", "output"} or (inputs is not None and name not in known):
                    yield Problem(unknown_name(name, known), field=field)

    @cached_property
    def digraph(self) -> "nx.DiGraph[str]":
        """The graph as networkx sees it; edges carry `kind`: value, recall or after."""
        digraph: nx.DiGraph[str] = nx.DiGraph()
        digraph.add_nodes_from(self.index)
        for compiled in self.compiled:
            named = {
                "after": compiled.node.after,
                "recall": compiled.node.recall,
                "value": compiled.reads,
            }
            for kind, names in named.items():
                for name in names:
                    if name in self.index and name != compiled.name:
                        digraph.add_edge(name, compiled.name, kind=kind)
        return digraph

    def _connect(self) -> None:
        """Turn the dependencies into the integer lists a step works on."""
        names = [compiled.name for compiled in self.compiled]
        index = self.index
        self.successors = tuple(
            sorted(index[n] for n in self.digraph.successors(name)) for name in names
        )
        self.indegrees = tuple(self.digraph.in_degree(name) for name in names)
        self.order = tuple(
            index[n] for n in nx.lexicographical_topological_sort(self.digraph, index.__getitem__)
        )
        ancestors = [0] * len(names)
        for i in self.order:
            for successor in self.successors[i]:
                ancestors[successor] |= ancestors[i] | 1 << i
        self.ancestors = tuple(ancestors)
        """For each node the set of nodes that always finish before it, as bits."""
        rank = {i: position for position, i in enumerate(self.order)}
        self.recalls = tuple(
            tuple(sorted((index[n] for n in c.node.recall), key=rank.__getitem__))
            for c in self.compiled
        )
        self.roots = tuple(i for i in self.order if not self.indegrees[i])

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
        varying = sorted(VARYING & frozenset(self.system.reads if self.system else ()))
        if not varying:
            return ()
        message = (
            f"the system text changes with {', '.join(varying)}, so no provider can cache it: "
            "move what changes to 'context'"
        )
        return (Problem(message, field="system"),)

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
        model: "Model | str | Callable[..., Any] | None" = None,
        models: Mapping[str, Any] | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        memory: Mapping[str, Any] | None = None,
        on_event: "Callable[[Event], None] | None" = None,
        cache: "Cache | None" = None,
    ) -> "StepResult":
        """Execute the graph once.

        Args:
            inputs: A value for each name in `graph.inputs`.
            model: The model that answers: an id, a Model, or a function of a Request.
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

        self.check_inputs(inputs or {})
        return await run_graph(
            self, inputs or {}, model, models or {}, functions or {}, memory or {}, on_event, cache
        )

    def run_sync(self, inputs: Mapping[str, Any] | None = None, **options: Any) -> "StepResult":
        """Execute the graph as `run` does, without `await`; takes the same arguments.

        It works inside a running event loop too, as in a notebook, which then waits for it.
        """
        return loop.run(self.run(inputs, **options))

    async def stream(
        self, inputs: Mapping[str, Any] | None = None, **options: Any
    ) -> "AsyncIterator[Event]":
        """Execute the graph once, yielding its events as they happen; arguments as `run`.

        Yields:
            Events, from `StepStarted` to `StepFinished`. Errors are raised as by `run`.
        """
        queue: asyncio.Queue[Event | None] = asyncio.Queue()
        task = asyncio.create_task(self.run(inputs, on_event=queue.put_nowait, **options))
        task.add_done_callback(lambda _: queue.put_nowait(None))
        try:
            while (event := await queue.get()) is not None:
                yield event
            await task
        finally:
            task.cancel()

    def as_runnable(
        self,
        *,
        model: "Model | str | Callable[..., Any] | None" = None,
        models: Mapping[str, Any] | None = None,
        functions: Mapping[str, Callable[..., Any]] | None = None,
        memory: Mapping[str, Any] | None = None,
        cache: "Cache | None" = None,
        name: str | None = None,
    ) -> "Runnable[dict[str, Any], dict[str, Any]]":
        """The graph as a LangChain Runnable: inputs go in, the value of each node comes out.

        Args:
            model: The model that answers: an id, a Model, or a function of a Request.
            models: Models by the names that nodes use in `model`.
            functions: Python functions by the names that nodes use in `function`.
            memory: What the memory holds at the start of each call.
            cache: Completions of earlier runs that are taken again, such as a `CompletionFile`.
            name: How callbacks and traces call it.

        Raises:
            SpecError: A model or function is unknown, or a memory key is not declared.
        """
        from agentkit.langchain.runnable import bind_runnable

        return bind_runnable(
            self, model, models or {}, functions or {}, memory or {}, cache=cache, name=name
        )

    def __str__(self) -> str:
        """The graph in Mermaid's language."""
        from agentkit.graph.drawing import mermaid

        return mermaid(self)

    def draw(self, path: str | Path) -> Path:
        """Draw the graph to an SVG file (or, with another suffix, write its Mermaid text).

        Returns:
            The path written to.
        """
        from agentkit.graph.drawing import draw

        return draw(self, Path(path))
