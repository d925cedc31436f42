"""A page's elements without what only costs room: nothing that can be read or used is lost."""

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from urllib.parse import urlsplit

from agentkit_envs.browser.budget import nest
from agentkit_envs.browser.roles import INTERACTIVE, LABELLED, PLAIN, PRESSED, WRAPPERS
from agentkit_envs.browser.view import Box, Element

_FIRST = re.compile(r"(?:f\d+)?e1")
"""Playwright's reference of the first element of a document, which is its body."""


def compact(elements: Sequence[Element], page_url: str) -> tuple[Element, ...]:
    """The elements as they are shown, still with Playwright's references.

    - Wrappers that say nothing and cannot be acted on are left out.
    - The words inside a button, link, tab and the like become its name.
    - A text beside a field that has the same name is left out.
    - Links of the page's own site lose its address.
    - Elements of frames stand where the frame is.
    """
    placed = _place(_without_body(elements))
    kept, named = _join(placed)
    for at, name in named.items():
        placed[at] = replace(placed[at], name=name)
    kept -= _labels(placed, sorted(kept))
    here = urlsplit(page_url)
    site = f"{here.scheme}://{here.netloc}/"
    return tuple(_trim(placed[at], depth, site) for at, depth in nest(placed, kept))


def _without_body(elements: Sequence[Element]) -> list[Element]:
    """A document without a focused element says that its body is; that tells nothing."""
    return [
        replace(element, states=_without(element.states, "focused"))
        if element.role == "generic" and "focused" in element.states and _is_body(elements, at)
        else element
        for at, element in enumerate(elements)
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


def _join(elements: Sequence[Element]) -> tuple[set[int], dict[int, str]]:
    """Which elements stay, and the names of those that took the words inside of them."""
    kept = set()
    named = {}
    at = 0
    while at < len(elements):
        element = elements[at]
        if element.role not in WRAPPERS or element.name or element.states:
            kept.add(at)
        at += 1
        if element.role in PRESSED and not element.name:
            end = _end(elements, at, element.depth)
            words = [inner.name for inner in elements[at:end] if inner.name]
            if words and all(map(_is_plain, elements[at:end])):
                named[at - 1] = " ".join(words)
                at = end
    return kept, named


def _end(elements: Sequence[Element], at: int, depth: int) -> int:
    while at < len(elements) and elements[at].depth > depth:
        at += 1
    return at


def _is_plain(element: Element) -> bool:
    return element.role in PLAIN and not (element.states or element.value or element.url)


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
    states, url = element.states, element.url
    if "clickable" in states and element.role in INTERACTIVE:
        states = _without(states, "clickable")
    if url.startswith(site):
        url = url[len(site) - 1 :]
    if (depth, states, url) == (element.depth, element.states, element.url):
        return element
    return replace(element, depth=depth, states=states, url=url)


def _without(states: tuple[str, ...], gone: str) -> tuple[str, ...]:
    return tuple(state for state in states if state != gone)
