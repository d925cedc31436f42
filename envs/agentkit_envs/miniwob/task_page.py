"""A page of the browser that plays one task after another.

A new context and a new page for each episode would take longer than the task's page takes to
load. So a page that is as it was given is cleared and used again, by the next episode of this
process.
"""

import asyncio
import math
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from playwright.async_api import Error

from agentkit_envs.browser.client import BrowserClient
from agentkit_envs.browser.guard.allow_list import AllowList
from agentkit_envs.miniwob.page_server import shared_pages
from agentkit_envs.miniwob.tasks import page_of

if TYPE_CHECKING:
    from playwright.async_api import BrowserContext

    from agentkit_envs.browser.session import Session

STEP_MS: Final = 500
"""How far the page's clock goes on after an action."""
MOST_MS: Final = 60_000
"""How far it may be made to go on at once."""
IDLE_S: Final = 2.0
"""How long a page that nobody uses waits for the next episode."""
MOST_USES: Final = 200
"""How many episodes a page plays before it is replaced, whatever it has gathered by then."""
_TIMEOUT_S: Final = 30.0
_SCRIPTS: Final = ("clock.js", "captions.js", "task.js")


@dataclass(frozen=True, slots=True)
class State:
    """How a task stands."""

    done: bool
    reward: float
    """What the page gives, without its discount for time; 0 before the end."""
    reason: str
    """Why, where the page says so."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a task says first."""

    goal: str
    fields: Mapping[str, Any] | None
    """The parts of the goal by name, where the page tells them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a page is made for; it is used again for the same."""

    window: tuple[int, int]
    action_timeout_s: float
    headless: bool
    film: bool


class TaskPage:
    """A page that tasks are played on, one at a time."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.origin = shared_pages()
        self.client = BrowserClient(
            AllowList.parse(self.origin, ()),
            viewport=settings.window,
            action_timeout_s=settings.action_timeout_s,
            dialogs="accept",
            headless=settings.headless,
            film=settings.film,
            quiet_s=0,  # nothing goes on while the clock of the page stands still
        )
        self.process = os.getpid()
        """Where it was made: a process that is forked off cannot use it."""
        self._context: BrowserContext | None = None
        self._uses = 0

    def begin(self, task: str, seed: int) -> Beginning:
        """Load the page of a task and begin it.

        Raises:
            RuntimeError: The page does not load, or does not begin.
        """
        self._uses += 1
        self.client.forget()
        told = self.client.call(lambda session: self._begin(session, task, seed), fresh=True)
        return Beginning(str(told["goal"]), told["fields"])

    def wait(self, ms: float = STEP_MS) -> State | None:
        """Let the page's clock go on, and see how the task stands.

        None if its page was left, or does not answer within 30 s of real time.
        """
        told = self.client.call(lambda session: _wait(session, ms))
        if told is None:
            return None
        reward = float(told["reward"])
        return State(told["done"], reward if math.isfinite(reward) else 0.0, told["reason"])

    @property
    def is_as_given(self) -> bool:
        """Whether nothing of an episode stays: one tab, in the context that was made for it."""
        try:
            return self._uses < MOST_USES and self.client.call(self._is_whole)
        except (RuntimeError, TimeoutError):  # nothing was opened, or the browser has ended
            return False

    def close(self) -> None:
        """Close the page; the browser ends with its last user."""
        self.client.close()
        self._context = None

    async def _is_whole(self, session: "Session") -> bool:
        return len(session.tabs) == 1 and session.page.context is self._context

    async def _begin(self, session: "Session", task: str, seed: int) -> dict[str, Any]:
        address = f"{self.origin}/{page_of(task)}"
        corner = [side - 1 for side in self.settings.window]
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                page = await session.mend()
                await asyncio.gather(self._prepare(page.context), page.mouse.move(*corner))
                await page.goto(address, wait_until="commit")
                told: dict[str, Any] = await page.evaluate(
                    "([seed, ms]) => agentkitTask.begin(seed, ms)", [seed, STEP_MS]
                )
        except (Error, TimeoutError) as error:
            raise RuntimeError(f"the page of the task '{task}' did not begin: {error}") from error
        session.drain_notices()
        return told

    async def _prepare(self, context: "BrowserContext") -> None:
        if context is self._context:
            await context.clear_cookies()
        else:
            await context.add_init_script(_script())
            self._context = context


async def _wait(session: "Session", ms: float) -> dict[str, Any] | None:
    """What task.js tells; None if the page was left, has crashed or does not answer."""
    script = "ms => window.agentkitTask ? window.agentkitTask.wait(ms) : null"
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            told: dict[str, Any] | None = await session.page.evaluate(script, ms)
            return told
    except (Error, LookupError, TimeoutError):  # it is being left, has crashed, or hangs
        return None


@cache
def _script() -> str:
    folder = files("agentkit_envs.miniwob")
    return "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in _SCRIPTS)


_guard = threading.Lock()
_idle: dict[TaskPage, threading.Timer] = {}


def take_page(settings: Settings) -> TaskPage:
    """A page for these settings: an idle one, or a new one."""
    with _guard:
        for page, timer in _idle.items():
            if page.settings == settings and page.process == os.getpid():
                timer.cancel()
                del _idle[page]
                return page
    return TaskPage(settings)


def give_back(page: TaskPage, *, clean: bool) -> None:
    """Let the next episode have the page, for a moment; or close it if it is not clean."""
    if not clean or not page.is_as_given:
        page.close()
        return
    timer = threading.Timer(IDLE_S, _drop, [page])
    timer.daemon = True
    with _guard:
        _idle[page] = timer
    timer.start()


def _drop(page: TaskPage) -> None:
    with _guard:
        found = _idle.pop(page, None)
    if found is not None:
        page.close()
