"""Run one node of a step: skip it, ask, call, or do so for each item; then save."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from agentkit.errors import (
    AccessError,
    AgentKitError,
    ErrorText,
    FunctionError,
    ModelError,
    OutputError,
    RenderError,
    StepInterrupted,
    TraceError,
)
from agentkit.events import MemoryWritten, NodeCancelled, NodeFailed, NodeFinished, NodeSkipped
from agentkit.execution.binding import BoundNode, FunctionNode
from agentkit.execution.function_call import FunctionCall
from agentkit.execution.prompt_call import (
    Outcome,
    PromptCall,
    make_prompt_call,
    told,
)
from agentkit.execution.step_run import StepRun
from agentkit.program.raised_errors import causes_of
from agentkit.values import json_copy

_MOST_ITEMS: Final = 10_000
"""The most items an `each` node takes: more is a mistake in the list, not a wish."""

MakeStep = Callable[[StepRun, int, int | None], Any]
"""Gives the running step to a function that takes it, by node and item."""


class RaisedCancellation(BaseException):
    """A function raised `CancelledError` itself, its cause: a task group would swallow that."""


async def run_node(run: StepRun, index: int, make_step: MakeStep) -> None:
    """Run a node whose dependencies are done, writing its value, turns and memory.

    What goes wrong with it is recorded, not raised, and its dependents will not run.

    Args:
        run: The step.
        index: The node's index in the schedule.
        make_step: Gives the running step to a function that takes it.

    Raises:
        TraceError: It cannot be recorded.
        RaisedCancellation: A function raised the error of a cancellation.
        BaseException: A function raised an error that is for the program around the graph.
    """
    node = run.schedule.nodes[index]
    name = node.compiled.name
    because = run.schedule.blocked.get(index)
    if because is not None:
        run.schedule.block(index, because)
        run.status[name] = "cancelled"
        if run.emit:
            run.emit(NodeCancelled(run.step, name, because))
        return
    try:
        error = await _run(run, index, node, make_step)
    except (StepInterrupted, TraceError) as stop:
        error = stop
    except asyncio.CancelledError as cancellation:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise RaisedCancellation from cancellation
    except AgentKitError as failure:
        error = failure
        _tell_failure(run, node, None, failure)
    if isinstance(error, TraceError):
        raise error
    if isinstance(error, StepInterrupted):
        run.stop(error)
    elif error is not None:
        run.status[name] = "failed"
        run.failures[name] = error
        run.schedule.block(index, name)


async def _run(
    run: StepRun, index: int, node: BoundNode, make_step: MakeStep
) -> AgentKitError | None:
    """Run a node; gives the error of its one call, which was recorded.

    Raises:
        AgentKitError: Something else of it went wrong.
    """
    scope, compiled = run.scope, node.compiled
    name = compiled.name
    if compiled.when is not None and not scope.evaluate(compiled.when):
        run.status[name] = "skipped"
        if run.emit:
            run.emit(NodeSkipped(run.step, name, scope.values.get(name)))
        return None
    variables = _variables(run, node)
    if compiled.each is None:
        outcome = await _call(run, index, variables, None, make_step)
        if isinstance(outcome, AgentKitError):
            return outcome
        value, status, turns = outcome.value, outcome.status, [outcome.turn]
        probabilities: Any = outcome.probabilities
    else:
        items = checked_items(scope.evaluate(compiled.each))
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(_call(run, index, {**variables, "item": item}, number, make_step))
                for number, item in enumerate(items)
            ]
        outcomes = successes([task.result() for task in running])
        value, turns = [outcome.value for outcome in outcomes], [one.turn for one in outcomes]
        decided = [outcome.probabilities for outcome in outcomes]
        probabilities = decided if any(decided) else None
        statuses = {outcome.status for outcome in outcomes}
        status = next((one for one in ("otherwise", "cut") if one in statuses), "ok")
        if run.emit:
            run.emit(NodeFinished(run.step, name, None, 1, status, value))
    scope.values[name] = value
    scope.decided(name, probabilities)
    if not isinstance(node, FunctionNode):
        scope.turns[name] = tuple(turn for turn in turns if turn)
    if compiled.save:
        _save(run, node, value)
    run.status[name] = status
    return None


def _variables(run: StepRun, node: BoundNode) -> dict[str, Any]:
    reads = node.compiled.reads
    if isinstance(node, FunctionNode):
        return run.scope.variables(reads) if reads else {}
    return run.scope.question_variables(reads, node.compiled.node.with_context)


async def _call(
    run: StepRun, index: int, variables: Mapping[str, Any], item: int | None, make_step: MakeStep
) -> Outcome | AgentKitError:
    """Ask a node's question, or call its function; gives what went wrong, which is recorded."""
    node = run.schedule.nodes[index]
    call: PromptCall | FunctionCall | None = None
    try:
        if isinstance(node, FunctionNode):
            step = make_step(run, index, item) if node.takes_step else None
            call = FunctionCall(run, node, variables, item, step)
        else:
            nodes = run.schedule.nodes
            recalled = tuple(nodes[i].compiled.name for i in run.schedule.recalls[index])
            before = run.scope.before(node.compiled, variables, recalled)
            call = make_prompt_call(run, node, variables, before, item)
        return await call.execute()
    except StepInterrupted as error:
        return error
    except TraceError:
        raise
    except AgentKitError as error:
        _tell_failure(run, node, item, error, call)
        return error


