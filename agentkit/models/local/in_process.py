"""What models in this process share, whichever engine runs them."""

import asyncio
from abc import abstractmethod

from agentkit.errors import InputError, ModelError
from agentkit.messages import Completion, Usage
from agentkit.models.arrival import Try
from agentkit.models.hosted import LOCAL_MAX_TOKENS, Ask, HostedModel
from agentkit.models.local.engines import Engine


class InProcess(HostedModel):
    """A model on an engine in this process: it costs nothing, and its calls wait for a place."""

    default_max_tokens = LOCAL_MAX_TOKENS
    _engine: Engine | None = None

    @abstractmethod
    def _get_engine(self) -> Engine:
        """Return the engine, not yet loaded.

        Raises:
            InputError: There is no model that answers, or it does not fit into memory.
        """

    def check_ready(self) -> None:
        """Find out whether there is a model that answers, and fits into memory.

        Raises:
            InputError: There is none.
        """
        self._get_engine()

    def load(self) -> None:
        """Load it, unless it is loaded.

        Raises:
            InputError: It cannot be loaded.
        """
        self._get_engine().load()

    def close(self) -> None:
        """Free the memory, for all who share the engine; their calls end with an error."""
        self._get_engine().close()

    def _listed_cost(self, usage: Usage) -> float | None:
        return 0.0

    async def _try(self, request: Try, ask: Ask, *, again: bool) -> Completion:
        """One try, when there is a place: others may ask the same engine."""
        await self._prepare()
        async with self._get_engine().places.turn(again=again):
            return await super()._try(request, ask, again=again)

    async def _prepare(self) -> None:
        if self._engine is not None and self._engine.is_loaded:
            return
        try:
            await asyncio.to_thread(self.load)
        except InputError as error:
            raise ModelError(str(error)) from None


def load_parts(slots: int, threads: int) -> list[str]:
    """Return the parts of a description that every engine has."""
    return [
        f"{slots} calls at once" if slots > 1 else "1 call at once",
        f"{threads} threads" if threads > 1 else "1 thread",
    ]
