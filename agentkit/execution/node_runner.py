"""Run one node of a step: skip it, ask, call, or do so for each item; then save."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
from agentkit.events import MemoryWritten, NodeFailed, NodeFinished, NodeSkipped
from agentkit.execution.binding import BoundNode
from agentkit.execution.function_call import call_function
from agentkit.execution.prompt_call import (
    PromptCall,
    Shared,
    Unanswered,
    checked_items,
    make_prompt_call,
    told,
)
from agentkit.execution.schedule import StepSchedule
from agentkit.execution.scope import Scope
from agentkit.messages import Turn
from agentkit.templates.template import Expression
from agentkit.values import json_copy


class NodeRunner:
    """Runs the nodes of one step, writing their values, turns and memory into its scope.

    Args:
        shared: What every node of the step shares.
        scope: The values of the step.
        schedule: Its nodes.
        handle: Gives the running step to a function that takes it, by node and item.
    """

    def __init__(
        self,
        shared: Shared,
        scope: Scope,
        schedule: StepSchedule,
        handle: Callable[[int, int | None], Any],
    ) -> None:
        self._shared = shared
        self._scope = scope
        self._schedule = schedule
        self._handle = handle

    async def execute(self, index: int) -> str:
        """Run a node whose dependencies are done.

        Args:
            index: The node's index in the schedule.

        Returns:
            Its status: `ok`, `otherwise` or `skipped`.

        Raises:
            AgentKitError: It has no value in this step; the failure is recorded.
        """
        try:
            return await self._execute(index)
        except (StepInterrupted, TraceError):
            raise
        except Unanswered as error:
            self._failed(index, None, error)
            raise error.cause from error
        except AgentKitError as error:
            self._failed(index, None, Unanswered(error))
            raise

    async def _execute(self, index: int) -> str:
        bound, scope = self._schedule.nodes[index], self._scope
        compiled, name = bound.compiled, bound.compiled.node.name
        if compiled.when is not None and not scope.evaluate(compiled.when):
            if self._shared.emit:
                self._shared.emit(NodeSkipped(self._shared.step, name, scope.values.get(name)))
            return "skipped"
        if compiled.each is not None:
            value, turns, status = await self._each(index, compiled.each)
        else:
            value, turn, status = await self._one(index, self._variables(bound), None)
            turns = (turn,) if turn else ()
        scope.values[name] = value
        if bound.function is None:
            scope.turns[name] = turns
        if compiled.save:
            self._save(bound, value)
        return status

    def _variables(self, bound: BoundNode) -> dict[str, Any]:
        reads = bound.compiled.reads
        if bound.function is not None:
            return self._scope.variables(reads) if reads else {}
        return self._scope.question_variables(reads, bound.compiled.node.with_context)

    async def _one(
        self, index: int, variables: Mapping[str, Any], item: int | None
    ) -> tuple[Any, Turn | None, str]:
        """Ask a node's question, or call its function; gives value, turn and status."""
        bound = self._schedule.nodes[index]
        if bound.function is not None:
            step = self._handle(index, item) if bound.function.takes_step else None
            value, status = await call_function(self._shared, bound, variables, item, step)
            return value, None, status
        call = self.prompt_call(index, variables, item)
        value, turn = await call.ask()
        return value, turn, call.status

    def prompt_call(self, index: int, variables: Mapping[str, Any], item: int | None) -> PromptCall:
        """A prompt node's question with the whole conversation before it.

        Raises:
            RenderError: The prompt cannot be filled in.
        """
        nodes, bound = self._schedule.nodes, self._schedule.nodes[index]
        recalled = tuple(nodes[i].compiled.name for i in self._schedule.recalls[index])
        before = self._scope.before(bound.compiled.node.with_context, recalled)
        return make_prompt_call(self._shared, bound, variables, before, item)

    async def _each(self, index: int, each: Expression) -> tuple[list[Any], tuple[Turn, ...], str]:
        """Run once per item, all at once; values and turns are in item order."""
        bound = self._schedule.nodes[index]
        items = checked_items(self._scope.evaluate(each))
        variables = self._variables(bound)
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(self._item(index, {**variables, "item": item}, number))
                for number, item in enumerate(items)
            ]
        results = [task.result() for task in running]
        raise_failures(results)
        answers = [result for result in results if not isinstance(result, AgentKitError)]
        value = [answer for answer, _, _ in answers]
        fallen = any(status == "otherwise" for _, _, status in answers)
        status = "otherwise" if fallen else "ok"
        if self._shared.emit:
            name = bound.compiled.name
            self._shared.emit(NodeFinished(self._shared.step, name, None, 1, status, value))
        return value, tuple(turn for _, turn, _ in answers if turn), status

    async def _item(
        self, index: int, variables: Mapping[str, Any], item: int
    ) -> tuple[Any, Turn | None, str] | AgentKitError:
        """One item of an `each` node: value, turn and status, or what went wrong."""
        try:
            return await self._one(index, variables, item)
        except StepInterrupted as error:
            return error
        except TraceError:
            raise
        except Unanswered as error:
            failure = error
        except AgentKitError as error:
            failure = Unanswered(error)
        self._failed(index, item, failure)
        return failure.cause

    def _failed(self, index: int, item: int | None, error: Unanswered) -> None:
        shared = self._shared
        if shared.emit:
            name, cause = self._schedule.nodes[index].compiled.name, ErrorText(error.cause)
            shared.emit(
                NodeFailed(
                    shared.step, name, item, error.attempt, cause, *told(error.answer)
                )
            )  # fmt: skip

    def _save(self, bound: BoundNode, value: Any) -> None:
        """Write memory, all keys of a node at once."""
        written: dict[str, Any] = {}
        for key, expression in bound.compiled.save:
            variables = {**self._scope.variables(expression.reads), "output": value}
            try:
                written[key] = json_copy(expression.evaluate(variables), f"memory.{key}")
            except TypeError as error:
                raise RenderError(f"save: {error}") from error
        memory, shared = self._scope.memory, self._shared
        for key, saved in written.items():
            if shared.emit and (key not in memory or memory[key] != saved):
                shared.emit(MemoryWritten(shared.step, bound.compiled.name, key, saved))
            memory[key] = saved


_ITEM_ERRORS = (OutputError, RenderError, FunctionError, ModelError)


def raise_failures(results: Sequence[Any]) -> None:
    """Raise one error for all items that failed, of their kind where they agree.

    Args:
        results: What the items gave; of those that failed, the error.
    """
    errors = {i: result for i, result in enumerate(results) if isinstance(result, AgentKitError)}
    if not errors:
        return
    for error in errors.values():
        if isinstance(error, (StepInterrupted, AccessError)):
            raise error
    listed = "; ".join(f"item {i}: {error}" for i, error in errors.items())
    message = f"{len(errors)} of {len(results)} items failed: {listed}"
    for kind in _ITEM_ERRORS:
        if all(isinstance(error, kind) for error in errors.values()):
            raise kind(message)
    raise AgentKitError(message)
