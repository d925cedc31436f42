"""Wait until a page has done what an action began: opened another, asked, changed."""

import asyncio
from contextlib import suppress
from typing import Final, Protocol

from playwright.async_api import Error, JSHandle, Page
from playwright.async_api import TimeoutError as PlaywrightTimeout

from agentkit_envs.browser.act.traffic import Traffic
from agentkit_envs.browser.guard.notices import named
from agentkit_envs.browser.see.scripts import script

WATCH: Final = script(__package__, "watch.js")
_SEEN: Final = "s => [String(s.changes), s.leaving, s.waits()]"
FIRST_S: Final = 0.005
"""How long after an action is looked first: what it does at once has begun by then."""
AGAIN_S: Final = 0.02
"""How long nothing may change for a page to be quiet; longer than a step of an animation."""
QUIET_S: Final = 0.5
"""How long to wait for a page to be quiet, at most; some never are."""
_NOTHING: Final = "0"
ANSWERS: Final = 2
"""So many times as long is waited where the server has not answered what the page asks."""

STOPPING_S: Final = 0.5
"""How long it may take to give up a page."""


class SlowPage(Exception):
    """A page that was not there in time; its message names it."""


class Pages(Protocol):
    """Where the active tab is."""

    @property
    def page(self) -> Page:
        """It."""


class Watch:
    """Sees what one action begins in the active tab. Ended by `end`."""

    def __init__(self, session: Pages, ends: float) -> None:
        self.traffic = Traffic()
        self._session = session
        self._ends = ends
        self._counter: asyncio.Task[JSHandle] | None = None

    def begin(self, *, counting: bool) -> None:
        """Look at the active tab, from what it is told next on; `counting` its changes too."""
        self.traffic.turn_to(self._session.page)
        if counting:
            self._count_anew()

    def end(self) -> None:
        """Look no more."""
        self.traffic.end()
        self._count_no_more()

    @property
    def opening(self) -> str:
        """The address that is waited for, or ''."""
        return self.traffic.opening.url if self.traffic.opening is not None else ""

    async def settle(self, quiet_s: float = QUIET_S) -> None:
        """Wait for a page that is opened, and then until nothing changes, but no longer.

        With a `quiet_s` of 0 it is not waited for changes at all.

        Raises:
            SlowPage: The page was not there in time.
        """
        if not quiet_s:
            await self._arrived()
            return
        loop = asyncio.get_running_loop()
        began, pause = loop.time(), FIRST_S
        before: str | None = _NOTHING
        while True:
            await asyncio.sleep(pause)
            if await self._arrived():
                began, before = loop.time(), None
            changes = await self._changes(min(began + quiet_s, self._ends))
            bound_s = quiet_s
            if self.traffic.awaited:  # what is done with the answer comes after it
                changes, bound_s = None, quiet_s * ANSWERS
            quiet = changes is not None and changes == before
            if quiet or loop.time() >= min(began + bound_s, self._ends):
                return
            before, pause = changes, AGAIN_S

    async def stop(self) -> None:
        """Give up the page that is waited for: as long as it may come, Playwright reads none."""
        page = self._session.page
        # Where the tab is gone, its loading is too; where a script keeps it busy, nothing helps.
        with suppress(Error, TimeoutError):
            async with asyncio.timeout(STOPPING_S):
                client = await page.context.new_cdp_session(page)
                await client.send("Page.stopLoading")
                await client.detach()

    async def _arrived(self) -> bool:
        """Whether there is a new page, once it can be read."""
        traffic, loop = self.traffic, asyncio.get_running_loop()
        moved = traffic.turn_to(self._session.page)
        while traffic.opening is not None:
            traffic.news.clear()
            try:
                await asyncio.wait_for(traffic.news.wait(), self._ends - loop.time())
            except TimeoutError:
                raise SlowPage(named(self.opening)) from None
            moved = traffic.turn_to(self._session.page) or moved
        moved, traffic.moved = moved or traffic.moved, False
        page = self._session.page
        if moved:
            self._count_no_more()
            left_s = max(self._ends - loop.time(), 0.001)
            try:
                await page.wait_for_load_state("domcontentloaded", timeout=left_s * 1000)
            except PlaywrightTimeout:
                raise SlowPage(named(page.url)) from None
            except Error:  # it was closed, as the window of a download is: another is active soon
                return True
        return moved

    async def _changes(self, ends: float) -> str | None:
        """How much has changed so far, as the page says; None as long as that is not known."""
        page = self._session.page
        if page.is_closed():
            return _NOTHING
        counter = self._counter or self._count_anew()
        try:
            async with asyncio.timeout_at(ends):
                told = await (await counter).evaluate(_SEEN)
        except (Error, TimeoutError):
            # It is another document now, or is being closed, or a script keeps it busy.
            self._count_no_more()
            return None
        match told:
            case [str(), _, True]:  # a timer of the page's is about to end
                return None
            case [str(changes), leaving, _] if not leaving or self.traffic.addresses:
                return changes
        return None

    def _count_anew(self) -> "asyncio.Task[JSHandle]":
        # It is not waited for here: the browser does one thing after the other.
        self._counter = asyncio.create_task(self._session.page.evaluate_handle(WATCH))
        return self._counter

    def _count_no_more(self) -> None:
        counter, self._counter = self._counter, None
        if counter is not None and not counter.cancel() and not counter.cancelled():
            counter.exception()  # a page that went away is none of ours
