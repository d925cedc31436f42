"""Which lines of a page are shown when not all of them fit."""

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from agentkit_envs.browser.see.element_lines import indented, longest, shorten, write_line
from agentkit_envs.browser.see.roles import acts, distance
from agentkit_envs.browser.see.view import Element

_CUTS: Final = ((1000, 1000), (1000, 200), (1000, 80))
"""At how many characters texts in the window and outside of it are cut, one pair after the other,
until all lines fit."""
_INSIDE_CUTS: Final = ((1000, 80), (200, 80), (80, 80))
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
    page = _Page(elements)
    if page.length + _MOST_NOTES * bool(left_out) <= room:
        return Part(page.lines, None, left_out)
    room -= _MOST_NOTES
    away = _distances(elements, window)
    for cuts in _CUTS:
        page.cut(away, cuts)
        if page.length <= room:
            return Part(page.lines, cuts, left_out)
    for cuts in _INSIDE_CUTS:
        page.cut(away, cuts)
        if page.length_of(at for at, far in enumerate(away) if not far) <= room:
            break
    kept = page.choose(_ranks(elements, away), room)
    lines = [indented(page.bare[at], depth) for at, depth in nest(elements, kept)]
    return Part(lines, cuts, left_out + len(elements) - len(lines))


def nest(elements: Sequence[Element], kept: Collection[int]) -> Iterator[tuple[int, int]]:
    """The places that are kept, each with the depth that counts only them."""
    above: list[tuple[int, bool]] = []
    depth = 0
    for at, element in enumerate(elements):
        while above and above[-1][0] >= element.depth:
            depth -= above.pop()[1]
        is_kept = at in kept
        if is_kept:
            yield at, depth
        above.append((element.depth, is_kept))
        depth += is_kept


class _Page:
    """Elements with their lines, which are written again only where a text is cut."""

    def __init__(self, elements: Sequence[Element]) -> None:
        self._elements = elements
        self._long = [longest(element) for element in elements]
        self.bare = [write_line(element) for element in elements]

    @property
    def lines(self) -> list[str]:
        """The lines as they are shown."""
        return [
            indented(line, element.depth)
            for line, element in zip(self.bare, self._elements, strict=True)
        ]

    @property
    def length(self) -> int:
        """How many characters the lines have."""
        return self.length_of(range(len(self.bare)))

    def length_of(self, places: Iterable[int]) -> int:
        """How many characters the lines at these places have."""
        return sum(map(self._cost, places))

    def cut(self, away: Sequence[float], cuts: tuple[int, int]) -> None:
        """Cut texts in the window and outside."""
        for at, (long, far) in enumerate(zip(self._long, away, strict=True)):
            most = cuts[far > 0]
            if long > most:
                self.bare[at] = write_line(shorten(self._elements[at], most))

    def choose(self, ranks: Sequence[tuple[int, float]], room: int) -> set[int]:
        """The places of those that fit, the least dispensable first."""
        kept = set()
        for at in sorted(range(len(self.bare)), key=ranks.__getitem__):
            room -= self._cost(at)
            if room < 0:
                break
            kept.add(at)
        return kept

    def _cost(self, at: int) -> int:
        return len(self.bare[at]) + 2 * self._elements[at].depth + 1


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
