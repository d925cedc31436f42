"""Intercept the calls of a step: between its nodes and their models and functions."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from typing import Any, Protocol, cast

from agentkit.errors import Problem
from agentkit.execution.binding import Binding, BoundNode, FunctionNode, PromptNode
from agentkit.graph.compile import CompiledNode
from agentkit.messages import Completion, Request, Usage
from agentkit.models.base import Model, answer_of, can_decide, cost_of, is_certain
from agentkit.program.threads import in_thread


class Watcher(Protocol):
    """Is asked in place of a model, and called in place of a function."""

    async def complete(self, model: Model, request: Request) -> Completion:
        """Ask the model."""
        ...

    async def call(self, function: Callable[..., Any], arguments: Mapping[str, Any]) -> Any:
        """Call the function."""
        ...


_watcher: ContextVar[Watcher | None] = ContextVar("agentkit_watcher", default=None)


@contextmanager
def watched(watcher: Watcher | None) -> Iterator[None]:
    """Steps with a `InterceptedBinding` that start in this block are watched."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


class _Watched:
    """A model whose calls are seen by the watcher of the running step, if it has one."""

    def __init__(self, model: Model) -> None:
        self.name = model.name
        self.reads_variables = model.reads_variables
        self._model = model

    async def complete(self, request: Request) -> Completion:
        """Ask the model."""
        watcher = _watcher.get()
        if watcher is None:
            return await answer_of(self._model, request)
        return await watcher.complete(self._model, request)

    decide = complete

    @property
    def most_questions(self) -> int:
        """How many questions one request may have."""
        return getattr(self._model, "most_questions", 1)

    @property
    def decides(self) -> bool:
        """Whether the model can decide."""
        return can_decide(self._model)

    @property
    def is_certain(self) -> bool:
        """Whether the model can have no doubt."""
        return is_certain(self._model)

    def cost_usd(self, usage: Usage) -> float | None:
        """What this usage costs."""
        return cost_of(self._model, usage)


class InterceptedBinding(Binding):
    """A binding whose models and functions the watcher of the running step sees."""

    def __init__(self, binding: Binding) -> None:
        vars(self).update(vars(binding))
        self._watched: dict[int, _Watched] = {}
        self.nodes = tuple(self._watch(node) for node in binding.nodes)

    def bind(self, compiled: CompiledNode, problems: list[Problem]) -> BoundNode | None:
        """Bind one node; None where that cannot be, and why is in `problems`."""
        bound = super().bind(compiled, problems)
        return None if bound is None else self._watch(bound)

    def _watch(self, node: BoundNode) -> BoundNode:
        if isinstance(node, FunctionNode):
            return _seen(node)
        watched = self._watched.setdefault(id(node.model), _Watched(node.model))
        stronger = node.stronger and cast(PromptNode, self._watch(node.stronger))
        return replace(node, model=watched, stronger=stronger)


def _seen(node: FunctionNode) -> FunctionNode:
    called = partial(in_thread, node.call) if node.is_plain else node.call

    def call(**arguments: Any) -> Any:
        watcher = _watcher.get()
        return called(**arguments) if watcher is None else watcher.call(called, arguments)

    return replace(node, call=call, is_plain=False)
