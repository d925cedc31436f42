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
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future, wait
from contextlib import aclosing, contextmanager, suppress
from queue import SimpleQueue
from typing import Any, TypeVar

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


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """A loop in which nothing else runs."""
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
        thread = _idle.pop()
    try:
        yield thread.loop
    finally:
        with _lock:
            if thread.process == os.getpid():
                _idle.append(thread)


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
    with _loop() as loop:
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

    with _loop() as loop:
        future: Future[None] = asyncio.run_coroutine_threadsafe(pump(), loop)
        future.add_done_callback(lambda _: queue.put(None))
        try:
            while (given := queue.get()) is not None:
                yield given[0]
            future.result()
        finally:
            future.cancel()
