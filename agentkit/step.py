"""Execute a graph once: every node as soon as its last dependency has finished."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from agentkit.asking import (
    Meter,
    Question,
    Shared,
    Turn,
    Unanswered,
    checked_items,
    make_question,
)
from agentkit.binding import Binding, BoundNode
from agentkit.calling import call
from agentkit.errors import (
    AgentKitError,
    OutputError,
    RenderError,
    StepError,
    StepInterrupted,
)
from agentkit.events import (
    Event,
    MemoryWritten,
    NodeCancelled,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    StepFailed,
    StepFinished,
    StepStarted,
)
from agentkit.messages import Usage
from agentkit.node import Node
from agentkit.overlay import Overlay
from agentkit.prompt import Expression, Template
from agentkit.reuse import ReuseCache
from agentkit.scope import Scope, State
from agentkit.values import json_copy


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one execution of a graph gave. `result["plan"]` is the value of node `plan`."""

    values: Mapping[str, Any]
    """Value of every node, by name."""
    status: Mapping[str, str]
    """`ok`, `otherwise` or `skipped`, by node."""
    state: State
    """What the next step starts from."""
    usage: Usage
    """Tokens and calls."""
    cost_usd: float | None
    """What it cost; None when a price is unknown."""
    action: str | None = None
    """The action, for an agent."""
    trace: Sequence[Event] = ()
    """The events, where they were kept."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def memory(self) -> Mapping[str, Any]:
        """The memory after the step."""
        return self.state.memory


class StepRun:
    """One execution of a graph, from its inputs and the last state to a result.

    Args:
        binding: The graph with its models and functions.
        names: Values of the inputs and of the names the environment gives.
        state: What the step before left.
        action: The template that gives the action.
        reuse: Completions that nodes with `reuse` may take again.
        emit: Called with each event; None records nothing.
        stopping: Asked before each node starts; True starts nothing more.
        streaming: Whether models shall hand over their text as it arrives.
    """

    def __init__(
        self,
        binding: Binding,
        names: Mapping[str, Any],
        state: State,
        *,
        action: Template | None = None,
        reuse: ReuseCache | None = None,
        emit: Callable[[Event], None] | None = None,
        stopping: Callable[[], bool] | None = None,
        streaming: bool = False,
    ) -> None:
        self._action = action
        self._emit = emit
        self._stopping = stopping
        self._stopped = False
        self._step = int(names.get("step") or 0)
        self._scope = Scope(binding.graph, names, state)
        self._overlay = Overlay(binding)
        self._roots = binding.graph.roots
        self._status: dict[str, str] = {}
        self._failures: dict[str, Exception] = {}
        self._meter = Meter()
        self._shared = Shared(
            self._step,
            int(names.get("episode") or 0),
            emit,
            streaming,
            self._meter,
            reuse or ReuseCache(),
        )

    async def run(self) -> StepResult:
        """Execute the graph.

        Raises:
            StepError: Nodes failed; everything that did not depend on them has run.
            StepInterrupted: The step was asked to stop; nothing is committed.
        """
        started = time.perf_counter()
        self._record(StepStarted(self._step))
        self._attempt("context", self._scope.render_prefix)
        first, *others = self._roots
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for index in others:
                    self._tasks.create_task(self._run_from(index))
                await self._run_from(first)
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        usage, cost_usd = self._meter.usage, self._meter.cost_usd
        stopped = len(self._status) < len(self._overlay.nodes)
        action = None
        if not self._failures and not stopped:
            action = self._attempt("action", self._render_action)
        if self._failures or stopped:
            messages = {name: str(error) for name, error in self._failures.items()}
            self._record(StepFailed(self._step, messages, usage, cost_usd))
            if self._failures:
                raise StepError(self._failures)
            raise StepInterrupted("the step was stopped before its end; nothing of it is kept")
        latency_s = time.perf_counter() - started
        self._record(StepFinished(self._step, usage, cost_usd, latency_s, action))
        state = self._scope.state
        return StepResult(state.values, self._status, state, usage, cost_usd, action)

    def _record(self, event: Event) -> None:
        if self._emit:
            self._emit(event)

    def _attempt(self, what: str, fill: Callable[[], str | None]) -> str | None:
        """Fill in a text that belongs to no node; its error counts like a node's."""
        try:
            return fill()
        except RenderError as error:
            self._failures[what] = error
            self._stopped = True
            return None

    def _render_action(self) -> str | None:
        if self._action is None:
            return None
        return self._action.render(self._scope.variables(self._action.reads)).strip()

    async def _run_from(self, index: int) -> None:
        """Run a node, then one that became ready; others that did get tasks of their own."""
        overlay = self._overlay
        while index >= 0:
            if self._stopped or (self._stopping is not None and self._stopping()):
                return
            await self._run_node(index)
            following = -1
            for successor in overlay.successors[index]:
                overlay.indegrees[successor] -= 1
                if overlay.indegrees[successor] == 0:
                    if following < 0:
                        following = successor
                    else:
                        self._tasks.create_task(self._run_from(successor))
            index = following

    async def _run_node(self, index: int) -> None:
        """Run one node; whatever goes wrong with it is recorded, not raised."""
        bound = self._overlay.nodes[index]
        name = bound.compiled.node.name
        because = self._overlay.blocked.get(index)
        if because is not None:
            self._overlay.block(index, because)
            self._status[name] = "cancelled"
            if self._emit:
                self._emit(NodeCancelled(self._step, name, because))
            return
        try:
            self._status[name] = await self._execute(index, bound)
        except Unanswered as error:
            self._failed(index, name, None, error)
        except AgentKitError as error:
            self._failed(index, name, None, Unanswered(error, 1, None))

    def _failed(self, index: int, name: str, item: int | None, error: Unanswered) -> None:
        if self._emit:
            self._emit(
                NodeFailed(
                    self._step, name, item, error.attempt, str(error.cause), error.completion
                )
            )
        if item is None:
            self._status[name] = "failed"
            self._failures[name] = error.cause
            self._overlay.block(index, name)

    async def _execute(self, index: int, bound: BoundNode) -> str:
        """Run one node and keep its value; returns its status."""
        compiled = bound.compiled
        node, name = compiled.node, compiled.node.name
        scope = self._scope
        if compiled.when is not None and not scope.evaluate(compiled.when):
            if self._emit:
                self._emit(NodeSkipped(self._step, name, scope.values.get(name)))
            return "skipped"
        status = "ok"
        if compiled.each is not None:
            value = await self._each(index, bound, compiled.each)
        elif bound.function is not None:
            handle = Step(self, index) if bound.function.takes_step else None
            variables = scope.variables(compiled.reads)
            value, status = await call(self._shared, bound, variables, None, handle)
        else:
            variables = scope.question_variables(compiled.reads, node.with_context)
            question = self._question(index, bound, variables, None)
            value, turn = await question.ask()
            scope.turns[name] = (turn,)
            status = question.status
        scope.values[name] = value
        if node.save:
            self._save(bound, value)
        return status

    def _question(
        self, index: int, bound: BoundNode, variables: Mapping[str, Any], item: int | None
    ) -> Question:
        """A prompt node's question with the whole conversation before it."""
        nodes = self._overlay.nodes
        recalled = tuple(nodes[i].compiled.name for i in self._overlay.recalls[index])
        before = self._scope.before(bound.compiled.node.with_context, recalled)
        return make_question(self._shared, bound, variables, before, item)

    async def _each(self, index: int, bound: BoundNode, each: Expression) -> list[Any]:
        """Ask (or call) once per item, all at once; the value is the list of answers."""
        node = bound.compiled.node
        items = checked_items(self._scope.evaluate(each))
        variables = self._scope.question_variables(bound.compiled.reads, node.with_context)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._item(index, bound, {**variables, "item": item}, position))
                for position, item in enumerate(items)
            ]
        results = [task.result() for task in running]
        errors = {i: r for i, r in enumerate(results) if isinstance(r, AgentKitError)}
        if errors:
            listed = "; ".join(f"item {i}: {error}" for i, error in errors.items())
            raise OutputError(f"{len(errors)} of {len(results)} items failed: {listed}")
        pairs = [r for r in results if not isinstance(r, AgentKitError)]
        if bound.function is None:
            self._scope.turns[node.name] = tuple(turn for _, turn in pairs if turn is not None)
        value = [answer for answer, _ in pairs]
        if self._emit:
            self._emit(NodeFinished(self._step, node.name, None, 1, "ok", value))
        return value

    async def _item(
        self, index: int, bound: BoundNode, variables: Mapping[str, Any], item: int
    ) -> tuple[Any, Turn | None] | AgentKitError:
        """One item of an `each` node: its value and turn, or what went wrong."""
        try:
            if bound.function is not None:
                value, _ = await call(self._shared, bound, variables, item, Step(self, index))
                return value, None
            return await self._question(index, bound, variables, item).ask()
        except Unanswered as error:
            failure = error
        except AgentKitError as error:
            failure = Unanswered(error, 1, None)
        self._failed(index, bound.compiled.name, item, failure)
        return failure.cause

    def _save(self, bound: BoundNode, value: Any) -> None:
        """Write memory, all keys of a node at once."""
        written: dict[str, Any] = {}
        for key, expression in bound.compiled.save:
            variables = {**self._scope.variables(expression.reads), "output": value}
            try:
                written[key] = json_copy(expression.evaluate(variables), f"memory.{key}")
            except TypeError as error:
                raise RenderError(f"save: {error}") from error
        self._scope.memory.update(written)
        if self._emit:
            for key, saved in written.items():
                self._emit(MemoryWritten(self._step, bound.compiled.name, key, saved))


