"""The browser of this process: one Chromium, on one thread with its own asyncio loop.

Playwright's objects belong to the loop that made them. Environments are called from any thread,
also from one whose own loop is running, so they hand their coroutines to this thread and wait.
"""

import asyncio
import atexit
import os
import sys
import threading
import weakref
from collections.abc import Coroutine
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

from agentkit_envs.browser.driver_loop import DriverLoop
from agentkit_envs.browser.launcher import Launcher

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

T = TypeVar("T")
LINGER_S: Final = 2.0
"""How long the browser waits for its next user, so that one episode after another shares it."""
EXIT_S: Final = 15.0
"""How long the end of the process may wait for the browser to close."""


class Engine:
    """A browser and the thread that it is driven on. Nothing is started before it is needed.

    Args:
        headless: Without a window.
        linger_s: How long the browser stays when its last user has gone.
    """

    def __init__(self, headless: bool = True, linger_s: float = LINGER_S) -> None:
        self.headless = headless
        self._linger_s = linger_s
        self._process = os.getpid()
        self._guard = threading.Lock()
        self._users = 0
        self._closed = False
        self._thread: threading.Thread | None = None
        self._loop: DriverLoop | None = None
        self._stop: asyncio.Event | None = None
        self._launcher: Launcher | None = None
        self._ending: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        _all.add(self)

    @property
    def closed(self) -> bool:
        """Whether it can be used no more: it was closed, or belongs to the parent process."""
        return self._closed or self._process != os.getpid()

    def serves(self, context: "BrowserContext") -> bool:
        """Whether a context is of the running browser, not of one that has died."""
        return self._launcher is not None and self._launcher.serves(context)

    def run(self, coroutine: Coroutine[Any, Any, T], timeout_s: float | None = None) -> T:
        """The result of a coroutine, which runs on the engine's loop; the caller waits.

        If the wait ends early, by the time limit or by Ctrl-C, the coroutine is cancelled.

        Raises:
            TimeoutError: It took longer than `timeout_s`.
            RuntimeError: The engine was closed, or this is its own thread.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(coroutine, self._started())
        except RuntimeError:
            coroutine.close()
            raise
        try:
            return future.result(timeout_s)
        except TimeoutError as error:
            if future.done():  # the coroutine's own
                raise
            raise TimeoutError(f"the browser did not answer within {timeout_s:g} s") from error
        finally:
            future.cancel()

    async def browser(self) -> "Browser":
        """The running browser, on the engine's loop: launched if there is none, or if it died.

        Raises:
            ChromiumMissing: There is no Chromium on this machine.
            LaunchFailed: It does not start.
        """
        return await self._chromium().browser()

    async def new_context(self, **options: Any) -> "BrowserContext":
        """A new context of the browser, with Playwright's options, on the engine's loop.

        Raises:
            ChromiumMissing: There is no Chromium on this machine.
            LaunchFailed: It does not start.
        """
        return await self._chromium().new_context(**options)

    def acquire(self) -> Self:
        """Say that the browser is used from now on, until `release`."""
        with self._guard:
            self._users += 1
        return self

    def release(self) -> None:
        """Say that it is used no more; when the last user is gone, it closes after a moment."""
        if self.closed:
            return
        with self._guard:
            self._users -= 1
            if self._users == 0 and self._loop is not None:
                self._loop.call_soon_threadsafe(self._linger)

    def __enter__(self) -> Self:
        return self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def close(self) -> None:
        """End the browser, its driver and the thread, at once."""
        if self.closed:
            return
        with self._guard:
            self._closed = True
            thread, loop, stop = self._thread, self._loop, self._stop
        if thread is not None and loop is not None and stop is not None:
            loop.call_soon_threadsafe(stop.set)
            thread.join(EXIT_S)

    def let_go(self) -> None:
        """In a forked child: hold nothing that keeps the parent's browser alive."""
        if self._loop is not None:
            self._loop.let_go()

    def _started(self) -> DriverLoop:
        """The loop, whose thread is started if it was not."""
        if self._process != os.getpid():
            raise RuntimeError(
                "this browser belongs to the process that this one was forked from; "
                "make the environment in the process that uses it"
            )
        with self._guard:
            if self._closed:
                raise RuntimeError("the browser was closed: the process is ending")
            if threading.current_thread() is self._thread:
                raise RuntimeError("Engine.run on the engine's own thread would wait for itself")
            if self._loop is None:
                ready: Future[DriverLoop] = Future()
                self._thread = threading.Thread(
                    target=self._work, args=(ready,), name="browser", daemon=True
                )
                self._thread.start()
                self._loop = ready.result()
            return self._loop

    def _chromium(self) -> Launcher:
        if self._launcher is None:
            self._launcher = Launcher(self.headless)
        return self._launcher

    def _work(self, ready: "Future[DriverLoop]") -> None:
        loop = DriverLoop()
        loop.set_exception_handler(_log)
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(self._serve(loop, ready))

    async def _serve(self, loop: DriverLoop, ready: "Future[DriverLoop]") -> None:
        self._stop = asyncio.Event()
        ready.set_result(loop)
        await self._stop.wait()
        await asyncio.gather(*self._tasks)
        if self._launcher is not None:
            await self._launcher.close()

    def _linger(self) -> None:
        if self._ending is not None:
            self._ending.cancel()
        self._ending = asyncio.get_running_loop().call_later(self._linger_s, self._end)

    def _end(self) -> None:
        if self._users == 0 and self._launcher is not None:
            launcher, self._launcher = self._launcher, None
            task = asyncio.get_running_loop().create_task(launcher.close())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)


def _log(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what nobody awaited; a driver that died was seen by those who asked it."""
    if "Connection closed while reading from the driver" not in str(context.get("exception")):
        loop.default_exception_handler(context)


_engines: dict[bool, Engine] = {}
_all: "weakref.WeakSet[Engine]" = weakref.WeakSet()
_guard = threading.Lock()


def shared_engine(headless: bool = True) -> Engine:
    """The engine of this process; the one with a window is another one."""
    with _guard:
        engine = _engines.get(headless)
        if engine is None or engine.closed:
            engine = _engines[headless] = Engine(headless)
        return engine


@atexit.register
def _close_all() -> None:
    for engine in tuple(_all):
        engine.close()


def _begin_anew() -> None:
    """A forked child has no thread of its parent's, and may have got the lock while it was held."""
    global _guard
    _guard = threading.Lock()
    for engine in tuple(_all):
        engine.let_go()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_begin_anew)
