"""The background loop of every call that is not asynchronous: `run_sync`, `act_sync`,
`rollout_sync`, and a Runnable's `invoke`.

Calls one after the other run on one loop, so that the connections of a model outlive a call. A
call that comes while another one runs (from another thread, or from a function node that calls a
graph) has a loop of its own, so that no function that blocks holds up anybody else.
"""

import asyncio
import atexit
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import aclosing, suppress
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from agentkit.errors import AgentKitError

T = TypeVar("T")

_lock = threading.Lock()


class _LoopThread:
    """A thread in which an event loop runs until the process ends."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self._ready = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._serve, name="agentkit-loop", daemon=True)
        self._thread.start()
        self._ready.wait()

    def _serve(self) -> None:
        with asyncio.Runner() as runner:
            self.loop = runner.get_loop()
            self.loop.call_soon(self._ready.set)
            while not self._stopping:
                with suppress(SystemExit, KeyboardInterrupt):  # of a function: its caller has it
                    self.loop.run_forever()

    def stop(self) -> None:
        if self.process == os.getpid():
            self._stopping = True
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join()


_threads: list[_LoopThread] = []
_idle: list[_LoopThread] = []
"""Those of the threads in which nothing runs; the one used last is used next."""


def _take() -> _LoopThread:
    """Take a thread in which nothing runs."""
    with _lock:
        if _threads and _threads[0].process != os.getpid():  # a fork has none of the threads
            _threads.clear()
            _idle.clear()
        if not _threads:
            atexit.unregister(_stop)
            atexit.register(_stop)
        if not _idle:
            _idle.append(_LoopThread())
            _threads.append(_idle[-1])
        return _idle.pop()


def _stop() -> None:
    for thread in _threads:
        thread.stop()


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, also where another event loop runs in this thread.

    Interrupting the wait cancels the coroutine and waits until it has cleaned up; interrupting
    that wait too leaves it to itself.
    """
    running = _Running(work)
    try:
        error = running.ended.exception()
    except BaseException:
        running.cancel()
        wait([running.ended])
        raise
    if isinstance(error, AgentKitError):
        raise error.with_traceback(None)  # where it happened stands in its message and its cause
    return running.ended.result()


def iterate(start: Callable[[], AsyncIterator[T]]) -> Iterator[T]:
    """What an asynchronous iterator gives; leaving early cancels it."""
    queue: SimpleQueue[tuple[T] | None] = SimpleQueue()

    async def pump() -> None:
        async with aclosing(start()) as iterator:  # type: ignore[type-var]
            async for value in iterator:
                queue.put((value,))

    running = _Running(pump())
    running.ended.add_done_callback(lambda _: queue.put(None))
    try:
        while (given := queue.get()) is not None:
            yield given[0]
        running.ended.result()
    finally:
        running.cancel()


class _Running(Generic[T]):
    """A coroutine that runs on a loop of its own; at its end the next one can have the loop."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self.ended: Future[T] = Future()
        self._thread = _take()
        self._task: Future[asyncio.Task[T]] = Future()
        self._thread.loop.call_soon_threadsafe(self._start, work)

    def cancel(self) -> None:
        """Cancel it, unless it has ended."""
        if not self.ended.done():
            self._thread.loop.call_soon_threadsafe(self._task.result().cancel)

    def _start(self, work: Coroutine[Any, Any, T]) -> None:
        task = self._thread.loop.create_task(work)
        task.add_done_callback(self._end)
        self._task.set_result(task)

    def _end(self, task: "asyncio.Task[T]") -> None:
        with _lock:
            _idle.append(self._thread)
        error: BaseException | None
        try:
            error = task.exception()
        except asyncio.CancelledError as cancellation:
            error = cancellation
        if error is None:
            self.ended.set_result(task.result())
        else:
            self.ended.set_exception(error)


async def streamed(
    start: Callable[[Callable[[T], None]], Coroutine[Any, Any, Any]],
    listener: Callable[[T], None] | None = None,
) -> AsyncGenerator[T, None]:
    """Yield what a call tells its listener, as it happens; closing this cancels the call.

    Args:
        start: Makes the call, with what it is to tell.
        listener: Is told the same, before it is yielded.

    Yields:
        What it tells. Its error is raised at the end.
    """
    queue: asyncio.Queue[T | None] = asyncio.Queue()

    def tell(one: T) -> None:
        if listener is not None:
            listener(one)
        queue.put_nowait(one)

    task = asyncio.create_task(start(tell))
    task.add_done_callback(lambda _: queue.put_nowait(None))
    try:
        while (told := await queue.get()) is not None:
            yield told
        await task
    finally:
        task.cancel()
