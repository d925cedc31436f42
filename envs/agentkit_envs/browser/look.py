"""A look at a page: what it shows now."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from playwright.async_api import Page

from agentkit_envs.browser.budget import nest
from agentkit_envs.browser.references import References
from agentkit_envs.browser.roles import INTERACTIVE, WRAPPERS
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
        root: A CSS selector of the only part that is looked at; nothing if nothing matches.
        boxes: Whether to ask where the elements stand.
    """
    if root is None:
        text = await page.aria_snapshot(mode="ai", boxes=boxes)
    else:
        text = await page.locator(root).first.aria_snapshot(mode="ai", boxes=boxes)
    elements = references.number(page, compact(_without_body(parse_snapshot(text))))
    focused = [element.ref for element in elements if "focused" in element.states]
    url = page.url
    shown = tuple(_shorten(element, url) for element in elements)
    return Look(url, await page.title(), shown, focused[-1] if focused else None)


def _without_body(elements: list[Element]) -> list[Element]:
    """A document without a focused element says that its body is; that tells nothing."""
    return [
        replace(element, states=tuple(state for state in element.states if state != "focused"))
        if element.role == "generic" and _is_body(elements, at)
        else element
        for at, element in enumerate(elements)
    ]


def _is_body(elements: list[Element], at: int) -> bool:
    element = elements[at]
    return (
        "focused" in element.states
        and not element.name
        and (element.depth == 0 or elements[at - 1].role == "iframe")
    )


def compact(elements: Sequence[Element]) -> tuple[Element, ...]:
    """The elements without wrappers that neither say anything nor can be acted on."""
    kept = {
        at
        for at, element in enumerate(elements)
        if element.role not in WRAPPERS or element.name or element.states
    }
    return tuple(map(_without_saying, nest(elements, kept)))


def _without_saying(element: Element) -> Element:
    """A button is clickable: that need not be said."""
    if "clickable" not in element.states or element.role not in INTERACTIVE:
        return element
    states = tuple(state for state in element.states if state != "clickable")
    return replace(element, states=states)


def _shorten(element: Element, page_url: str) -> Element:
    """A link to the same site is known by its path."""
    if not element.url.startswith(("http:", "https:")):
        return element
    here = urlsplit(page_url)
    origin = f"{here.scheme}://{here.netloc}"
    rest = element.url.removeprefix(origin)
    if rest == element.url or not rest.startswith("/"):
        return element
    return replace(element, url=rest)
