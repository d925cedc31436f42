"""A graph as a LangChain Runnable: inputs go in, the values of the nodes come out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, NotRequired

from langchain_core.callbacks import AsyncCallbackManagerForChainRun
from langchain_core.runnables import AddableDict, Runnable, RunnableConfig
from pydantic import WithJsonSchema
from typing_extensions import TypedDict, override

from agentkit import loop
from agentkit.errors import InputError
from agentkit.events import Event, NodeFinished
from agentkit.execution.binding import Binding, bind
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.scope import State
from agentkit.execution.step import StepResult, execute_step
from agentkit.execution.step_run import StepRun
from agentkit.graph.compile import CompiledNode
from agentkit.graph.graph import Graph
from agentkit.langchain.callbacks import StepCallbacks
from agentkit.langchain.interception import InterceptedBinding, watched
from agentkit.models.base import Cache
from agentkit.outputs.action import ActionOutput
from agentkit.outputs.scalars import CodeOutput, TextOutput
from agentkit.program.foreign_objects import named_fields
from agentkit.values import checked_copy, json_copy

if TYPE_CHECKING:
    from agentkit.graph.node import FunctionLike

NodeValues = dict[str, Any]


def bind_runnable(
    graph: Graph,
    model: Any,
    models: Mapping[str, Any],
    functions: "Mapping[str, FunctionLike]",
    memory: Mapping[str, Any],
    *,
    cache: Cache | None,
    name: str | None,
    extra: str,
) -> "GraphRunnable":
    """Return a graph with its models and functions as a Runnable; see `Graph.as_runnable`.

    Raises:
        SpecError: A model or function is unknown, or a memory key is not declared.
        InputError: The memory holds something that is no JSON value, or `extra` is unknown.
    """
    if extra not in ("forbid", "ignore"):
        raise InputError(f"extra: expected 'forbid' or 'ignore', found {extra!r:.80}")
    binding = bind(graph, model, models, functions, memory)
    return GraphRunnable(binding, memory, cache, name, ignores_extra=extra == "ignore")


class GraphRunnable(Runnable[NodeValues, NodeValues]):
    """Executes a graph once for each input.

    Args:
        binding: The graph with its models and functions.
        memory: What the memory holds at the start of each call.
        cache: Completions of earlier runs that are taken again.
        name: How callbacks call it.
        ignores_extra: Whether keys that are no inputs are ignored; by default they are an error.

    Raises:
        InputError: The memory holds something that is no JSON value.
    """

    def __init__(
        self,
        binding: Binding,
        memory: Mapping[str, Any],
        cache: Cache | None,
        name: str | None,
        *,
        ignores_extra: bool = False,
    ) -> None:
        self.graph = binding.graph
        self.name = name or "graph"
        self._binding = InterceptedBinding(binding)
        self._cache = cache
        self._ignores_extra = ignores_extra
        self._memory = checked_copy(memory, "memory")

    def __repr__(self) -> str:
        return f"<{self.name}: {', '.join(self.graph.index)}>"

    @override
    async def ainvoke(
        self, input: NodeValues, config: RunnableConfig | None = None, **kwargs: Any
    ) -> NodeValues:
        """Execute the graph; gives the value of each node by its name.

        Raises:
            InputError: An input is missing or unknown.
            StepError: Nodes failed; it lists all of them.
        """
        _refuse(kwargs)
        return await self._acall_with_config(self._values, input, config)

    @override
    def invoke(
        self, input: NodeValues, config: RunnableConfig | None = None, **kwargs: Any
    ) -> NodeValues:
        """`ainvoke` for programs that are not asynchronous."""
        return loop.run(self.ainvoke(input, config, **kwargs))

    @override
    def batch(
        self,
        inputs: list[NodeValues],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[NodeValues]:
        """`abatch` for programs that are not asynchronous."""
        work = self.abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)
        return loop.run(work)

    @override
    async def astream(
        self, input: NodeValues, config: RunnableConfig | None = None, **kwargs: Any
    ) -> AsyncIterator[NodeValues]:
        """Execute the graph; each node's value comes as `{name: value}` when it is there.

        The pieces add up to what `ainvoke` gives.
        """
        _refuse(kwargs)

        async def once() -> AsyncIterator[NodeValues]:
            yield input

        pieces = self._atransform_stream_with_config(once(), self._pieces, config)
        async for piece in pieces:
            yield piece

    @override
    def stream(
        self, input: NodeValues, config: RunnableConfig | None = None, **kwargs: Any
    ) -> Iterator[NodeValues]:
        """`astream` for programs that are not asynchronous."""
        yield from loop.iterate(lambda: self.astream(input, config, **kwargs))

    async def _values(
        self,
        input: NodeValues,
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
    ) -> NodeValues:
        result = await self._execute(input, run_manager, config, None)
        return dict(result.values)

    async def _pieces(
        self,
        inputs: AsyncIterator[NodeValues],
        run_manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
    ) -> AsyncIterator[NodeValues]:
        """The values of the nodes as they come."""
        queue: asyncio.Queue[NodeValues | None] = asyncio.Queue()

        def on_event(event: Event) -> None:
            if isinstance(event, NodeFinished) and event.item is None:
                queue.put_nowait({event.node: self._python_value(event)})

        input = await anext(inputs)
        task = asyncio.create_task(self._execute(input, run_manager, config, on_event))
        task.add_done_callback(lambda _: queue.put_nowait(None))
        told: set[str] = set()
        try:
            while (piece := await queue.get()) is not None:
                told |= piece.keys()
                yield AddableDict(piece)
            values = (await task).values
            if rest := {name: values[name] for name in values if name not in told}:
                yield AddableDict(rest)
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _python_value(self, event: NodeFinished) -> Any:
        """The value of a node as `ainvoke` gives it."""
        index = self.graph.index.get(event.node)
        return (
            event.value if index is None else self.graph.compiled[index].python_value(event.value)
        )

    async def _execute(
        self,
        input: NodeValues,
        manager: AsyncCallbackManagerForChainRun,
        config: RunnableConfig,
        on_event: Callable[[Event], None] | None,
    ) -> StepResult:
        input = self._inputs(input)
        thread = str(config.get("configurable", {}).get("thread_id") or "")
        if not manager.handlers:
            with watched(None):
                return await execute_step(self._step(input, on_event, False, thread))
        callbacks = StepCallbacks(manager, config)

        def emit(event: Event) -> None:
            callbacks.on_event(event)
            if on_event is not None:
                on_event(event)

        streaming = any(hasattr(handler, "tap_output_aiter") for handler in manager.handlers)
        with watched(callbacks):
            return await callbacks.around(execute_step(self._step(input, emit, streaming, thread)))

    def _inputs(self, given: object) -> NodeValues:
        """The values of the graph's inputs.

        Raises:
            InputError: One is missing, or there are others that are not ignored.
        """
        values = dict(given) if isinstance(given, Mapping) else named_fields(given)
        if values is None:
            kind = type(given).__name__
            raise InputError(f"{self.name} takes a mapping of inputs by name, found a {kind}")
        inputs = {name: value for name, value in values.items() if name in self.graph.inputs}
        try:
            self.graph.check_inputs(inputs if self._ignores_extra else values)
        except InputError as error:
            if self.graph.inputs - inputs.keys():
                raise
            raise InputError(
                f"{error}\nas_runnable(extra='ignore') ignores other keys, such as those of a "
                "LangGraph state"
            ) from None
        return inputs if self._ignores_extra else values

    def _step(
        self,
        input: NodeValues,
        emit: Callable[[Event], None] | None,
        streaming: bool,
        conversation: str,
    ) -> StepRun:
        state, source = State(memory=json_copy(self._memory)), CompletionSource(cache=self._cache)
        return StepRun(
            self._binding, input, state, source=source, emit=emit, streaming=streaming,
            conversation=conversation,
        )  # fmt: skip

    @property
    @override
    def InputType(self) -> Any:
        """A mapping with a value for each input of the graph."""
        return _record(self.get_name("Input"), dict.fromkeys(sorted(self.graph.inputs), Any))

    @property
    @override
    def OutputType(self) -> Any:
        """A mapping with the value of each node, as far as its kind is known."""
        kinds = {compiled.name: _kind(compiled) for compiled in self.graph.compiled}
        return _record(self.get_name("Output"), kinds)


def _refuse(options: Mapping[str, Any]) -> None:
    if options:
        raise InputError(
            f"a graph takes no option '{next(iter(options))}': options go to as_runnable"
        )


def _record(name: str, fields: Mapping[str, Any]) -> Any:
    return TypedDict(name, dict(fields))  # type: ignore[operator]


def _kind(compiled: CompiledNode) -> Any:
    """The type of a node's value, with its JSON schema where that is known."""
    node, output = compiled.node, compiled.output
    if node.function is not None or output is None:
        schema: Mapping[str, Any] | None = {}
    elif isinstance(output, (TextOutput, CodeOutput, ActionOutput)):
        schema = {"type": "string"}
    else:
        schema = output.schema if output.reads else output.json_schema({})
    if not schema or "$defs" in schema:
        schema = {}
    if node.each is not None:
        schema = {"type": "array", "items": dict(schema)}
    kind: Any = Annotated[Any, WithJsonSchema(dict(schema))]
    return NotRequired[kind] if node.when is not None else kind
