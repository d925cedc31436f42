"""One client for each event loop: the connections of a client belong to the loop they began in."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from typing import Any, Generic, TypeVar
from weakref import WeakKeyDictionary, WeakMethod, finalize

T = TypeVar("T")

_closing: set["asyncio.Task[Any]"] = set()
"""Tasks that close a client: a loop alone would not keep them alive."""


class PerLoop(Generic[T]):
    """Makes a client when a loop first needs one, and closes it when that loop ends.

    It also closes it when its owner is dropped, while the loop runs on.

    Args:
        make: Makes a client: a method of the object that owns this one.
        close: Closes it.
    """

    def __init__(self, make: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> None:
        self._make = WeakMethod(make)  # a strong one would be a circle: dropped when Python likes
        self._close = close
        self._held: WeakKeyDictionary[asyncio.AbstractEventLoop, tuple[T, finalize[..., Any]]] = (
            WeakKeyDictionary()
        )

    async def get(self) -> T:
        """The client of the running loop."""
        loop = asyncio.get_running_loop()
        held = self._held.get(loop)
        if held is None:
            for other in [other for other in self._held if other.is_closed()]:
                self._held.pop(other)[1].detach()
            make = self._make()
            if make is None:
                raise ReferenceError("the owner of these clients is gone")
            keeper = _keep(make(), self._close)
            client = await anext(keeper)
            # What a finalizer holds is no part of a circle that its owner is in, so connections
            # are not collected before they are closed.
            dropped = finalize(self, _close_soon, loop, keeper)
            dropped.atexit = False
            held = self._held[loop] = client, dropped
        return held[0]


def _close_soon(loop: asyncio.AbstractEventLoop, keeper: AsyncGenerator[T]) -> None:
    """Close a client on its loop, from whatever thread its owner was dropped in."""
    with suppress(RuntimeError):  # the loop has ended, and with it the connections
        loop.call_soon_threadsafe(_start_closing, loop, keeper)


def _start_closing(loop: asyncio.AbstractEventLoop, keeper: AsyncGenerator[T]) -> None:
    closing = loop.create_task(keeper.aclose())
    _closing.add(closing)
    closing.add_done_callback(_closing.discard)


async def _keep(client: T, close: Callable[[T], Awaitable[None]]) -> AsyncGenerator[T]:
    """Hold a client until the loop ends: `asyncio.run` then closes all generators of the loop."""
    try:
        yield client
    finally:
        await close(client)
