"""Execute a graph once: every node as soon as its last dependency has finished."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from agentkit.errors import (
    AgentKitError,
    InputError,
    RenderError,
    StepError,
    StepInterrupted,
    TraceError,
)
from agentkit.events import Event, NodeCancelled, StepFailed, StepFinished, StepStarted
from agentkit.execution.binding import Binding
from agentkit.execution.completions import CompletionSource
from agentkit.execution.kept_bindings import kept_binding
from agentkit.execution.node_runner import NodeRunner
from agentkit.execution.prompt_call import Shared
from agentkit.execution.schedule import StepSchedule
from agentkit.execution.scope import Scope, State
from agentkit.graph.graph import Graph
from agentkit.graph.node import Node
from agentkit.messages import Usage
from agentkit.models.base import Cache
from agentkit.observability.logs import step_log
from agentkit.observability.telemetry import get_tracing
from agentkit.templates.template import Template
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
    """Tokens, calls and cost."""
    action: str | None = None
    """The action, for an agent."""
    trace: Sequence[Event] = ()
    """The events, where they were kept."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def cost_usd(self) -> float | None:
        """What it cost in US dollars; None when a price is unknown."""
        return self.usage.cost_usd

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
        source: Where completions come from; by default the models, without limits.
        emit: Called with each event; None records nothing.
        stopping: Asked before each node starts; True starts nothing more.
        streaming: Whether models shall hand over their text as it arrives.
        agent: The agent's name, for logs and spans; empty for a graph of its own.
        trace: Takes the events, which the result then has; None keeps none.
    """

    def __init__(
        self,
        binding: Binding,
        names: Mapping[str, Any],
        state: State,
        *,
        action: Template | None = None,
        source: CompletionSource | None = None,
        emit: Callable[[Event], None] | None = None,
        stopping: Callable[[], bool] | None = None,
        streaming: bool = False,
        agent: str = "",
        trace: list[Event] | None = None,
    ) -> None:
        self._step = _number(names.get("step"))
        self._episode = _number(names.get("episode"))
        self._action = action
        self._trace = trace
        keep = None if trace is None else trace.append
        self._emit = emit = _both(_both(step_log(agent, self._episode), keep), emit)
        self._tracing = get_tracing(agent)
        self._stopping = stopping
        self._stopped = False
        self._interruption: StepInterrupted | None = None
        self._scope = Scope(binding.graph, names, state)
        self._schedule = StepSchedule(binding)
        self._roots = binding.graph.roots
        self._status: dict[str, str] = {}
        self._failures: dict[str, Exception] = {}
        self._source = source or CompletionSource()
        budget = self._source.budget
        self._watched = budget if budget is not None and budget.watches_calls else None
        self._shared = Shared(
            self._step,
            self._episode,
            emit,
            streaming,
            self._source,
            self._is_stopped,
            self._tracing,
        )
        self._runner = NodeRunner(self._shared, self._scope, self._schedule, partial(Step, self))

    async def run(self) -> StepResult:
        """Execute the graph.

        Raises:
            StepError: Nodes failed; everything that did not depend on them has run.
            StepInterrupted: The step was asked to stop; nothing is committed.
            LimitExceeded: It was stopped by a limit.
        """
        if self._tracing is None:
            return await self._execute()
        with self._tracing.step(self._episode, self._step) as note:
            try:
                return await self._execute()
            finally:
                note(self._shared.usage)

    async def _execute(self) -> StepResult:
        started = time.perf_counter()
        self._record(StepStarted(self._step))
        try:
            self._attempt("the context", self._scope.render_prefix)
            await self._run_all()
        except BaseException:
            self._end_failed()
            raise
        finally:
            del self._runner  # it leads back here: a circle would keep every value for long
        stopped = len(self._status) < len(self._schedule.nodes)
        action = None
        if not self._failures and not stopped:
            action = self._attempt("the action", self._render_action)
        if self._failures or stopped:
            self._end_failed()
            if self._failures:
                raise StepError(self._ordered_failures())
            if self._interruption is not None:
                raise self._interruption
            raise StepInterrupted("the step was stopped before its end; nothing of it is kept")
        return self._end_finished(action, time.perf_counter() - started)

    async def _run_all(self) -> None:
        first, *others = self._roots
        try:
            async with asyncio.TaskGroup() as self._tasks:
                for index in others:
                    self._tasks.create_task(self._run_from(index))
                await self._run_from(first)
        except BaseExceptionGroup as group:
            raise _first(group) from None

    def _used(self) -> Usage:
        """What the step used, with the calls that got no answer and with recorded answers that
        were paid for and not needed again."""
        shared, source = self._shared, self._source
        if source.recorded_calls is not None:
            shared.usage += source.recorded_calls.settle(self._step)
        shared.usage += source.take_unanswered()
        return shared.usage

    def _end_failed(self) -> None:
        """Say what the step used, and forget the rest of it."""
        self._source.reuse.discard()
        messages = {name: str(error) for name, error in self._ordered_failures().items()}
        self._record(StepFailed(self._step, messages, self._used()))

    def _end_finished(self, action: str | None, latency_s: float) -> StepResult:
        self._source.reuse.commit()
        usage = self._used()
        self._record(StepFinished(self._step, usage, latency_s, action))
        scope, trace = self._scope, tuple(self._trace or ())
        return StepResult(scope.values, self._status, scope.state, usage, action, trace)

    def _ordered_failures(self) -> dict[str, Exception]:
        """What failed, in the graph's order."""
        return {
            name: self._failures[name] for name in sorted(self._failures, key=self._schedule.place)
        }

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

    def _is_stopped(self) -> bool:
        """Whether nothing new may start: the user said so, or a limit was reached."""
        if self._watched is not None and (over := self._watched.over()) is not None:
            self._interruption = self._interruption or over
            self._stopped = True
        return self._stopped or (self._stopping is not None and self._stopping())

    async def _run_from(self, index: int) -> None:
        """Run a node, then one that became ready; others that did get tasks of their own."""
        schedule = self._schedule
        while index >= 0:
            if self._is_stopped():
                return
            await self._run_node(index)
            following = -1
            for successor in schedule.successors[index]:
                schedule.indegrees[successor] -= 1
                if schedule.indegrees[successor] == 0:
                    if following < 0:
                        following = successor
                    else:
                        self._tasks.create_task(self._run_from(successor))
            index = following

    def add(self, node: Node, before: Sequence[str], adder: int, item: int | None) -> str:
        """Add a node to this step; see `Step.add`."""
        done = self._schedule.nodes[adder].compiled.name in self._status
        event = self._schedule.add(node, before, adder, item, self._step, done)
        self._record(event)
        return event.node

    async def _run_node(self, index: int) -> None:
        """Run one node; what goes wrong with it is recorded, not raised, unless it cannot be."""
        bound = self._schedule.nodes[index]
        name = bound.compiled.node.name
        because = self._schedule.blocked.get(index)
        if because is not None:
            self._schedule.block(index, because)
            self._status[name] = "cancelled"
            if self._emit:
                self._emit(NodeCancelled(self._step, name, because))
            return
        try:
            self._status[name] = await self._runner.execute(index)
        except StepInterrupted as error:
            self._stopped = True
            self._interruption = self._interruption or error
        except TraceError:
            raise
        except AgentKitError as error:
            self._status[name] = "failed"
            self._failures[name] = error
            self._schedule.block(index, name)


