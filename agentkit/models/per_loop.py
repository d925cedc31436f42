"""One client for each event loop: the connections of a client belong to the loop they began in."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary, WeakMethod

T = TypeVar("T")


class PerLoop(Generic[T]):
    """Makes a client when a loop first needs one, and closes it when that loop ends.

    It also closes it when its owner is dropped, while the loop runs on.

    Args:
        make: Makes a client: a method of the object that owns this one.
        close: Closes it.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        # A strong reference would be a circle, and what is in a circle is not closed in order.
        self._make = WeakMethod(make)
        self._close = close
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[T, AsyncGenerator[T]]] = (
            WeakKeyDictionary()
        )

    async def get(self) -> T:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            for other in [other for other in self._held if other.is_closed()]:
                del self._held[other]
            make = self._make()
            if make is None:
                raise ReferenceError("the owner of these clients is gone")
            keeper = _keep(make(), self._close)
            held = self._held[loop] = await anext(keeper), keeper
        return held[0]


async def _keep(client: T, close: Callable[[T], Awaitable[None]]) -> AsyncGenerator[T]:
    """Hold a client until the loop ends: `asyncio.run` then closes all generators of the loop."""
    try:
        yield client
    finally:
        await close(client)
