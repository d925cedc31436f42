"""Read the active tab of a session, whatever state it is in."""

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Error, Page
from playwright.async_api import TimeoutError as PatienceLost

from agentkit_envs.browser.see.page_reader import PageReading, read_page
from agentkit_envs.browser.see.references import References
from agentkit_envs.browser.see.view import Tab
from agentkit_envs.browser.session import Session

LOG: Final = logging.getLogger("agentkit.browser")
TITLE_S: Final = 0.5
"""How long a tab that is not looked at may take to say its title."""
LOOKS: Final = 3
"""So often a page is looked at that is being left."""
SPARE: Final = 0.05
"""The part of the time that is kept for what follows a snapshot."""


@dataclass(frozen=True, slots=True)
class TabReading:
    """What reading a tab gave."""

    page_reading: PageReading
    """What the page shows; nothing if it could not be read."""
    page: Page
    """The tab that was looked at."""
    tabs: tuple[Tab, ...]
    notices: tuple[str, ...]
    """What the session has to tell."""
    readable: bool


async def read_tab(
    session: Session,
    references: References,
    timeout_s: float,
    *,
    root: str | None = None,
    boxes: bool = False,
    thorough: bool = False,
) -> TabReading:
    """Look at the active tab; a page that hangs, leaves or crashes raises nothing.

    Args:
        session: Whose tab.
        references: The episode's.
        timeout_s: How long the page may take.
        root: See `read_page`, like the other two.
        boxes: See there.
        thorough: See there.
    """
    found = await _read(session, references, timeout_s, root, boxes, thorough)
    page = await session.mend()
    shown = found or PageReading(page.url, "", (), None)
    tabs = await asyncio.gather(*(_tab(one, page, shown.title) for one in session.tabs))
    notices = [*session.drain_notices(), *shown.notices]
    if found is None:
        notices.append(unreadable(timeout_s))
    return TabReading(shown, page, tuple(tabs), tuple(notices), found is not None)


def unreadable(timeout_s: float) -> str:
    """What is said of a page that was not read in that time."""
    return (
        f"The page is too large or too busy to be read in {timeout_s:g} s, or goes on loading, so "
        "what is on it could not be read: noop() waits longer, tab_close() leaves it."
    )


async def _read(
    session: Session,
    references: References,
    timeout_s: float,
    root: str | None,
    boxes: bool,
    thorough: bool,
) -> PageReading | None:
    """What is on the page; None if it cannot be said."""
    for _ in range(LOOKS):
        page = await session.mend()  # which takes seconds when the browser has died
        try:
            async with asyncio.timeout(timeout_s):
                return await read_page(
                    page,
                    references,
                    root=root,
                    boxes=boxes,
                    thorough=thorough,
                    patience_s=timeout_s * (1 - SPARE),
                )
        except (TimeoutError, PatienceLost):  # the page hangs, or is very large
            return None
        except Error as error:  # it was left for another one, or closed
            LOG.debug("a page was gone while it was read: %s", error.message)
        except (KeyError, TypeError, ValueError) as error:  # a page can replace what is read with
            LOG.warning("a page could not be read: %s", error)
    return None


async def _tab(page: Page, active: Page, title: str) -> Tab:
    if page is active:
        return Tab(title, page.url, active=True)
    try:
        return Tab(await asyncio.wait_for(page.title(), TITLE_S), page.url)
    except (Error, TimeoutError):  # it is busy, loading or gone
        return Tab("", page.url)
