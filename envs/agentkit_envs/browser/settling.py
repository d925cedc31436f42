"""Watch a page while it is acted on, and wait until it has done what that began."""

import asyncio
from typing import Any, Final, Protocol

from playwright.async_api import Error, Frame, JSHandle, Page, Request, Response

from agentkit_envs.browser.scene import script

WATCH: Final = script("watch.js")
FIRST_S: Final = 0.01
"""How long after an action is looked first: what it does at once has begun by then."""
AGAIN_S: Final = 0.02
"""How long nothing may change for a page to be quiet; longer than a step of an animation."""
QUIET_S: Final = 0.5
"""How long to wait for a page to be quiet, at most; some never are."""
ANSWERS = 2
"""So many times as long is waited where the server has not answered what the page asks."""
AWAITED: Final = frozenset({"document", "fetch", "script", "xhr"})
"""What a page asks for that can change what it says; pictures and sockets cannot be waited for."""
_NO_CONTENT = (204, 205)
_UNSETTLED = -1


class Pages(Protocol):
    """Where the active tab is."""

    @property
    def page(self) -> Page:
        """It."""


class Watch:
    """Sees what one action begins: requests, new pages, changes. Ended by `end`."""

    def __init__(self, session: Pages, ends: float) -> None:
        self.addresses: list[str] = []
        """What the tab was told to open, redirects included."""
        self.failed: tuple[str, str] | None = None
        """The address that could not be opened last, and Chromium's name of the reason."""
        self.response: Response | None = None
        """The answer that the tab's page came with."""
        self._session = session
        self._ends = ends
        self._page: Page | None = None
        self._counter: JSHandle | None = None
        self._leaving: Request | None = None
        self._awaited: set[Request] = set()
        self._moved = False
        self._news = asyncio.Event()

    async def begin(self, *, counting: bool) -> None:
        """Look at the active tab; `counting` its changes needs a page that answers."""
        self._follow()
        if counting:
            await self._count_anew()

    def end(self) -> None:
        """Look no more."""
        if self._page is not None:
            for event, heard in self._ears().items():
                self._page.remove_listener(event, heard)
            self._page = None

    @property
    def leaving(self) -> str:
        """The address that the tab is waiting for, or ''."""
        return self._leaving.url if self._leaving is not None else ""

    async def settle(self, quiet_s: float = QUIET_S) -> None:
        """Wait for a page that is opened, and then until nothing changes, but no longer.

        With a `quiet_s` of 0 it is not waited for changes at all.

        Raises:
            playwright.async_api.TimeoutError: The page was not there in time.
            playwright.async_api.Error: It crashed.
        """
        if not quiet_s:
            await self._arrived()
            return
        loop = asyncio.get_running_loop()
        began, before, pause = loop.time(), 0, FIRST_S
        while True:
            await asyncio.sleep(pause)
            if await self._arrived():
                began, before = loop.time(), _UNSETTLED
            changes = await self._changes(min(began + quiet_s, self._ends))
            bound_s = quiet_s
            if self._awaited:  # what is done with the answer comes after it
                changes, bound_s = _UNSETTLED, quiet_s * ANSWERS
            if changes == before != _UNSETTLED or loop.time() >= min(began + bound_s, self._ends):
                return
            before, pause = changes, AGAIN_S

    def _follow(self) -> bool:
        """Turn to the active tab; whether it is another one."""
        page = self._session.page
        if page is self._page:
            return False
        self.end()
        self._page = page
        self._counter = self._leaving = None
        self._awaited.clear()
        for event, hears in self._ears().items():
            page.on(event, hears)
        return True

    def _ears(self) -> dict[Any, Any]:
        return {
            "request": self._on_request,
            "requestfinished": self._on_finished,
            "requestfailed": self._on_failed,
            "response": self._on_response,
            "framenavigated": self._on_navigated,
            "download": self._on_download,
            "close": self._on_close,
        }

    async def _arrived(self) -> bool:
        """Whether there is a new page, once it can be read."""
        moved = self._follow()
        while self._leaving is not None:
            self._news.clear()
            left_s = self._ends - asyncio.get_running_loop().time()
            try:
                await asyncio.wait_for(self._news.wait(), left_s)
            except TimeoutError:
                raise SlowPage(self.leaving) from None
            moved = self._follow() or moved
        moved, self._moved = moved or self._moved, False
        page = self._page
        if moved and page is not None and not page.is_closed():
            left_s = max(self._ends - asyncio.get_running_loop().time(), 0.001)
            await page.wait_for_load_state("domcontentloaded", timeout=left_s * 1000)
            self._counter = None
        return moved

    async def _changes(self, ends: float) -> int:
        """How much has changed so far, or `_UNSETTLED` as long as that cannot be known."""
        page = self._page
        if page is None or page.is_closed():
            return 0
        try:
            async with asyncio.timeout_at(ends):
                if self._counter is None:
                    await self._count_anew()
                    return _UNSETTLED
                changes, leaving = await self._counter.evaluate("s => [s.changes, s.leaving]")
        except TimeoutError:  # a script keeps it busy
            return _UNSETTLED
        except Error as error:
            if page.is_closed() or "crash" in error.message:
                return _UNSETTLED
            self._counter = None  # it is another document now
            return _UNSETTLED
        return _UNSETTLED if leaving and not self.addresses else int(changes)

    async def _count_anew(self) -> None:
        if self._page is not None:
            self._counter = await self._page.evaluate_handle(WATCH)

    def _on_request(self, request: Request) -> None:
        if request.resource_type in AWAITED:
            self._awaited.add(request)
        if _opens_page(request):
            self._leaving = request
            self.addresses.append(request.url)

    def _on_finished(self, request: Request) -> None:
        self._awaited.discard(request)

    def _on_failed(self, request: Request) -> None:
        self._awaited.discard(request)
        if request is self._leaving:
            self.failed = request.url, request.failure or ""
            self._leave_off()

    def _on_response(self, response: Response) -> None:
        if response.request is self._leaving:
            self.response, self.failed = response, None
            if response.status in _NO_CONTENT:
                self._leave_off()

    def _on_navigated(self, frame: Frame) -> None:
        if frame.parent_frame is None:
            self._moved = True
            self._leave_off()

    def _on_download(self, _: object) -> None:
        self._leave_off()

    def _on_close(self, _: object) -> None:
        self._awaited.clear()
        self._leave_off()

    def _leave_off(self) -> None:
        self._leaving = None
        self._news.set()


class SlowPage(Exception):
    """A page that was not there in time; its message is the address."""


def _opens_page(request: Request) -> bool:
    """Whether a request is for the page of the tab, not of a frame inside."""
    if not request.is_navigation_request():
        return False
    try:
        return request.frame.parent_frame is None
    except Error:  # there is no frame yet, as in a new window
        return True
