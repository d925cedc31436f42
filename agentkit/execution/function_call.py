"""One call of a function node: copies go in, a JSON value comes out."""

import inspect
import time
from collections.abc import Mapping
from types import CoroutineType
from typing import Any

from agentkit.errors import AgentKitError, FunctionError, OutputError, StepInterrupted
from agentkit.events import NodeFinished, NodeStarted
from agentkit.execution.binding import BoundFunction, BoundNode
from agentkit.execution.prompt_call import Shared, check_value
from agentkit.graph.node import MISSING
from agentkit.messages import Call
from agentkit.values import json_copy


async def call_function(
    shared: Shared, bound: BoundNode, variables: Mapping[str, Any], item: int | None, step: Any
) -> tuple[Any, str]:
    """Call a function node's function.

    Args:
        shared: What every node of the step shares.
        bound: The node.
        variables: The values its arguments read.
        item: Index of the item, in an `each` node.
        step: Handed over when the function has a parameter called `step`.

    Returns:
        The value and its status, `ok` or `otherwise`.

    Raises:
        FunctionError: An argument or the result is no JSON value, or the function raised.
        OutputError: A check refuses the result, and the node has no `otherwise`.
        StepInterrupted: The step is stopping.
    """
    if item is not None and shared.stopping():
        raise StepInterrupted("stopped before the function was called")
    function, emit, name = bound.bound_function, shared.emit, bound.compiled.node.name
    arguments = _arguments(bound, function, variables) if bound.compiled.arguments else {}
    if emit:
        emit(NodeStarted(shared.step, name, item, function=function.name, arguments=arguments))
    recorded_calls = shared.source.recorded_calls
    if recorded_calls is not None and not function.takes_step:
        known = recorded_calls.result(shared.step, name, item, arguments)
        if known is not None:
            value, status, latency_s = known.value, known.status, known.latency_s
            if emit:
                emit(NodeFinished(shared.step, name, item, 1, status, value, None, latency_s))
            return value, status
    started = time.perf_counter()
    if shared.tracing is None:
        result = await _call(function, arguments, step)
    else:
        place = Call(shared.episode, shared.step, name, item)
        with shared.tracing.function(function.name, place, arguments) as note:
            result = await _call(function, arguments, step)
            note(result)
    value, status = _checked(bound, result, variables)
    if emit:
        latency_s = time.perf_counter() - started
        emit(NodeFinished(shared.step, name, item, 1, status, value, None, latency_s))
    return value, status


async def _call(function: BoundFunction, arguments: Mapping[str, Any], step: Any) -> Any:
    """What the function returns, as a JSON value."""
    try:
        if function.takes_step:
            result = function.call(**arguments, step=step)
        else:
            result = function.call(**arguments)
        if type(result) is CoroutineType or (
            not isinstance(result, _PLAIN) and inspect.isawaitable(result)
        ):
            result = await result
    except AgentKitError:
        raise
    except Exception as error:
        message = f"function {function.name} raised {type(error).__name__}: {error}"
        raise FunctionError(message) from error
    return _json(function, result)


_PLAIN = (str, int, float, list, dict, type(None))
"""What most functions return; looking for an awaitable takes longer."""


def _arguments(
    bound: BoundNode, function: BoundFunction, variables: Mapping[str, Any]
) -> dict[str, Any]:
    try:
        return {
            key: json_copy(expression.evaluate(variables), key)
            for key, expression in bound.compiled.arguments
        }
    except TypeError as error:
        raise FunctionError(f"an argument of {function.name} cannot be passed: {error}") from error


def _json(function: BoundFunction, result: Any) -> Any:
    try:
        return json_copy(result, "the result")
    except TypeError as error:
        raise FunctionError(f"function {function.name}: {error}") from error


def _checked(bound: BoundNode, value: Any, variables: Mapping[str, Any]) -> tuple[Any, str]:
    if not bound.compiled.checks:
        return value, "ok"
    try:
        check_value(bound, value, variables)
    except OutputError:
        otherwise = bound.compiled.node.otherwise
        if otherwise is MISSING:
            raise
        return json_copy(otherwise), "otherwise"
    return value, "ok"
