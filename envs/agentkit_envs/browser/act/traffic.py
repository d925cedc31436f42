"""Hear what a tab asks for while it is acted on: pages, windows, data."""

import asyncio
import re
from typing import Any, Final

from playwright.async_api import (
    BrowserContext,
    ConsoleMessage,
    Error,
    Frame,
    Page,
    Request,
    Response,
)

AWAITED: Final = frozenset({"document", "fetch", "script", "xhr"})
"""What a page asks for that can change what it says; pictures and sockets cannot be waited for."""

_KEPT_FROM: Final = re.compile(
    r"(?:Not allowed to load local resource|Not allowed to navigate top frame to data URL): (.*)",
    re.DOTALL,
)
"""What Chromium itself writes to the console where a page leads to a place it may not lead to."""


class Traffic:
    """The requests of one tab, and of the windows that it opens, from `turn_to` until `end`."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        """What was told to open as a page, redirects included."""
        self.failed: tuple[str, str] | None = None
        """The address that could not be opened last, and Chromium's name of the reason."""
        self.kept_from = ""
        """The address that the browser itself keeps pages from leading to."""
        self.response: Response | None = None
        """The answer that the tab's page came with."""
        self.opening: Request | None = None
        """The page that the tab, or a window that is not there yet, waits for."""
        self.awaited: set[Request] = set()
        """What else it waits for, and may change its page."""
        self.moved = False
        """Whether the tab came to another page."""
        self.news = asyncio.Event()
        """Set whenever what is waited for may be there."""
        self._page: Page | None = None
        self._context: BrowserContext | None = None

    def turn_to(self, page: Page) -> bool:
        """Hear this tab; whether it is another one than before."""
        if page is self._page:
            return False
        self._leave_page()
        self._page = page
        self.opening = None
        self.awaited.clear()
        _hear(page, self._of_page())
        if self._context is None:
            # A window's page is asked for before there is a tab, so only its context tells.
            self._context = page.context
            _hear(self._context, self._of_context())
        return True

    def end(self) -> None:
        """Hear no more."""
        self._leave_page()
        if self._context is not None:
            _unhear(self._context, self._of_context())
            self._context = None

    def _leave_page(self) -> None:
        if self._page is not None:
            _unhear(self._page, self._of_page())
            self._page = None

    def _of_page(self) -> dict[str, Any]:
        return {
            "framenavigated": self._on_navigated,
            "console": self._on_console,
            "close": self._on_over,
        }

    def _of_context(self) -> dict[str, Any]:
        return {
            "page": self._on_window,
            "request": self._on_request,
            "response": self._on_response,
            "requestfinished": self._on_finished,
            "requestfailed": self._on_failed,
        }

    def _on_request(self, request: Request) -> None:
        frame = _frame(request)
        if frame is not None and frame.page is not self._page:
            return  # another tab's
        if frame is not None and request.resource_type in AWAITED:
            self.awaited.add(request)
        if request.is_navigation_request() and (frame is None or frame.parent_frame is None):
            self.opening = request
            self.addresses.append(request.url)

    def _on_response(self, response: Response) -> None:
        if response.request is self.opening:
            self.response, self.failed = response, None

    def _on_finished(self, request: Request) -> None:
        self.awaited.discard(request)
        if request is self.opening and _frame(request) is None:
            self._on_over()  # the window that it was for is there by now, or was refused

    def _on_failed(self, request: Request) -> None:
        self.awaited.discard(request)
        if request is self.opening:  # a download, and what has no content, ends here too
            self.failed = request.url, request.failure or ""
            self._on_over()

    def _on_navigated(self, frame: Frame) -> None:
        if frame.parent_frame is None:
            self.moved = True
            self._on_over()

    def _on_window(self, page: Page) -> None:
        page.once("close", self._on_window_closed)
        self.news.set()

    def _on_window_closed(self, page: Page) -> None:
        frame = _frame(self.opening) if self.opening is not None else None
        if frame is None or frame.page is page:
            self._on_over()

    def _on_console(self, message: ConsoleMessage) -> None:
        # What a page writes itself has arguments.
        if not message.args and (found := _KEPT_FROM.match(message.text)):
            self.kept_from = found[1]

    def _on_over(self, _: object = None) -> None:
        self.opening = None
        self.news.set()


def _frame(request: Request) -> Frame | None:
    """Where a request comes from; None if there is no such place yet, as in a new window."""
    try:
        return request.frame
    except Error:
        return None


def _hear(source: Any, ears: dict[str, Any]) -> None:
    for event, hears in ears.items():
        source.on(event, hears)


def _unhear(source: Any, ears: dict[str, Any]) -> None:
    for event, heard in ears.items():
        source.remove_listener(event, heard)