class Step:
    """The running step, as a function node sees it (through a parameter called `step`)."""

    def __init__(self, run: StepRun, adder: int) -> None:
        self._run = run
        self._adder = adder

    def add(self, node: Node, before: Sequence[str] = ()) -> str:
        """Add a node to the current step. It starts when the function has returned.

        Args:
            node: The node; it is named after the adder: `adder.1`, `adder.2`, ...
            before: Nodes that wait for it and find its question and answer in their conversation.

        Returns:
            The name of the added node.

        Raises:
            SpecError: It cannot work: it reads a node that the adder does not come after, races
                for a memory key, or a node in `before` has already started.
        """
        added, event = self._run._overlay.add(
            node, before, self._adder, self._run._step, self._run._status
        )
        if self._run._emit:
            self._run._emit(event)
        return added


async def run_graph(
    graph: Any,
    inputs: Mapping[str, Any],
    model: Any,
    models: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]],
    memory: Mapping[str, Any],
    on_event: Callable[[Event], None] | None,
) -> StepResult:
    """`Graph.run`: bind and execute once, keeping the events."""
    from agentkit.binding import bind

    events: list[Event] = []

    def emit(event: Event) -> None:
        events.append(event)
        if on_event is not None:
            on_event(event)

    binding = bind(graph, model, models, functions, memory)
    run = StepRun(
        binding,
        inputs,
        State(memory=json_copy(memory, "memory")),
        emit=emit,
        streaming=on_event is not None,
    )
    result = await run.run()
    return replace(result, trace=tuple(events))