def _tell_failure(
    run: StepRun,
    node: BoundNode,
    item: int | None,
    error: AgentKitError,
    call: PromptCall | FunctionCall | None = None,
) -> None:
    """Record that a node, or an item, has no value; with the last answer, if there was one."""
    if run.emit:
        attempt, answer = (max(1, call.attempt), call.answer) if call else (1, None)
        place = run.step, node.compiled.name, item, attempt
        run.emit(NodeFailed(*place, ErrorText(error), *told(answer)))


def _save(run: StepRun, node: BoundNode, value: Any) -> None:
    """Write memory, all keys of a node at once."""
    written: dict[str, Any] = {}
    for key, expression in node.compiled.save:
        variables = {**run.scope.variables(expression.reads), "output": value}
        try:
            written[key] = json_copy(expression.evaluate(variables), f"memory.{key}")
        except TypeError as error:
            raise RenderError(f"save: {error}") from error
    memory = run.scope.memory
    for key, saved in written.items():
        if run.emit and (key not in memory or memory[key] != saved):
            run.emit(MemoryWritten(run.step, node.compiled.name, key, saved))
        memory[key] = saved


_ITEM_ERRORS = (OutputError, RenderError, FunctionError, ModelError)


def successes(results: Sequence[Outcome | AgentKitError]) -> list[Outcome]:
    """Return what the items gave.

    Args:
        results: Of each item what it gave, or the error.

    Raises:
        AgentKitError: Items failed: one error for all, of their kind where they agree.
    """
    errors = {i: result for i, result in enumerate(results) if isinstance(result, AgentKitError)}
    if not errors:
        return [result for result in results if not isinstance(result, AgentKitError)]
    for error in errors.values():
        if isinstance(error, (StepInterrupted, AccessError)):
            raise error
    listed = "; ".join(f"item {i}: {error}" for i, error in errors.items())
    message = f"{len(errors)} of {len(results)} items failed: {listed}"
    cause = causes_of("raised for these items", errors.values())
    for kind in _ITEM_ERRORS:
        if all(isinstance(error, kind) for error in errors.values()):
            raise kind(message) from cause
    raise AgentKitError(message) from cause


def checked_items(items: Any) -> Sequence[Any]:
    """What an `each` node goes through; null is an empty list.

    Raises:
        RenderError: It is no list, or one of too many items.
    """
    if items is None:
        return []
    if not isinstance(items, (list, tuple)) or len(items) > _MOST_ITEMS:
        found = f"{len(items)} items" if isinstance(items, (list, tuple)) else repr(items)[:80]
        raise RenderError(f"each: expected a list of at most {_MOST_ITEMS} items, found {found}")
    return items
