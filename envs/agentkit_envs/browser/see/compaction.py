"""A page's elements without what only costs room: nothing that can be read or used is lost."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from urllib.parse import urlsplit

from agentkit_envs.browser.guard.notices import without_user
from agentkit_envs.browser.see.line_budget import nest
from agentkit_envs.browser.see.roles import (
    HOLDERS,
    INTERACTIVE,
    LABELLED,
    PLAIN,
    PRESSED,
    SILENT,
    WRAPPERS,
)
from agentkit_envs.browser.see.view import Box, Element

_FIRST = re.compile(r"(?:f\d+)?e1")
"""Playwright's reference of the first element of a document, which is its body."""
_ICONS = re.compile(" *[\ue000-\uf8ff\U000f0000-\U0010ffff]+ *")
"""Letters for private use; only a font with icons can draw them."""


def compact(elements: Sequence[Element], page_url: str) -> tuple[Element, ...]:
    """The elements as they are shown, still with Playwright's references.

    - Wrappers that say nothing and cannot be acted on are left out.
    - So are empty paragraphs, and list items of nothing but one link or the like.
    - Letters that only an icon font can draw are left out.
    - The words inside a button, link, tab and the like become its name.
    - A text beside a field that has the same name is left out.
    - Links of the page's own site lose its address.
    - Elements of frames stand where the frame is.
    """
    placed = _place(_readable(_without_body(elements)))
    ends = _ends(placed)
    lines = _join(placed, ends)
    kept = set(lines) - _labels(placed, lines) - _holders(placed, lines, ends)
    here = urlsplit(page_url)
    site = f"{here.scheme}://{here.netloc}/"
    return tuple(_trim(placed[at], depth, site) for at, depth in nest(placed, kept))


def _ends(elements: Sequence[Element]) -> list[int]:
    """Where what is inside of each element ends."""
    ends = [len(elements)] * len(elements)
    above: list[int] = []
    for at, element in enumerate(elements):
        while above and elements[above[-1]].depth >= element.depth:
            ends[above.pop()] = at
        above.append(at)
    return ends


def _without_body(elements: Sequence[Element]) -> list[Element]:
    """A document without a focused element says that its body is; that tells nothing."""
    return [
        replace(element, states=_without(element.states, "focused"))
        if element.role == "generic" and "focused" in element.states and _is_body(elements, at)
        else element
        for at, element in enumerate(elements)
    ]


def _readable(elements: Iterable[Element]) -> list[Element]:
    return [
        replace(element, name=_ICONS.sub(" ", element.name).strip(" "))
        if _ICONS.search(element.name)
        else element
        for element in elements
    ]


def _is_body(elements: Sequence[Element], at: int) -> bool:
    element = elements[at]
    is_first = element.depth == 0 or elements[at - 1].role == "iframe"
    return is_first and (not element.name or _FIRST.fullmatch(element.ref or "") is not None)


def _place(elements: list[Element]) -> list[Element]:
    """Add to the places of a frame's elements, which are of its own window, the frame's place."""
    if not any(element.role == "iframe" for element in elements):
        return elements
    frames: list[tuple[int, float, float]] = []
    placed = []
    for element in elements:
        while frames and frames[-1][0] >= element.depth:
            frames.pop()
        box = element.box
        if box is not None and frames:
            _, x, y = frames[-1]
            box = Box(box.x + x, box.y + y, box.width, box.height)
            element = replace(element, box=box)
        if element.role == "iframe" and box is not None:
            frames.append((element.depth, box.x, box.y))
        placed.append(element)
    return placed


def _join(elements: list[Element], ends: Sequence[int]) -> list[int]:
    """Which elements stay; words inside of a button become its name if it has none."""
    kept = []
    at = 0
    while at < len(elements):
        element = elements[at]
        if _says(element, is_leaf=ends[at] == at + 1):
            kept.append(at)
        if element.role in PRESSED and _takes(elements, at, ends[at]):
            at = ends[at] - 1
        at += 1
    return kept


def _says(element: Element, *, is_leaf: bool) -> bool:
    """Whether the element is worth a line."""
    if element.name or element.value or _without(element.states, "aria-hidden"):
        return True
    return element.role not in WRAPPERS and not (is_leaf and element.role in SILENT)


def _takes(elements: list[Element], at: int, end: int) -> bool:
    """Whether all that is inside of the element is told by its name, which it may get by this."""
    inner = elements[at + 1 : end]
    words = [one.name for one in inner if one.name]
    if not words or not all(map(_is_plain, inner)):
        return False
    if not elements[at].name:
        elements[at] = replace(elements[at], name=" ".join(words))
    return all(word in elements[at].name for word in words)


def _is_plain(element: Element) -> bool:
    return (
        element.role in PLAIN
        and not (element.value or element.url)
        and not _without(element.states, "aria-hidden")
    )


def _holders(elements: Sequence[Element], kept: Sequence[int], ends: Sequence[int]) -> set[int]:
    """List items and paragraphs of nothing but one button, link, field or the like."""
    holders = set()
    for at, inner, behind in zip(kept, kept[1:], [*kept[2:], len(elements)], strict=False):
        holder = elements[at]
        if holder.role in HOLDERS and not holder.name and not holder.states:
            is_only = inner < ends[at] and (behind >= ends[at] or behind < ends[inner])
            if is_only and elements[inner].role in INTERACTIVE:
                holders.add(at)
    return holders


def _labels(elements: Sequence[Element], kept: list[int]) -> set[int]:
    """The texts beside a field of the same name."""
    labels = set()
    for first, second in pairwise(kept):
        one, other = elements[first], elements[second]
        if one.name == other.name and one.name and one.depth == other.depth:
            if other.role in LABELLED and _is_label(one):
                labels.add(first)
            elif one.role in LABELLED and _is_label(other):
                labels.add(second)
    return labels


def _is_label(element: Element) -> bool:
    return element.role in WRAPPERS | {"text"} and not element.states


def _trim(element: Element, depth: int, site: str) -> Element:
    """Without saying that a button is clickable, nor the address of the page's own site."""
    states, url = element.states, without_user(element.url)
    if "clickable" in states and element.role in INTERACTIVE:
        states = _without(states, "clickable")
    if url.startswith(site):
        url = url[len(site) - 1 :]
    if (depth, states, url) == (element.depth, element.states, element.url):
        return element
    return replace(element, depth=depth, states=states, url=url)


def _without(states: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(state for state in states if state != gone)
