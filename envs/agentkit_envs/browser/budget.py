"""Which lines of a page are shown when not all of them fit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from agentkit_envs.browser.lines import shorten, write_line
from agentkit_envs.browser.roles import acts, is_inside
from agentkit_envs.browser.view import Element

_CUTS = (1000, 200, 80)
"""Texts are cut at these numbers of characters, one after the other, until the lines fit."""

_OPTIONS = 10
"""How many options of a closed list are kept as long as anything else."""

_NOTE = re.compile(r"\(Left out: (\d+) lines\b.*\)|\(Texts longer than \d+ .*\)")
_MOST_NOTES = 260
"""How many characters the notes have at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of a page that are shown."""

    elements: tuple[Element, ...]
    cut: int | None = None
    """At how many characters texts were cut; None if none was."""
    left_out: int = 0
    """How many lines are not shown."""

    def notes(self) -> list[str]:
        """What is said about the rest: what is missing, by which rule, how to see it."""
        notes = []
        if self.cut is not None:
            notes.append(f"(Texts longer than {self.cut} characters are cut and end in ….)")
        if self.left_out:
            notes.append(
                f"(Left out: {self.left_out} lines for want of room; first texts outside the "
                "window, then texts, last what can be acted on. Scroll to see other parts.)"
            )
        return notes


def read_note(line: str) -> int | None:
    """How many lines a note says are left out (0 for another note); None if it is no note."""
    match = _NOTE.fullmatch(line)
    if match is None:
        return None
    return int(match[1] or 0)


def fit(elements: Sequence[Element], room: int, window: tuple[int, int], left_out: int = 0) -> Part:
    """The elements that fit into that many characters.

    If not all do, texts are cut at 1000, 200, then 80 characters. If that is not enough, lines
    are left out, the least needed first, and of equals the last: the options of a closed list
    beyond the tenth, texts outside the window, texts inside it, what can be acted on outside the
    window, and what can be acted on inside it.
    """
    part = Part(tuple(elements), None, left_out)
    if _length(part.elements) + _MOST_NOTES * bool(left_out) <= room:
        return part
    for cut in _CUTS:
        part = Part(tuple(shorten(element, cut) for element in elements), cut, left_out)
        if _length(part.elements) + _MOST_NOTES <= room:
            return part
    return _drop(part, room - _MOST_NOTES, window)


def _length(elements: Sequence[Element]) -> int:
    return sum(_cost(element) for element in elements)


def _cost(element: Element) -> int:
    return len(write_line(element)) + 2 * element.depth + 1


def _drop(part: Part, room: int, window: tuple[int, int]) -> Part:
    ranks = _ranks(part.elements, window)
    order = sorted(range(len(part.elements)), key=lambda at: (-ranks[at], at))
    kept = set()
    for at in order:
        room -= _cost(part.elements[at])
        if room < 0:
            break
        kept.add(at)
    left_out = part.left_out + len(part.elements) - len(kept)
    return Part(nest(part.elements, kept), part.cut, left_out)


def nest(elements: Sequence[Element], kept: set[int]) -> tuple[Element, ...]:
    """The elements at these places, with depths that count only them."""
    shown = []
    above: list[tuple[int, bool]] = []
    for at, element in enumerate(elements):
        while above and above[-1][0] >= element.depth:
            above.pop()
        if at in kept:
            depth = sum(is_shown for _, is_shown in above)
            shown.append(element if depth == element.depth else replace(element, depth=depth))
        above.append((element.depth, at in kept))
    return tuple(shown)


def _ranks(elements: Sequence[Element], window: tuple[int, int]) -> list[int]:
    """How much each element is needed: 0 least, 4 most."""
    ranks = []
    options = 0
    for element in elements:
        options = options + 1 if element.role == "option" else 0
        if element.role == "option" and element.ref is None and not element.states:
            ranks.append(0 if options > _OPTIONS else 2)
        else:
            ranks.append(1 + 2 * acts(element) + is_inside(element, window))
    return ranks
