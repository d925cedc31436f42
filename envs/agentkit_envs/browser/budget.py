"""Which lines of a page are shown when not all of them fit."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from agentkit_envs.browser.lines import shorten, write_line
from agentkit_envs.browser.roles import acts, distance
from agentkit_envs.browser.view import Element

_CUTS: Final = ((1000, 1000), (1000, 200), (1000, 80))
"""At how many characters texts in the window and outside of it are cut, one pair after the other,
until all lines fit."""
_INSIDE_CUTS: Final = (1000, 200, 80)
"""The same for texts in the window when not even the lines in it fit."""
_OPTIONS: Final = 10
"""How many options of a closed list are needed as much as the list."""
_NOTE: Final = re.compile(r"\(Left out: (\d+) lines\b.*\)|\(Texts .* are cut\b.*\)")
_MOST_NOTES: Final = 250
"""How many characters the notes have at most."""


@dataclass(frozen=True, slots=True)
class Part:
    """The lines of a page that are shown."""

    lines: list[str]
    cuts: tuple[int, int] | None = None
    """At how many characters texts in the window and outside were cut; None if none was."""
    left_out: int = 0
    """How many lines are not shown."""

    def notes(self) -> list[str]:
        """What is said about the rest: what is missing, by which rule, how to see it."""
        notes = []
        if self.cuts is not None:
            inside, outside = self.cuts
            far = "" if inside == outside else f" ({outside} outside the window)"
            notes.append(f"(Texts longer than {inside} characters{far} are cut and end in ….)")
        if self.left_out:
            notes.append(
                f"(Left out: {self.left_out} lines for want of room, those outside the window "
                "first, and texts before what can be acted on. Scroll to see other parts.)"
            )
        return notes


def read_note(line: str) -> int | None:
    """How many lines a note says are left out (0 for another note); None if it is no note."""
    match = _NOTE.fullmatch(line)
    if match is None:
        return None
    return int(match[1] or 0)


def fit(elements: Sequence[Element], room: int, window: tuple[int, int], left_out: int = 0) -> Part:
    """The lines of the elements, or those that fit into that many characters.

    If not all do, texts of more than 1000 characters are cut, those outside the window also at
    200, then at 80. If that is not enough, lines are left out, the least needed first: the
    options of a closed list beyond the tenth, texts outside the window, what can be acted on
    outside it, texts inside it, and what can be acted on inside it; of equals, those farthest
    from the window, then the last of the page. Before any in the window are left out, texts
    there are cut at 200, then at 80.
    """
    part = Part(_lines(elements), None, left_out)
    if _length(part.lines) + _MOST_NOTES * bool(left_out) <= room:
        return part
    room -= _MOST_NOTES
    away = _distances(elements, window)
    for cuts in _CUTS:
        part = Part(_lines(_cut(elements, away, cuts)), cuts, left_out)
        if _length(part.lines) <= room:
            return part
    inside = [at for at, far in enumerate(away) if not far]
    for cut in _INSIDE_CUTS:
        cuts = (cut, 80)
        shown = _cut(elements, away, cuts)
        if _length(_lines([shown[at] for at in inside])) <= room:
            break
    kept = _choose(shown, _ranks(elements, away), room)
    return Part(_lines(nest(shown, kept)), cuts, left_out + len(elements) - len(kept))


def nest(elements: Sequence[Element], kept: Collection[int]) -> list[Element]:
    """The elements at these places, with depths that count only them."""
    shown = []
    above: list[tuple[int, bool]] = []
    depth = 0
    for at, element in enumerate(elements):
        while above and above[-1][0] >= element.depth:
            depth -= above.pop()[1]
        is_shown = at in kept
        if is_shown:
            shown.append(element if depth == element.depth else replace(element, depth=depth))
        above.append((element.depth, is_shown))
        depth += is_shown
    return shown


def _lines(elements: Sequence[Element]) -> list[str]:
    return ["  " * element.depth + write_line(element) for element in elements]


def _length(lines: Sequence[str]) -> int:
    return sum(map(len, lines)) + len(lines)


def _cut(
    elements: Sequence[Element], away: Sequence[float], cuts: tuple[int, int]
) -> list[Element]:
    return [shorten(element, cuts[far > 0]) for element, far in zip(elements, away, strict=True)]


def _distances(elements: Sequence[Element], window: tuple[int, int]) -> list[float]:
    """How far from the window each element is; what has no place is where its parent is."""
    distances = []
    above: list[tuple[int, float]] = []
    for element in elements:
        while above and above[-1][0] >= element.depth:
            above.pop()
        far = distance(element, window)
        if far is None:
            far = above[-1][1] if above else 0
        above.append((element.depth, far))
        distances.append(far)
    return distances


def _ranks(elements: Sequence[Element], away: Sequence[float]) -> list[tuple[int, float]]:
    """How dispensable each element is."""
    ranks = []
    options = 0
    for element, far in zip(elements, away, strict=True):
        options = options + 1 if element.role == "option" else 0
        is_spare = options > _OPTIONS and element.ref is None and not element.states
        ranks.append((4 if is_spare else 2 * (far > 0) + (not acts(element)), far))
    return ranks


def _choose(elements: Sequence[Element], ranks: Sequence[tuple[int, float]], room: int) -> set[int]:
    kept = set()
    lines = _lines(elements)
    for at in sorted(range(len(elements)), key=ranks.__getitem__):
        room -= len(lines[at]) + 1
        if room < 0:
            break
        kept.add(at)
    return kept
