"""A look at a page: what it shows now."""

import asyncio
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Page
from playwright.async_api import TimeoutError as PatienceLost

from agentkit_envs.browser.compact import compact
from agentkit_envs.browser.marking import marked, unmask
from agentkit_envs.browser.references import References
from agentkit_envs.browser.snapshot import parse_snapshot, whole
from agentkit_envs.browser.view import Element

_PATIENCE_MS: Final = (1000, 2000, 4000, 8000, 16000)
"""How long a snapshot may take, one try after the other: Playwright waits until the end of it for a
frame that is loading for ever, and then tells all the rest."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a page shows, with our references."""

    url: str
    title: str
    elements: tuple[Element, ...]
    focused: str | None
    """The reference of the element that has the keyboard."""


async def look(
    page: Page,
    references: References,
    *,
    root: str | None = None,
    boxes: bool = False,
    thorough: bool = False,
) -> Look:
    """What the page shows now, its frames included.

    Args:
        page: The tab to look at.
        references: The episode's; it knows the way back to the page afterwards.
        root: A CSS selector of the only part that is looked at.
        boxes: Whether to ask where the elements stand.
        thorough: Whether to find also what acts without being a button or the like, such as
            icons and words that listen to clicks, and what the snapshot cuts (see `marking`).

    Raises:
        playwright.async_api.Error: The page is gone, or has no such part.
    """
    seeing = _marked(page, root, boxes) if thorough else _plain(page, root, boxes)
    elements, title = await asyncio.gather(seeing, page.title())
    url = page.url
    shown = references.number(page, compact(elements, url))
    focused = [element.ref for element in shown if "focused" in element.states]
    return Look(url, whole(title), tuple(shown), focused[-1] if focused else None)


async def _marked(page: Page, root: str | None, boxes: bool) -> list[Element]:
    async with marked(page) as marks:
        text = await _snapshot(page, root, boxes)
    return unmask(parse_snapshot(text), marks)


async def _plain(page: Page, root: str | None, boxes: bool) -> list[Element]:
    return parse_snapshot(await _snapshot(page, root, boxes))


async def _snapshot(page: Page, root: str | None, boxes: bool) -> str:
    """Playwright's snapshot; a frame that does not answer is empty in it after a while."""
    shown = page if root is None else page.locator(root).first
    for patience_ms in _PATIENCE_MS[:-1]:
        try:
            return await shown.aria_snapshot(mode="ai", boxes=boxes, timeout=patience_ms)
        except PatienceLost:  # the page itself takes longer
            continue
    return await shown.aria_snapshot(mode="ai", boxes=boxes, timeout=_PATIENCE_MS[-1])
