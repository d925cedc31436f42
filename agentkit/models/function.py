"""FunctionModel: a Python function answers."""

import inspect
from collections.abc import Awaitable, Callable

from agentkit.errors import ModelError
from agentkit.messages import Completion, Request, Usage


class FunctionModel:
    """Answers with what a Python function returns for the request.

    Args:
        function: Takes a Request; returns a text or a Completion, at once or awaitable.
        name: The id shown in traces; by default `function:` and the function's name.
    """

    reads_variables = True

    def __init__(
        self,
        function: Callable[[Request], str | Completion | Awaitable[str | Completion]],
        name: str | None = None,
    ) -> None:
        self._function = function
        self.name = name or f"function:{getattr(function, '__name__', 'model')}"

    async def complete(self, request: Request) -> Completion:
        """Call the function.

        Raises:
            ModelError: It returned something that is no text and no Completion.
        """
        answer = self._function(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, Completion):
            return answer
        if not isinstance(answer, str):
            raise ModelError(
                f"{self.name} returned a {type(answer).__name__}; "
                "a model function returns a text or a Completion"
            )
        return Completion(answer, Usage(calls=1, cost_usd=0.0), model=self.name)

    def cost_usd(self, usage: Usage) -> float:
        """Nothing is known before the function answers; its completions say what they cost."""
        return 0.0
