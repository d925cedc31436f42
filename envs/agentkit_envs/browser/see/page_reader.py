"""Read a page: what it shows now, its frames included."""

import asyncio
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Error, Frame, Page
from playwright.async_api import TimeoutError as PatienceLost

from agentkit_envs.browser.see.aria_snapshot import parse_snapshot, whole
from agentkit_envs.browser.see.compaction import compact
from agentkit_envs.browser.see.field_details import detailed
from agentkit_envs.browser.see.labels import marked, unmask
from agentkit_envs.browser.see.references import References
from agentkit_envs.browser.see.view import Element

PATIENCE_S: Final = 30.0
"""How long a look may take unless told."""
_STUCK_S: Final = 1.0
"""How long a snapshot may take at first where a frame is loading for ever: Playwright waits for the
frame until the end of it, and then tells all the rest."""
_ANSWER_S: Final = 0.5
"""How long a frame may take to answer before it is taken to be loading for ever."""
_DEEPEST: Final = 48
"""Playwright cannot hand over lines that are nested deeper (its limit is at about 50)."""
_TOO_DEEP: Final = f"The page is nested more than {_DEEPEST} lines deep: deeper ones are missing."


@dataclass(frozen=True, slots=True)
class PageReading:
    """What a page shows, with our references."""

    url: str
    title: str
    elements: tuple[Element, ...]
    focused: str | None
    """The reference of the element that has the keyboard."""
    notices: tuple[str, ...] = ()
    """What could not be seen."""


async def read_page(
    page: Page,
    references: References,
    *,
    root: str | None = None,
    boxes: bool = False,
    thorough: bool = False,
    patience_s: float = PATIENCE_S,
) -> PageReading:
    """What the page shows now, its frames included.

    Args:
        page: The tab to look at.
        references: The episode's; it knows the way back to the page afterwards.
        root: A CSS selector of the only part that is looked at.
        boxes: Whether to ask where the elements stand.
        thorough: Whether to find also what acts without being a button or the like, such as
            icons and words that listen to clicks, and what the snapshot cuts (see `labels`), to
            hide passwords and to tell chosen files (see `field_details`).
        patience_s: How long it may take.

    Raises:
        playwright.async_api.Error: The page is gone, or has no such part; a TimeoutError if it is
            too large or too busy to be read in time.
    """
    ends = asyncio.get_running_loop().time() + patience_s
    seeing = _marked(page, root, boxes, ends) if thorough else _plain(page, root, boxes, ends)
    (elements, unseen), title = await asyncio.gather(seeing, page.title())
    url = page.url
    is_too_deep = any(element.depth >= _DEEPEST for element in elements)
    shown = references.number(page, compact(elements, url))
    focused = [element.ref for element in shown if "focused" in element.states]
    return PageReading(
        url,
        whole(title),
        tuple(shown),
        focused[-1] if focused else None,
        (*unseen, _TOO_DEEP) if is_too_deep else unseen,
    )


_Seen = tuple[list[Element], tuple[str, ...]]
"""Elements, and notices of what could not be seen."""


async def _marked(page: Page, root: str | None, boxes: bool, ends: float) -> _Seen:
    async with marked(page) as found:
        elements = parse_snapshot(await _snapshot(page, root, boxes, ends))
        elements, is_forgotten = await detailed(page, elements)
        if is_forgotten:
            await _snapshot(page, root, boxes, ends)
    return unmask(elements, found.marks), found.notices


async def _plain(page: Page, root: str | None, boxes: bool, ends: float) -> _Seen:
    return parse_snapshot(await _snapshot(page, root, boxes, ends)), ()


async def _snapshot(page: Page, root: str | None, boxes: bool, ends: float) -> str:
    """Playwright's snapshot; a frame that does not answer is empty in it after a while."""
    shown = page if root is None else page.locator(root).first

    async def take(patience_s: float) -> str:
        patience_ms = max(patience_s * 1000, 1)  # 0 would be for ever
        return await shown.aria_snapshot(
            mode="ai", boxes=boxes, depth=_DEEPEST, timeout=patience_ms
        )

    now = asyncio.get_running_loop().time
    if not all(await asyncio.gather(*map(_answers, page.frames[1:]))):
        try:
            return await take(min(_STUCK_S, ends - now()))
        except PatienceLost:  # the page itself takes longer
            pass
    return await take(ends - now())


async def _answers(frame: Frame) -> bool:
    try:
        async with asyncio.timeout(_ANSWER_S):
            await frame.evaluate("0")
    except (Error, TimeoutError):
        return False
    return True
