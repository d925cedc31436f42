"""The open tabs of a session: their order, and which one is active."""

from typing import TYPE_CHECKING, Final

from agentkit_envs.browser.guard.notices import Notices

if TYPE_CHECKING:
    from playwright.async_api import Page

MOST: Final = 20
"""How many tabs may be open; a page that opens windows without end meets this."""


class Tabs:
    """Pages in the order of opening; the one used last is active."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self._used: list[Page] = []
        self._gone: Page | None = None
        self._opened: list[Page] = []
        self._notices = Notices()

    @property
    def active(self) -> "Page":
        """The tab that actions go to; the one that closed last if none is open.

        Raises:
            LookupError: None was ever open.
        """
        page = self._used[-1] if self._used else self._gone
        if page is None:
            raise LookupError("no tab was opened")
        return page

    def add(self, page: "Page") -> bool:
        """A tab that has opened becomes the active one; False if there are too many."""
        if page in self.pages:
            return True
        if len(self.pages) >= MOST:
            return False
        self.pages.append(page)
        self._used.append(page)
        self._opened.append(page)
        return True

    def claim(self, page: "Page") -> None:
        """Say that a tab was opened by us, not by a page."""
        self.add(page)
        if page in self._opened:
            self._opened.remove(page)

    def check_room(self) -> None:
        """Refuse one more tab if there are too many.

        Raises:
            LookupError: There are.
        """
        if len(self.pages) >= MOST:
            raise LookupError(
                f"{MOST} tabs are open, no more are allowed: close one with tab_close()"
            )

    def at(self, index: int) -> "Page":
        """The tab with this number; the first one is 0.

        Raises:
            LookupError: There is none.
        """
        if 0 <= index < len(self.pages):
            return self.pages[index]
        last = len(self.pages) - 1
        known = "the only tab is 0" if last == 0 else f"the tabs are 0 to {last}"
        raise LookupError(f"there is no tab {index}: {known}")

    def focus(self, index: int) -> "Page":
        """Make a tab the active one.

        Raises:
            LookupError: There is none with this number.
        """
        page = self.at(index)
        self._used.remove(page)
        self._used.append(page)
        return page

    def remove(self, page: "Page", notice: str = "") -> None:
        """Take a tab out if it is there; the one used before it becomes active."""
        if page not in self.pages:
            return
        self.pages.remove(page)
        self._used.remove(page)
        self._gone = page
        if notice:
            self._notices.add(notice)

    def drain(self) -> list[str]:
        """Sentences for the tabs that pages have opened or closed since the last call."""
        opened, self._opened = self._opened, []
        for page in opened:
            self._notices.add(self._say(page))
        return self._notices.drain()

    def _say(self, page: "Page") -> str:
        if page not in self.pages:
            return "The page opened a new window, which has closed again."
        number = self.pages.index(page)
        now = "it is the active one" if page is self.active else "it is not the active one"
        return f"The page opened a new window, tab {number}: {now}."
