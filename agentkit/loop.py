"""The background loop of every call that is not asynchronous: `run_sync`, `act_sync`,
`rollout_sync`, and a Runnable's `invoke`.

All calls run on one loop, so that the connections of a model outlive a call. A call from that
loop's own thread (a function node that calls a graph) would wait for itself; it runs on a second
loop, a call from there on a third.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import aclosing
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_here = threading.local()
_lock = threading.Lock()


class _LoopThread:
    """A thread in which an event loop runs until the process ends."""

    def __init__(self, depth: int) -> None:
        self.process = os.getpid()
        self._depth = depth
        self._ready = threading.Event()
        self._thread = threading.Thread(
            target=self._serve, name=f"agentkit-loop-{depth}", daemon=True
        )
        self._thread.start()
        self._ready.wait()

    def _serve(self) -> None:
        _here.depth = self._depth + 1
        with asyncio.Runner() as runner:
            self.loop = runner.get_loop()
            self.loop.call_soon(self._ready.set)
            self.loop.run_forever()

    def stop(self) -> None:
        if self.process == os.getpid():
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()


_threads: list[_LoopThread] = []


def _loop() -> asyncio.AbstractEventLoop:
    """The loop for a call from this thread."""
    depth: int = getattr(_here, "depth", 0)
    with _lock:
        if _threads and _threads[0].process != os.getpid():  # a fork has none of the threads
            _threads.clear()
        if not _threads:
            atexit.unregister(_stop)
            atexit.register(_stop)
        while len(_threads) <= depth:
            _threads.append(_LoopThread(len(_threads)))
        return _threads[depth].loop


def _stop() -> None:
    for thread in _threads:
        thread.stop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where another event loop runs in this thread.

    Interrupting the wait cancels the coroutine and waits until it has cleaned up; interrupting
    that wait too leaves it to itself.
    """
    started: Future[asyncio.Task[T]] = Future()
    ended: Future[T] = Future()
    loop = _loop()
    loop.call_soon_threadsafe(_start, work, started, ended)
    try:
        return ended.result()
    except BaseException:
        if not ended.done():
            loop.call_soon_threadsafe(started.result().cancel)
            wait([ended])
        raise


def _start(
    work: Coroutine[Any, Any, T], started: "Future[asyncio.Task[T]]", ended: "Future[T]"
) -> None:
    """Run a coroutine as a task of this thread's loop, and tell its end."""

    def tell(task: "asyncio.Task[T]") -> None:
        if task.cancelled():
            ended.set_exception(asyncio.CancelledError())
        elif (error := task.exception()) is not None:
            ended.set_exception(error)
        else:
            ended.set_result(task.result())

    task = asyncio.get_running_loop().create_task(work)
    task.add_done_callback(tell)
    started.set_result(task)


def iterate(start: Callable[[], AsyncIterator[T]]) -> Iterator[T]:
    """What an asynchronous iterator gives; leaving early cancels it."""
    queue: SimpleQueue[tuple[T] | None] = SimpleQueue()

    async def pump() -> None:
        async with aclosing(start()) as iterator:  # type: ignore[type-var]
            async for value in iterator:
                queue.put((value,))

    future: Future[None] = asyncio.run_coroutine_threadsafe(pump(), _loop())
    future.add_done_callback(lambda _: queue.put(None))
    try:
        while (given := queue.get()) is not None:
            yield given[0]
        future.result()
    finally:
        future.cancel()
