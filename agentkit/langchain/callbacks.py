"""What happens in a step, told to LangChain's callbacks.

The graph's run has a child for each node, which has one for each item of an `each` node and for
each call of a model. Events are told at once and callbacks may wait, so a node's end is told in a
task of its own; what starts later waits for the ends that came before it.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeVar

from langchain_core.callbacks import (
    AsyncCallbackManager,
    AsyncCallbackManagerForChainRun,
    AsyncCallbackManagerForLLMRun,
)
from langchain_core.outputs import ChatGeneration, LLMResult
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import patch_config, set_config_context

from agentkit.errors import AgentKitError
from agentkit.events import (
    Event,
    NodeCancelled,
    NodeFailed,
    NodeFinished,
    NodeSkipped,
    NodeStarted,
)
from agentkit.langchain.told_answer import ToldAnswer
from agentkit.messages import Completion, Request
from agentkit.models.base import Model, answer_of
from agentkit.models.langchain.messages import to_answer, to_langchain

T = TypeVar("T")
ItemKey = tuple[str, int | None]
"""A node, and the item of an `each` node."""

_called: ContextVar[ItemKey] = ContextVar("agentkit_called")


@dataclass(slots=True)
class _NodeRun:
    """A node, or an item of one, as callbacks see it."""

    key: ItemKey
    inputs: Mapping[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    start: asyncio.Task[AsyncCallbackManagerForChainRun] | None = None
    ended: bool = False


class StepCallbacks:
    """Tells callbacks what happens in one step.

    Args:
        parent: The graph's run.
        config: What the graph was called with.
    """

    def __init__(self, parent: AsyncCallbackManagerForChainRun, config: RunnableConfig) -> None:
        self._parent = parent
        self._config = config
        self._runs: dict[ItemKey, _NodeRun] = {}
        self._ends: dict[asyncio.Task[None], ItemKey] = {}
        self._errors: list[BaseException] = []

    def on_event(self, event: Event) -> None:
        """Take note of an event of the step."""
        match event:
            case NodeStarted():
                self._started(event)
            case NodeFinished():
                self._end((event.node, event.item), event.value)
            case NodeFailed():
                self._end((event.node, event.item), None, AgentKitError(event.error))
            case NodeSkipped():
                self._run((event.node, None)).tags.append("skipped")
                self._end((event.node, None), event.value)
            case NodeCancelled():
                self._run((event.node, None)).tags.append("cancelled")
                why = AgentKitError(f"not run, because '{event.because}' failed")
                self._end((event.node, None), None, why)

    def _run(self, key: ItemKey) -> _NodeRun:
        return self._runs.setdefault(key, _NodeRun(key))

    def _started(self, event: NodeStarted) -> None:
        run = self._run((event.node, event.item))
        if event.attempt == 1:
            asked = {"messages": event.messages}
            run.inputs = (event.arguments or {}) if event.function else asked
        _called.set(run.key)

    def _begin(self, run: _NodeRun) -> asyncio.Task[AsyncCallbackManagerForChainRun]:
        if run.start is None:
            node, item = run.key
            above = self._begin(self._run((node, None))) if item is not None else None
            run.start = asyncio.create_task(self._tell_start(run, above, tuple(self._ends)))
        return run.start

    async def _tell_start(
        self,
        run: _NodeRun,
        above: asyncio.Task[AsyncCallbackManagerForChainRun] | None,
        before: tuple[asyncio.Task[None], ...],
    ) -> AsyncCallbackManagerForChainRun:
        if before:
            await asyncio.wait(before)
        parent = await above if above is not None else self._parent
        manager = _below(parent)
        manager.add_tags(run.tags, inherit=False)
        node, item = run.key
        inputs = run.inputs
        if "messages" in inputs:
            inputs = {"messages": to_langchain(inputs["messages"])}
        name = node if item is None else f"{node}[{item}]"
        return await manager.on_chain_start(None, dict(inputs), name=name)

    def _end(self, key: ItemKey, value: Any, error: BaseException | None = None) -> None:
        run = self._run(key)
        if run.ended:
            return
        run.ended = True
        node, item = key
        items = [end for end, (of, _) in self._ends.items() if of == node and item is None]
        task = asyncio.create_task(self._tell_end(self._begin(run), items, value, error))
        self._ends[task] = key
        task.add_done_callback(self._told)

    async def _tell_end(
        self,
        start: asyncio.Task[AsyncCallbackManagerForChainRun],
        items: list[asyncio.Task[None]],
        value: Any,
        error: BaseException | None,
    ) -> None:
        manager = await start
        if items:
            await asyncio.wait(items)
        if error is None:
            await manager.on_chain_end(value)
        else:
            await manager.on_chain_error(error)

    def _told(self, task: asyncio.Task[None]) -> None:
        self._ends.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._errors.append(error)

    async def around(self, step: Awaitable[T]) -> T:
        """Do the step, and wait until everything about it is told.

        Raises:
            Exception: What the step raised, or a callback that is allowed to.
        """
        try:
            result = await step
        except BaseException as error:
            await self._finish(error)
            raise
        await self._finish(None)
        return result

    async def _finish(self, error: BaseException | None) -> None:
        """Wait until everything is told; nodes that have not ended do so with the error."""
        for run in sorted(self._runs.values(), key=lambda run: run.key[1] is None):
            self._end(run.key, None, error or asyncio.CancelledError())
        if self._ends:
            await asyncio.wait([*self._ends])
        if self._errors and not isinstance(error, asyncio.CancelledError):
            raise self._errors[0]

    async def complete(self, model: Model, request: Request) -> Completion:
        """Ask a model inside its node's run."""
        from agentkit.models.langchain.model import LangChainModel

        run = self._run((request.call.node, request.call.item))
        node = await asyncio.shield(self._begin(run))
        if isinstance(model, LangChainModel):  # LangChain itself tells about its own models
            return await self._inside(node, lambda: answer_of(model, request))
        manager = await _start_model(_below(node), model, request)
        streamed = ToldAnswer(manager, request)
        try:
            completion = await self._inside(node, lambda: answer_of(model, streamed.request))
        except BaseException as error:
            await streamed.told()
            await manager.on_llm_error(error)
            raise
        await streamed.told()
        answer = ChatGeneration(message=to_answer(completion, streamed.message_id))
        await manager.on_llm_end(LLMResult(generations=[[answer]]))
        return completion

    async def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Call a function inside its node's run."""
        run = self._run(_called.get())
        node = await asyncio.shield(self._begin(run))
        return await self._inside(node, lambda: function(**arguments))

    async def _inside(
        self, node: AsyncCallbackManagerForChainRun, work: Callable[[], Awaitable[T]]
    ) -> T:
        """Do something in whose context LangChain's runnables are children of the node."""

        async def done() -> Any:
            result = work()
            return await result if inspect.isawaitable(result) else result

        config = patch_config(self._config, callbacks=node.get_child())
        with set_config_context(config) as context:
            return await asyncio.create_task(done(), context=context)


def _below(run: AsyncCallbackManagerForChainRun) -> AsyncCallbackManager:
    """Return what is told about the runs inside a run.

    Handlers that runs do not inherit, such as that of `collect_runs`, are found anew, as LangChain
    does for each of its runs.
    """
    return AsyncCallbackManager.configure(run.get_child())


async def _start_model(
    manager: AsyncCallbackManager, model: Model, request: Request
) -> AsyncCallbackManagerForLLMRun:
    provider, _, name = model.name.partition(":")
    about = {"ls_provider": provider, "ls_model_name": name or provider, "ls_model_type": "chat"}
    manager.add_metadata(about, inherit=False)
    kind = type(model)
    serialized = {
        "lc": 1,
        "type": "not_implemented",
        "id": [*kind.__module__.split("."), kind.__qualname__],
        "name": model.name,
    }
    sampling = request.sampling
    settings = {
        "model": model.name,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "max_tokens": sampling.max_tokens,
        "stop": list(sampling.stop) or None,
        "seed": sampling.seed,
    }
    given = {key: value for key, value in settings.items() if value is not None}
    messages = [to_langchain(request.messages)]
    started = await manager.on_chat_model_start(
        serialized, messages, name=model.name, invocation_params=given
    )
    return started[0]
