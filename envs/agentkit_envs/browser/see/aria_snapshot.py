"""Playwright's description of a page, read into elements.

`page.aria_snapshot(mode="ai")` gives a list in YAML, one line an element or text:

    - 'button "Save: all" [disabled] [ref=e3] [box=8,8,40,21]'
    - textbox "Name" [active] [ref=e4]:
      - /placeholder: Your name
      - text: "Bob #1"

It is read line by line, because a general reader of YAML takes a hundred times as long and
refuses characters that pages may show. A page cannot forge a line: whatever comes from it is
quoted, or has neither a line break nor ": ".
"""

import json
import re

from agentkit_envs.browser.see.roles import FIELDS
from agentkit_envs.browser.see.view import Box, Element

_JSON = json.JSONDecoder(strict=False)
_KEY = re.compile(r'([A-Za-z]+)(?: ("(?:[^"\\]|\\.)*"))?((?: \[[^\]]*\])*)', re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_STATES = {"active": "focused", "cursor=pointer": "clickable"}


def parse_snapshot(text: str) -> list[Element]:
    """The elements of Playwright's snapshot, every line, with Playwright's references.

    Raises:
        ValueError: A line is not of the expected form; it names the line.
    """
    elements: list[Element] = []
    drafts: list[_Draft] = []
    for number, line in enumerate(whole(text).split("\n"), start=1):
        if line:
            _take(line, number, drafts)
    elements.extend(draft.element() for draft in drafts)
    return elements


def whole(text: str) -> str:
    """The text without halves of characters, which scripts can make and nobody can store."""
    if text.isascii():
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


class _Draft:
    """An element whose lines are still being read."""

    __slots__ = ("box", "depth", "name", "placeholder", "ref", "role", "states", "url", "words")

    def __init__(self, role: str, depth: int) -> None:
        self.role = role
        self.depth = depth
        self.name = ""
        self.words = ""
        self.ref: str | None = None
        self.states: list[str] = []
        self.box: Box | None = None
        self.url = ""
        self.placeholder = ""

    def element(self) -> Element:
        if self.role in FIELDS or self.name:
            name, value = self.name, self.words
        else:
            name, value = self.words, ""
        return Element(
            self.role,
            name,
            self.ref,
            self.depth,
            value,
            tuple(self.states),
            self.url,
            self.placeholder,
            self.box,
        )


def _take(line: str, number: int, drafts: list[_Draft]) -> None:
    stripped = line.lstrip(" ")
    depth = (len(line) - len(stripped)) // 2
    if not stripped.startswith("- "):
        raise ValueError(f"snapshot: line {number}: expected '- ', found {stripped[:40]!r}")
    key, value = _split(stripped[2:], number)
    if key.startswith("/") and drafts:
        _take_property(key, value, drafts[-1])
    elif key == "text":
        _take_text(value, depth, drafts)
    else:
        drafts.append(_read_key(key, number, depth, value))


def _take_property(key: str, value: str, owner: _Draft) -> None:
    if key == "/url":
        owner.url = value
    elif key == "/placeholder":
        owner.placeholder = value


def _take_text(value: str, depth: int, drafts: list[_Draft]) -> None:
    """A text is what the field right above it holds, or a line of its own."""
    owner = drafts[-1] if drafts else None
    if owner is not None and owner.depth == depth - 1 and owner.role in FIELDS:
        owner.words = f"{owner.words} {value}".strip()
    elif value:
        draft = _Draft("text", depth)
        draft.words = value
        drafts.append(draft)


def _split(content: str, number: int) -> tuple[str, str]:
    """The part before the colon and the one after it, both without YAML's quotes."""
    if content.startswith("'"):
        key, rest = _single_quoted(content, number)
    else:
        key, colon, rest = content.partition(": ")
        if not colon:
            return key.removesuffix(":"), ""
        rest = ": " + rest
    value = rest.removeprefix(":").removeprefix(" ")
    return key, _double_quoted(value) if value.startswith('"') else value


def _single_quoted(content: str, number: int) -> tuple[str, str]:
    end = 1
    while True:
        end = content.find("'", end)
        if end < 0:
            raise ValueError(f"snapshot: line {number}: a quote without an end: {content[:40]!r}")
        if content[end + 1 : end + 2] != "'":
            return content[1:end].replace("''", "'"), content[end + 1 :]
        end += 2


def _double_quoted(value: str) -> str:
    return _ESCAPE.sub(_unescape, value[1:-1]) if "\\" in value else value[1:-1]


def _unescape(match: re.Match[str]) -> str:
    code = match[1]
    if len(code) > 1:
        return chr(int(code[1:], 16))
    return _ESCAPED.get(code, code)


def _read_key(key: str, number: int, depth: int, value: str) -> _Draft:
    match = _KEY.fullmatch(key)
    if match is None:
        raise ValueError(f"snapshot: line {number}: expected a role, found {key[:40]!r}")
    draft = _Draft(match[1], depth)
    if match[2]:
        draft.name = whole(_JSON.decode(match[2])) if "\\" in match[2] else match[2][1:-1]
    draft.words = value
    for mark in match[3][2:-1].split("] ["):
        _take_mark(draft, mark)
    return draft


def _take_mark(draft: _Draft, mark: str) -> None:
    if mark.startswith("ref="):
        draft.ref = mark[4:]
    elif mark.startswith("box="):
        draft.box = Box(*map(float, mark[4:].split(",")))
    elif mark:
        draft.states.append(_STATES.get(mark, mark))
