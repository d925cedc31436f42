"""The protocol every model follows, and those that some follow too."""

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, runtime_checkable

from agentkit.messages import Completion, Request, Sampling, Usage


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


@runtime_checkable
class Priced(Protocol):
    """A model whose price is known, or may be."""

    def cost_usd(self, usage: Usage) -> float | None:
        """What this usage costs in US dollars; None when the price is unknown."""
        ...


@runtime_checkable
class Loaded(Protocol):
    """A model that needs modules which take long to import."""

    def load(self) -> None:
        """Import them, in a thread of its own before the first step, so that no call waits."""
        ...


@runtime_checkable
class Keyed(Protocol):
    """A model that may need a key."""

    def check_key(self) -> None:
        """Find out whether there is the key that it needs, without asking a server.

        Raises:
            AccessError: There is none, or it may not be sent.
        """
        ...


@runtime_checkable
class Bounded(Protocol):
    """A model that knows how many tokens it may take, whatever `max_tokens` is."""

    def most_usage(self, request: Request) -> Usage:
        """The most that one try of a request takes."""
        ...


@runtime_checkable
class SchemaBounding(Protocol):
    """A model that says whether schemas get bounds which nobody declared."""

    def schema_tokens(self, sampling: Sampling) -> int | None:
        """The tokens that the longest answer under a schema may have; None: no bounds are added."""
        ...


@runtime_checkable
class Cache(Protocol):
    """Completions that outlive an episode, such as `CompletionFile`."""

    async def complete(
        self, model: Model, request: Request, ask: Callable[[], Coroutine[Any, Any, Completion]]
    ) -> tuple[Completion, bool]:
        """The completion of a request, and whether it was there already."""
        ...
