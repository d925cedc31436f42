"""The protocol every model follows."""

from typing import Protocol, runtime_checkable

from agentkit.messages import Completion, Request


@runtime_checkable
class Model(Protocol):
    """Anything that completes messages."""

    @property
    def name(self) -> str:
        """The id shown in traces, such as `openai:gpt-5-mini`."""
        ...

    @property
    def reads_variables(self) -> bool:
        """Whether answers depend on the request's variables and not only on its messages."""
        ...

    async def complete(self, request: Request) -> Completion:
        """Answer a request.

        Raises:
            ModelError: The model could not be reached or did not answer.
        """
        ...
