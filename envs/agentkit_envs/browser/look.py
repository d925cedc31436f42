"""A look at a page: what it shows now."""

from dataclasses import dataclass

from playwright.async_api import Page

from agentkit_envs.browser.compact import compact
from agentkit_envs.browser.references import References
from agentkit_envs.browser.snapshot import parse_snapshot
from agentkit_envs.browser.view import Element


@dataclass(frozen=True, slots=True)
class Look:
    """What a page shows, with our references."""

    url: str
    title: str
    elements: tuple[Element, ...]
    focused: str | None
    """The reference of the element that has the keyboard."""


async def look(
    page: Page, references: References, *, root: str | None = None, boxes: bool = False
) -> Look:
    """What the page shows now, its frames included.

    Args:
        page: The tab to look at.
        references: The episode's; it knows the way back to the page afterwards.
        root: A CSS selector of the only part that is looked at.
        boxes: Whether to ask where the elements stand.

    Raises:
        playwright.async_api.Error: The page is gone, or has no such part.
    """
    if root is None:
        text = await page.aria_snapshot(mode="ai", boxes=boxes)
    else:
        text = await page.locator(root).first.aria_snapshot(mode="ai", boxes=boxes)
    url = page.url
    elements = references.number(page, compact(parse_snapshot(text), url))
    focused = [element.ref for element in elements if "focused" in element.states]
    return Look(url, await page.title(), tuple(elements), focused[-1] if focused else None)
