"""One client for each event loop: the connections of a client belong to the loop they began in."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, MutableMapping
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")
_Held = MutableMapping[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T]]]


class PerLoop(Generic[T]):
    """Makes a client when a loop first needs one, and closes it when that loop ends.

    Args:
        make: Makes a client.
        close: Closes it.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = make
        self._close = close
        self._held: _Held[T] = WeakKeyDictionary()

    async def get(self) -> T:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            keeper = _keep(self._make(), self._close, self._held)
            held = self._held[loop] = await anext(keeper), keeper
        return held[0]


async def _keep(
    client: T, close: Callable[[T], Awaitable[None]], held: _Held[T]
) -> AsyncGenerator[T]:
    """Hold a client until the loop ends: `asyncio.run` then closes all generators of the loop."""
    try:
        yield client
    finally:
        held.pop(asyncio.get_running_loop(), None)
        await close(client)
