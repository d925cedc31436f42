"""FunctionModel: a Python function answers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from agentkit.errors import ModelError, StepInterrupted
from agentkit.messages import Completion, Decision, Request, Usage
from agentkit.models.decisions import as_decided
from agentkit.program.threads import Callback, call_in_thread, runs_on_loop


class FunctionModel:
    """Answers with what a Python function returns for the request.

    Args:
        function: Takes a Request; returns a text or a Completion, at once or awaitable. Of a
            request with a question it may return probabilities by option.
        name: The id shown in traces; by default `function:` and the function's name.
    """

    reads_variables = True

    def __init__(
        self,
        function: Callable[
            [Request],
            str | Completion | Mapping[str, float] | Awaitable[str | Completion],
        ],
        name: str | None = None,
    ) -> None:
        self._function = function
        self.name = name or f"function:{getattr(function, '__name__', 'model')}"

    async def complete(self, request: Request) -> Completion:
        """Call the function: in a thread, unless it is asynchronous.

        Raises:
            ModelError: It returned something that is no text and no Completion.
        """
        if runs_on_loop(self._function):
            answer = await self._function(request)  # type: ignore[misc]
        else:
            answer = await ask_in_thread(self._function, request)
        if isinstance(answer, Completion):
            return answer
        usage = Usage(calls=1, cost_usd=0.0)
        if isinstance(answer, Mapping) and request.questions:
            return Completion("", usage, model=self.name, decisions=(Decision(answer),))
        if not isinstance(answer, str):
            raise ModelError(
                f"{self.name} returned a {type(answer).__name__}; "
                "a model function returns a text or a Completion"
            )
        return Completion(answer, usage, model=self.name)

    decides = is_certain = True
    most_questions = 1

    async def decide(self, request: Request) -> Completion:
        """Call the function: a text that is an option has probability 1.

        Raises:
            ModelError: It returned something else than a text, probabilities or a Completion.
        """
        return as_decided(request, await self.complete(request))

    def cost_usd(self, usage: Usage) -> float:
        """Nothing is known before the function answers; its completions say what they cost."""
        return 0.0


class PlainModel:
    """A model whose `complete` is no `async def`: it is asked in a thread."""

    def __init__(self, model: Any) -> None:
        self.name = model.name
        self.reads_variables = model.reads_variables
        self._complete = model.complete
        for optional in ("cost_usd", "load", "most_usage"):
            if hasattr(model, optional):
                setattr(self, optional, getattr(model, optional))

    async def complete(self, request: Request) -> Completion:
        """Ask the model."""
        completion: Completion = await ask_in_thread(self._complete, request)
        return completion


async def ask_in_thread(function: Callable[[Request], Any], request: Request) -> Any:
    """Call a function of a request in a thread, from where it may call what the request has."""
    ended = False

    def while_asked(callback: Callable[..., Any] | None) -> Callable[..., Any] | None:
        def call(*args: Any) -> Any:
            if ended or callback is None:
                raise StepInterrupted("the call has ended: nobody listens to it any more")
            return callback(*args)

        return callback and Callback(call)

    on_text, on_start = while_asked(request.on_text), while_asked(request.on_start)
    try:
        asked = replace(request, on_text=on_text, on_start=on_start)
        return await call_in_thread(partial(function, asked), request.on_start)
    finally:
        ended = True
