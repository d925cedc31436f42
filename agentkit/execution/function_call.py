"""One call of a function node: copies go in, a JSON value comes out."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from agentkit.errors import AgentKitError, FunctionError, OutputError
from agentkit.events import NodeFinished, NodeStarted
from agentkit.execution.binding import FunctionNode
from agentkit.execution.prompt_call import Outcome, check_value
from agentkit.execution.step_run import StepRun
from agentkit.graph.node import MISSING
from agentkit.messages import Answer, Call
from agentkit.program.raised_errors import passes_through, raised
from agentkit.program.threads import call_in_thread
from agentkit.values import json_copy

_A_MOMENT_S: Final = 0.01
"""So much later than a limit on time its clock is looked at, which then surely says so."""


@dataclass(slots=True)
class FunctionCall:
    """One call of a function, or one item of an `each` node."""

    run: StepRun
    node: FunctionNode
    variables: Mapping[str, Any]
    """The values its arguments read."""
    item: int | None = None
    step: Any = None
    """Handed over when the function has a parameter called `step`."""
    attempt: int = 1
    answer: Answer | None = None
    """None: no model answers."""

    async def execute(self) -> Outcome:
        """Call the function, or take its result from the record.

        Raises:
            FunctionError: An argument or the result is no JSON value, or the function raised.
            OutputError: A check refuses the result, and the node has no `otherwise`.
            StepInterrupted: The step is stopping.
        """
        run, node = self.run, self.node
        if self.item is not None:
            run.check_may_start()
        name, place = node.compiled.name, (run.step, node.compiled.name, self.item)
        arguments = self._arguments() if node.compiled.arguments else {}
        if run.emit:
            run.emit(NodeStarted(*place, function=node.function_name, arguments=arguments))
        recorded_calls = run.source.recorded_calls
        if recorded_calls is not None and not node.takes_step:
            known = recorded_calls.result(*place, arguments)
            if known is not None:
                self._tell_end(known.value, known.status, known.latency_s)
                return Outcome(known.value, known.status)
        started = time.perf_counter()
        if run.tracing is None:
            result = await self._call(arguments)
        else:
            call = Call(run.episode, run.step, name, self.item)
            async with run.tracing.function(node.function_name, call, arguments) as note:
                result = await self._call(arguments)
                note(result)
        value, status = self._checked(result)
        self._tell_end(value, status, time.perf_counter() - started)
        return Outcome(value, status)

    async def _call(self, arguments: Mapping[str, Any]) -> Any:
        """What the function returns, as a JSON value."""
        node = self.node
        try:
            result = await self._result(arguments)
        except AgentKitError:
            raise
        except Exception as error:
            if passes_through(error):
                raise
            # Python makes a RuntimeError of a StopIteration that leaves a coroutine.
            cause = error.__cause__ if isinstance(error.__cause__, StopIteration) else error
            raise FunctionError(raised(f"function {node.function_name}", cause)) from cause
        try:
            return json_copy(result, "the result")
        except TypeError as error:
            raise FunctionError(f"function {node.function_name}: {error}") from error

    async def _result(self, arguments: Mapping[str, Any]) -> Any:
        """What the function returns. One that still runs when the time is over is given up."""
        more = {"step": self.step} if self.node.takes_step else {}
        call = partial(self.node.call, **arguments, **more)
        called = call_in_thread(call, self.run.check_may_start) if self.node.is_plain else call()
        budget = self.run.source.budget
        if budget is None or not budget.watches_time:
            return await called
        try:
            async with asyncio.timeout(budget.seconds_left() + _A_MOMENT_S) as timer:
                return await called
        except TimeoutError:
            if timer.expired() and (late := budget.late()) is not None:
                raise late from None
            raise

    def _arguments(self) -> dict[str, Any]:
        try:
            return {
                key: json_copy(expression.evaluate(self.variables), key)
                for key, expression in self.node.compiled.arguments
            }
        except TypeError as error:
            name = self.node.function_name
            raise FunctionError(f"an argument of {name} cannot be passed: {error}") from error

    def _checked(self, value: Any) -> tuple[Any, str]:
        if not self.node.compiled.checks:
            return value, "ok"
        try:
            check_value(self.node, value, self.variables)
        except OutputError:
            otherwise = self.node.compiled.node.otherwise
            if otherwise is MISSING:
                raise
            return json_copy(otherwise), "otherwise"
        return value, "ok"

    def _tell_end(self, value: Any, status: str, latency_s: float) -> None:
        run = self.run
        if run.emit:
            place = run.step, self.node.compiled.name, self.item
            run.emit(NodeFinished(*place, 1, status, value, None, latency_s))
