"""Execute a graph once: every node as soon as its last dependency has finished."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from agentkit.errors import RenderError, StepError, StepInterrupted
from agentkit.events import Event, StepFailed, StepFinished, StepStarted
from agentkit.execution.binding import BoundNode, PromptNode
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.kept_bindings import kept_binding
from agentkit.execution.node_runner import RaisedCancellation, run_node
from agentkit.execution.running_step import Step
from agentkit.execution.scope import Probabilities, State
from agentkit.execution.step_run import StepRun
from agentkit.graph.graph import Graph
from agentkit.messages import Usage
from agentkit.models.base import Cache
from agentkit.program.display import MAX_NAMES, dollars, html_table, short
from agentkit.program.raised_errors import causes_of
from agentkit.templates.prompt_names import STEP_NAMES
from agentkit.values import checked_copy

if TYPE_CHECKING:
    from agentkit.graph.node import FunctionLike


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one execution of a graph gave. `result["plan"]` is the value of node `plan`."""

    values: Mapping[str, Any]
    """Value of every node, by name: JSON, or an instance where `output` is a class of Python."""
    status: Mapping[str, str]
    """`ok`, `cut`, `otherwise` or `skipped`, by node."""
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

    def __repr__(self) -> str:
        shown = list(islice(self.values.items(), MAX_NAMES))
        values = [f"{name}={short(value)}" for name, value in shown]
        more = (
            [f"and {len(self.values) - len(shown)} more"] if len(self.values) > len(shown) else []
        )
        return f"<StepResult: {', '.join([*values, *more])}; {self._used}>"

    def _repr_html_(self) -> str:
        rows = ((name, self.status.get(name, ""), value) for name, value in self.values.items())
        action = "" if self.action is None else f"action: {short(self.action)}; "
        return html_table(f"{action}{self._used}", ("node", "status", "value"), rows)

    @property
    def _used(self) -> str:
        return f"{self.usage.calls} calls, {dollars(self.cost_usd)}"

    @property
    def cost_usd(self) -> float | None:
        """What it cost in US dollars; None when a price is unknown."""
        return self.usage.cost_usd

    @property
    def probabilities(self) -> Mapping[str, Probabilities]:
        """Of every option, by the nodes whose value is a decision; of one with `each` a list."""
        return self.state.probabilities

    @property
    def memory(self) -> Mapping[str, Any]:
        """The memory after the step."""
        return self.state.memory


async def execute_step(run: StepRun) -> StepResult:
    """Execute a graph.

    Raises:
        StepError: Nodes failed; everything that did not depend on them has run.
        StepInterrupted: The step was asked to stop; nothing is committed.
        LimitExceeded: It was stopped by a limit.
    """
    with _span(run) as tell:
        started = time.perf_counter()
        _tell(run, StepStarted(run.step))
        error: BaseException | None = None
        try:
            _attempt(run, "the context", run.scope.render_prefix)
            first, *others = run.schedule.roots
            async with asyncio.TaskGroup() as tasks:
                for index in others:
                    tasks.create_task(_run_from(run, index, tasks))
                await _run_from(run, first, tasks)
            finished = len(run.status) == len(run.schedule.nodes)
            action = None
            if finished and not run.failures:
                action = _attempt(run, "the action", lambda: _render_action(run))
        except BaseExceptionGroup as group:
            error = _first(group)
        except BaseException:
            _end_failed(run)
            raise
        if error is not None or run.failures or not finished:
            _end_failed(run)
            raise error or _why_not_finished(run)
        result = _end_finished(run, action, time.perf_counter() - started)
        tell(_outcome(run, action))
        return result


def _why_not_finished(run: StepRun) -> Exception:
    """The error of a step that came to its end without all its values."""
    if run.failures:
        failures = _ordered_failures(run)
        step_error = StepError(failures)
        step_error.__cause__ = causes_of("raised in this step", failures.values())
        return step_error
    if run.interruption is not None:
        return run.interruption
    return StepInterrupted("the step was stopped before its end; nothing of it is kept")


@contextmanager
def _span(run: StepRun) -> Iterator[Callable[[Any], None]]:
    """A span around the step, where the program wants any; gives what takes its outcome."""
    if run.tracing is None:
        yield lambda outcome: None
        return
    outcomes: list[Any] = [None]
    with run.tracing.step(run.episode, run.step, _given(run)) as note:
        try:
            yield outcomes.append
        finally:
            note(run.usage, outcomes[-1])


