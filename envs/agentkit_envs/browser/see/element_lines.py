"""One element as one line of text, and back.

    e7 button "Ok" [disabled]
    e6 textbox "Name" [focused] = "Bob" hint "Your name"
    e4 link "Next" -> "/page/2"
    text "words"

Whatever comes from the page stands in quotes, written as JSON, so it cannot end its line nor
look like a reference or a heading.
"""

import re
from dataclasses import replace

from agentkit_envs.browser.guard.quoting import cut, quote, unquote
from agentkit_envs.browser.see.view import Element

_QUOTED = r'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(
    rf"( *)(?:(e\d+) )?([A-Za-z]+)(?: ({_QUOTED}))?(?: \[([^\]\"]*)\])?"
    rf"(?: = ({_QUOTED}))?(?: hint ({_QUOTED}))?(?: -> ({_QUOTED}))?"
)


def write_line(element: Element) -> str:
    """The element's line, without the spaces in front."""
    parts = [element.role] if element.ref is None else [element.ref, element.role]
    if element.name:
        parts.append(quote(element.name))
    if element.states:
        parts.append(f"[{', '.join(element.states)}]")
    if element.value:
        parts.append(f"= {quote(element.value)}")
    if element.placeholder:
        parts.append(f"hint {quote(element.placeholder)}")
    if element.url:
        parts.append(f"-> {quote(element.url)}")
    return " ".join(parts)


def indented(line: str, depth: int) -> str:
    """A line with the spaces that tell its depth."""
    return "  " * depth + line


def read_line(line: str) -> Element | None:
    """The element of a line, with its depth from the spaces in front; None if it is no such line.

    Where the element stands (`box`) is not in its line.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    spaces, ref, role, name, states, value, placeholder, url = match.groups()
    return Element(
        role=role,
        name=unquote(name) if name else "",
        ref=ref,
        depth=len(spaces) // 2,
        value=unquote(value) if value else "",
        states=tuple(states.split(", ")) if states else (),
        url=unquote(url) if url else "",
        placeholder=unquote(placeholder) if placeholder else "",
    )


def shorten(element: Element, most: int) -> Element:
    """The element with each of its texts cut to that many characters, the last one being …."""
    if longest(element) <= most:
        return element
    return replace(
        element,
        name=cut(element.name, most),
        value=cut(element.value, most),
        url=cut(element.url, most),
        placeholder=cut(element.placeholder, most),
    )


def longest(element: Element) -> int:
    """How many characters the longest of its texts has."""
    return max(len(element.name), len(element.value), len(element.url), len(element.placeholder))