class Step:
    """The running step, as a function node sees it (through a parameter called `step`)."""

    def __init__(self, run: StepRun, adder: int, item: int | None = None) -> None:
        self._run = run
        self._adder = adder
        self._item = item

    def add(self, node: Node, before: Sequence[str] = ()) -> str:
        """Add a node to the current step. It starts when the function's node has finished.

        Args:
            node: The node; it is named after the adder: `adder.1`, `adder.2`, ..., or
                `adder.0.1` and so on when the adder goes through items.
            before: Nodes that wait for it and find its question and answer in their conversation;
                they must come after the adder anyway.

        Returns:
            The name of the added node.

        Raises:
            SpecError: It cannot work: it reads a node that the adder does not come after, races
                for a memory key, a node in `before` does not come after the adder, or the
                function has returned.
        """
        return self._run.add(node, before, self._adder, self._item)


async def run_graph(
    graph: Graph,
    inputs: Mapping[str, Any],
    model: Any,
    models: Mapping[str, Any],
    functions: Mapping[str, Callable[..., Any]],
    memory: Mapping[str, Any],
    on_event: Callable[[Event], None] | None,
    cache: Cache | None,
) -> StepResult:
    """`Graph.run`: bind and execute once, keeping the events."""
    binding = kept_binding(graph, model, models, functions, memory)
    run = StepRun(
        binding,
        inputs,
        State(memory=_checked_memory(memory)),
        source=CompletionSource(cache=cache),
        emit=on_event,
        streaming=on_event is not None,
        trace=[],
    )
    return await run.run()


def _both(
    first: Callable[[Event], None] | None, second: Callable[[Event], None] | None
) -> Callable[[Event], None] | None:
    if first is None or second is None:
        return first or second

    def emit(event: Event) -> None:
        first(event)
        second(event)

    return emit


def _checked_memory(memory: Mapping[str, Any]) -> dict[str, Any]:
    try:
        copied: dict[str, Any] = json_copy(memory, "memory")
    except TypeError as error:
        raise InputError(str(error)) from error
    return copied


def _number(value: Any) -> int:
    """The step or episode number that an environment gives; a graph's own input is none."""
    return value if isinstance(value, int) else 0


def _first(error: BaseException) -> BaseException:
    """The first error in a group; an `each` node makes a group inside the group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
