"""Functions that may block, called off the event loop: in daemon threads, a bounded number at once.

Each event loop has its own bound, so a function that runs a graph with `run_sync`, which has a
loop of its own, cannot wait for a thread that it holds itself.
"""

import asyncio
import inspect
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from agentkit.errors import StepInterrupted

T = TypeVar("T")

_lock = threading.Lock()
_MOST_CALLS: Final = 32
"""Plain functions of one loop that run at once; further ones wait for one of these to return."""
_IDLE_S: Final = 10.0
"""How long a thread waits for another function before it ends."""


async def in_thread(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call a function that may block in a thread, with this task's context variables.

    What it returns is awaited here, if it is awaitable. Cancelling the wait ends it at once and
    frees the place of the call; the function runs on until it returns, and nothing waits for it,
    not even the end of the process.
    """
    return await call_in_thread(partial(function, *args, **kwargs))


async def call_in_thread(
    function: Callable[[], Any], on_start: Callable[[], None] | None = None
) -> Any:
    """Do what `in_thread` does, and call `on_start` on the loop once there is a place.

    Raises:
        BaseException: What the function raised, or `on_start`: then the function is not called.
    """
    result = await _call(partial(copy_context().run, function), on_start)
    return await result if inspect.isawaitable(result) else result


async def _call(call: Callable[[], Any], on_start: Callable[[], None] | None) -> Any:
    loop = asyncio.get_running_loop()
    kinds = _slots.setdefault(loop, {})
    most = 1 if _in_langgraph() else _MOST_CALLS
    slots = kinds.setdefault(most, Slots(most))
    await slots.take()
    error: BaseException | None = None
    try:
        if on_start is not None:
            on_start()
        done: asyncio.Future[tuple[Any, BaseException | None]] = loop.create_future()
        _take_worker().jobs.put((call, done))
        result, error = await done
        if error is not None:
            raise error
        return result
    finally:
        slots.leave()
        error = None  # it holds this frame


def runs_on_loop(function: Callable[..., Any]) -> bool:
    """Whether a function is asynchronous; any other may block."""
    code = getattr(function, "__code__", None)
    if code is not None and code.co_flags & inspect.CO_COROUTINE:
        return True
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004
    )


class Callback(Generic[T]):
    """Calls a function on the running loop, also from the thread of a function that it called.

    Args:
        function: What to call; it does not wait for anything.
    """

    def __init__(self, function: Callable[..., T]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()

    def __call__(self, *args: Any, **kwargs: Any) -> T:
        """Call the function and wait for its result.

        Raises:
            StepInterrupted: The loop has ended.
            BaseException: What the function raised.
        """
        if threading.get_ident() == self._thread:
            return self._function(*args, **kwargs)
        result: Future[T] = Future()

        def call() -> None:
            try:
                result.set_result(self._function(*args, **kwargs))
            except BaseException as error:
                result.set_exception(error)

        try:
            self._loop.call_soon_threadsafe(call)
        except RuntimeError:
            raise StepInterrupted("the step has ended, and its event loop with it") from None
        return result.result()


class Slots:
    """Lets a number of calls do something at once, in the order of asking, from whatever loops.

    Args:
        most: How many.
    """

    def __init__(self, most: int) -> None:
        self._most = self._free = most
        self._lock = threading.Lock()
        self._waiting: deque[Future[None]] = deque()

    @property
    def is_used(self) -> bool:
        """Whether somebody has a place."""
        return self._free < self._most

    async def take(self) -> None:
        """Wait for a place."""
        with self._lock:
            if self._free:
                self._free -= 1
                return
            turn: Future[None] = Future()
            turn.set_running_or_notify_cancel()  # whoever stops waiting does not cancel it
            self._waiting.append(turn)
        try:
            await asyncio.wrap_future(turn)
        except BaseException:
            with self._lock:
                is_waiting = turn in self._waiting
                if is_waiting:
                    self._waiting.remove(turn)
            if not is_waiting:  # the place came in the very moment of the cancellation
                self.leave()
            raise

    def leave(self) -> None:
        """Give the place to the next one who waits."""
        with self._lock:
            following = self._waiting.popleft() if self._waiting else None
            self._free += following is None
        if following is not None:
            following.set_result(None)


_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[int, Slots]] = WeakKeyDictionary()
"""The places of each loop, by how many they are."""


def _in_langgraph() -> bool:
    """Whether a node of LangGraph is running, which counts its interrupts: they must come in the
    same order when it runs again, so its functions run one after the other."""
    module = sys.modules.get("langchain_core.runnables.config")
    config = None if module is None else module.var_child_runnable_config.get()
    return "__pregel_scratchpad" in ((config or {}).get("configurable") or {})


class _Worker:
    """A thread that calls one function after the other, until none came for a while."""

    def __init__(self) -> None:
        self.process = os.getpid()
        self.jobs: SimpleQueue[tuple[Callable[[], Any], asyncio.Future[Any]]] = SimpleQueue()
        threading.Thread(target=self._work, name="agentkit-function", daemon=True).start()

    def _work(self) -> None:
        while (job := self._next()) is not None:
            self._do(*job)
            del job  # and with it what it holds, while the thread waits

    def _next(self) -> tuple[Callable[[], Any], "asyncio.Future[Any]"] | None:
        while True:
            try:
                return self.jobs.get(timeout=_IDLE_S)
            except Empty:
                with _lock:
                    if self in _idle_workers:  # else a job is on its way
                        _idle_workers.remove(self)
                        return None

    def _do(self, call: Callable[[], Any], done: "asyncio.Future[Any]") -> None:
        outcome: tuple[Any, BaseException | None]
        try:
            outcome = None if done.cancelled() else call(), None
        except BaseException as error:
            outcome = None, error
        with _lock:
            _idle_workers.append(self)
        with suppress(RuntimeError):  # the loop was closed: nobody waits
            done.get_loop().call_soon_threadsafe(_deliver, done, outcome)


_idle_workers: list[_Worker] = []


def _take_worker() -> _Worker:
    with _lock:
        while _idle_workers:
            worker = _idle_workers.pop()
            if worker.process == os.getpid():  # a fork has none of the threads
                return worker
    return _Worker()


def _deliver(done: "asyncio.Future[Any]", outcome: tuple[Any, BaseException | None]) -> None:
    if not done.done():
        done.set_result(outcome)
    elif inspect.iscoroutine(outcome[0]):  # nobody will await it
        outcome[0].close()