def _given(run: StepRun) -> Any:
    """What a step begins with: the observation, or else the inputs."""
    observation = run.names.get("observation")
    if observation is not None:
        return observation
    return {k: value for k, value in run.names.items() if k not in STEP_NAMES} or None


def _outcome(run: StepRun, action: str | None) -> Any:
    """What comes of a step: the action, or else the values that no other node reads."""
    if run.tracing is None or action is not None:
        return action
    values = run.scope.values
    found = {name: values.get(name) for name in run.graph.sinks}
    return next(iter(found.values())) if len(found) == 1 else found


async def _run_from(run: StepRun, index: int, tasks: asyncio.TaskGroup) -> None:
    """Run a node, then one that became ready; others that did get tasks of their own."""
    schedule = run.schedule
    while index >= 0:
        if run.is_stopped():
            return
        await run_node(run, index, Step)
        following = -1
        for successor in schedule.successors[index]:
            schedule.indegrees[successor] -= 1
            if schedule.indegrees[successor] == 0:
                if following < 0:
                    following = successor
                else:
                    tasks.create_task(_run_from(run, successor, tasks))
        index = following


def _attempt(run: StepRun, what: str, fill: Callable[[], str | None]) -> str | None:
    """Fill in a text that belongs to no node; its error counts like a node's."""
    try:
        return fill()
    except RenderError as error:
        run.failures[what] = error
        run.stopped = True
        return None


def _render_action(run: StepRun) -> str | None:
    if run.action is None:
        return None
    return run.action.render(run.scope.variables(run.action.reads)).strip()


def _end_failed(run: StepRun) -> None:
    """Say what the step used, and forget the rest of it."""
    run.ended = True
    run.source.reuse.discard()
    messages = {name: str(error) for name, error in _ordered_failures(run).items()}
    _tell(run, StepFailed(run.step, messages, run.settle()))


def _end_finished(run: StepRun, action: str | None, latency_s: float) -> StepResult:
    run.ended = True
    run.source.reuse.commit()
    usage, scope = run.settle(), run.scope
    _tell(run, StepFinished(run.step, usage, latency_s, action))
    trace = tuple(run.trace or ())
    return StepResult(_python_values(run), run.status, scope.state, usage, action, trace)


def _python_values(run: StepRun) -> Mapping[str, Any]:
    """The value of every node as the program gets it, in the graph's order."""
    values, schedule = run.scope.values, run.schedule
    nodes: Sequence[BoundNode] = schedule.nodes
    if schedule.has_added:
        nodes = sorted(nodes, key=lambda node: schedule.place(node.compiled.name))
    found = {}
    for node in nodes:
        name = node.compiled.name
        if name in values:
            is_python = isinstance(node, PromptNode) and node.output.python
            found[name] = node.compiled.python_value(values[name]) if is_python else values[name]
    return found


def _ordered_failures(run: StepRun) -> dict[str, Exception]:
    """What failed, in the graph's order."""
    names = sorted(run.failures, key=run.schedule.place)
    return {name: run.failures[name] for name in names}


def _tell(run: StepRun, event: Event) -> None:
    if run.emit:
        run.emit(event)


async def run_graph(
    graph: Graph,
    inputs: Mapping[str, Any],
    model: Any,
    models: Mapping[str, Any],
    functions: "Mapping[str, FunctionLike]",
    memory: Mapping[str, Any],
    on_event: Callable[[Event], None] | None,
    cache: Cache | None,
) -> StepResult:
    """`Graph.run`: bind and execute once, keeping the events."""
    binding = kept_binding(graph, model, models, functions, memory)
    run = StepRun(
        binding,
        inputs,
        State(memory=checked_copy(memory, "memory")),
        source=CompletionSource(cache=cache),
        emit=on_event,
        streaming=on_event is not None,
        trace=[],
    )
    return await execute_step(run)


def _first(error: BaseException) -> BaseException:
    """The first error in a group; an `each` node makes a group inside the group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, RaisedCancellation) and error.__cause__ is not None:
        return error.__cause__
    return error
