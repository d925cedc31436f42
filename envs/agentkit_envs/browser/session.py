"""One episode's part of the browser: its own cookies and storage, its tabs, what they do unasked.

Everything here runs on the engine's loop.
"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeVar

from agentkit_envs.browser.act.tabs import Tabs
from agentkit_envs.browser.engine import Engine
from agentkit_envs.browser.guard.notices import Notices, quote, quote_address
from agentkit_envs.browser.guard.openers import asks_for_program
from agentkit_envs.browser.guard.origins import PORTS, read_origin, scheme_of

if TYPE_CHECKING:
    from playwright.async_api import (
        BrowserContext,
        Dialog,
        Download,
        FileChooser,
        Frame,
        Page,
        Request,
    )

    from agentkit_envs.browser.guard.gate import Gate

T = TypeVar("T")
LOG: Final = logging.getLogger("agentkit.browser")
OPENING_S: Final = 30.0
"""How long a new context or tab may take; a machine under load is slow."""
CLOSING_S: Final = 5.0
"""How long tabs may take to close."""
_PLACES: Final = (*PORTS, "file")
Answer = Literal["accept", "dismiss"]


class Session:
    """One browser context: made by `Session.open`, ended by `close`."""

    def __init__(
        self, engine: Engine, gate: "Gate", viewport: tuple[int, int], dialogs: Answer
    ) -> None:
        self._engine = engine
        self._gate = gate
        self._viewport = viewport
        self._dialogs = dialogs
        self._notices = Notices()
        self.place = ""
        """The address that a part of one belongs to: the last page's; before, the first's."""
        self._tabs = Tabs()
        self._context: BrowserContext | None = None
        self._closed = False
        self._repairs: set[asyncio.Task[None]] = set()

    @classmethod
    async def open(
        cls,
        engine: Engine,
        gate: "Gate",
        *,
        viewport: tuple[int, int] = (1280, 720),
        dialogs: Answer = "dismiss",
    ) -> Self:
        """A fresh context with one blank tab.

        Args:
            engine: What drives the browser.
            gate: The only way out; whoever opened it closes it, after the session.
            viewport: Width and height of the pages, in CSS pixels.
            dialogs: What is answered to questions (confirm, prompt). An alert is always
                accepted, and so is leaving a page.

        Raises:
            ChromiumMissing: There is no Chromium on this machine.
            LaunchFailed: It does not start.
        """
        session = cls(engine, gate, viewport, dialogs)
        try:
            await session._begin()
        except BaseException:  # also when the wait for it is given up
            await session.close()
            raise
        return session

    @property
    def page(self) -> "Page":
        """The active tab; a dead one until `mend` has replaced it."""
        return self._tabs.active

    @property
    def tabs(self) -> "list[Page]":
        """The tabs in the order of opening."""
        return self._tabs.pages

    async def mend(self) -> "Page":
        """The active tab, after replacing what crashed or closed itself; call it before looking.

        Raises:
            RuntimeError: The session was closed.
            LaunchFailed: The browser died, and does not start again.
        """
        from playwright.async_api import Error

        while self._repairs:
            await asyncio.wait(set(self._repairs))
        try:
            return await self._mended()
        except Error:  # the browser died meanwhile, so now there is something else to mend
            return await self._mended()

    async def _mended(self) -> "Page":
        if self._closed:
            raise RuntimeError("the session was closed")
        if self._context is None or not self._engine.serves(self._context):
            self._notices.add(
                "The browser crashed and was started again: its tabs and cookies are lost."
            )
            await self._begin()
        elif not self._tabs.pages:
            await self._blank_tab()
        return self.page

    async def new_tab(self) -> "Page":
        """Open a blank tab, which becomes the active one.

        Raises:
            LookupError: There are too many.
        """
        self._tabs.check_room()
        return await self._blank_tab()

    async def focus_tab(self, index: int) -> "Page":
        """Make a tab the active one.

        Raises:
            LookupError: There is no such tab.
        """
        page = self._tabs.focus(index)
        if not self._engine.headless:
            await _within(CLOSING_S, page.bring_to_front())
        return page

    async def close_tab(self, index: int | None = None) -> "Page":
        """Close a tab, the active one unless told; gives the tab that is active now.

        Raises:
            LookupError: There is no such tab.
        """
        page = self.page if index is None else self._tabs.at(index)
        self._tabs.remove(page)
        await _within(CLOSING_S, page.close())
        return await self.mend()

    def drain_notices(self) -> list[str]:
        """What happened since the last call, in plain sentences: dialogs, new windows, refusals."""
        refused = (f"Refused: {refusal}." for refusal in self._gate.drain())
        return [*refused, *self._notices.drain(), *self._tabs.drain()]

    def why_unreached(self, origin: str) -> str | None:
        """Why the gate refused or did not reach an origin the last time; None if it did."""
        return self._gate.reason(origin)

    def stands_on(self, url: str) -> bool:
        """Whether a tab at this address shows what is there, and may show it."""
        if scheme_of(url) not in _PLACES or self._gate.allow.refuses(url) is not None:
            return False
        return scheme_of(url) == "file" or self.why_unreached(str(read_origin(url))) is None

    async def close(self) -> None:
        """End the context with all of its tabs."""
        self._closed = True
        for repair in self._repairs:
            repair.cancel()
        context, self._context = self._context, None
        if context is not None:
            await _within(CLOSING_S, context.close())

    async def _begin(self) -> None:
        from agentkit_envs.browser.see.labels import listening_script

        await self._engine.browser()  # which may take longer
        async with asyncio.timeout(OPENING_S):
            self._tabs = Tabs()
            width, height = self._viewport
            context = await self._engine.new_context(
                viewport={"width": width, "height": height},
                locale="en-US",
                timezone_id="UTC",
                color_scheme="light",
                reduced_motion="reduce",
                permissions=[],  # a list, though empty, denies what is not in it
                accept_downloads=False,
                service_workers="block",
                proxy=self._gate.proxy,
            )
            self._context = context
            await context.add_init_script(listening_script())  # for thorough looks
            await self._gate.guard(context)
            context.on("page", self._on_page)
            context.on("dialog", self._on_dialog)
            context.on("request", self._on_request)
            context.on("close", self._on_lost)
            await self._blank_tab()

    async def _blank_tab(self) -> "Page":
        if self._context is None:
            return await self.mend()
        async with asyncio.timeout(OPENING_S):
            page = await self._context.new_page()
        self._tabs.claim(page)
        return page

    def _on_page(self, page: "Page") -> None:
        if not self._tabs.add(page):
            self._notices.add("A new window was refused: too many tabs are open.")
            self._repair(_within(CLOSING_S, page.close()))
            return
        page.on("close", self._on_close)
        page.on("crash", self._on_crash)
        page.on("framenavigated", self._on_navigated)
        page.on("download", self._on_download)
        page.on("filechooser", self._on_file_chooser)

    def _on_close(self, page: "Page") -> None:
        self._tabs.remove(page, "A tab was closed by its page.")

    def _on_crash(self, page: "Page") -> None:
        self._tabs.remove(page, "A page crashed; its tab was closed.")
        self._repair(_within(CLOSING_S, page.close()))

    def _on_navigated(self, frame: "Frame") -> None:
        if frame.parent_frame is None and self.stands_on(frame.url):
            self.place = frame.url

    def _on_lost(self, context: "BrowserContext") -> None:
        if context is self._context:
            self._context = None

    def _on_request(self, request: "Request") -> None:
        if request.is_navigation_request() and asks_for_program(request.url):
            asked = quote_address(request.url)
            self._notices.add(f"The page asked for another program to open {asked}: none started.")

    def _on_download(self, download: "Download") -> None:
        self._notices.add(f"The download of {quote(download.suggested_filename)} was refused.")

    def _on_file_chooser(self, _: "FileChooser") -> None:
        self._notices.add("The page asks for a file: upload_file gives one to the element.")

    async def _on_dialog(self, dialog: "Dialog") -> None:
        from playwright.async_api import Error

        accept = self._dialogs == "accept" or dialog.type in ("alert", "beforeunload")
        self._notices.add(_say(dialog, accept))
        try:
            await (dialog.accept(dialog.default_value) if accept else dialog.dismiss())
        except Error as error:  # its page was closed meanwhile
            LOG.debug("a dialog had gone: %s", type(error).__name__)

    def _repair(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._repairs.add(task)
        task.add_done_callback(self._repairs.discard)


def _say(dialog: "Dialog", accept: bool) -> str:
    answer = "accepted" if accept else "dismissed"
    if dialog.type == "beforeunload":
        return f"The page asked whether to leave it: {answer}."
    if dialog.type == "alert":
        return f"The page said {quote(dialog.message)} (alert): {answer}."
    return f"The page asked {quote(dialog.message)} ({dialog.type}): {answer}."


async def _within(limit_s: float, work: Coroutine[Any, Any, T]) -> T | None:
    """What comes of work on a page, unless the page is dead or does not answer in time."""
    from playwright.async_api import Error

    try:
        return await asyncio.wait_for(work, limit_s)
    except (TimeoutError, Error) as error:
        LOG.debug("a page did not answer: %s", type(error).__name__)
        return None
