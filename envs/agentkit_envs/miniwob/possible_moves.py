"""The moves that a page offers, in words, for models that choose among few options.

`possible_moves` is the function `miniwob_moves` of agents. It lists what can be clicked, ticked,
chosen and written now, and judges nothing. What it does not list are drags, places of the mouse,
keys other than Enter and those of sliders, and texts that must be worked out.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from agentkit_envs.browser.act.call_parser import quoted
from agentkit_envs.browser.guard.quoting import said
from agentkit_envs.browser.see.observation_reader import read
from agentkit_envs.browser.see.roles import LABELLED, acts
from agentkit_envs.browser.see.view import Element, View
from agentkit_envs.miniwob.goal_texts import mentions, texts_of

MOST: Final = 60
"""So many moves are listed at most."""
MOST_TEXTS: Final = 16
"""So many texts can be written into a field."""
LONGEST_TEXT: Final = 100
"""So many characters a text has at most."""
LONGEST_NAME: Final = 40
"""So many characters the name of what is no button or link has, if it can be clicked."""
WAIT: Final = "wait"
"""The move that there always is."""

_WRITTEN: Final = ("textbox", "searchbox", "spinbutton", "combobox")
_SURE_TEXTS: Final = 6
"""So many texts are listed before what the goal does not speak of."""
_FAR: Final = 5000
"""More pixels than anything is high."""
_KEYS: Final = {
    "one step up": "ArrowRight",
    "one step down": "ArrowLeft",
    "far up": "PageUp",
    "far down": "PageDown",
}
"""How a slider is moved."""

Moves = dict[str, str]
"""What a move does, in words, to its action."""


def possible_moves(observation: str) -> Moves:
    """Return the moves that a page offers: words to the action, at most `MOST`.

    What the goal speaks of comes first if there are too many. Words of the page stand in quotes
    and are cut.

    Raises:
        ValueError: It is no observation of a task.
    """
    return moves_on(read(observation))


def moves_on(view: View) -> Moves:
    """Return the moves that a page offers; see `possible_moves`."""
    moves = [*_Page(view).moves()]
    moves.sort(key=lambda move: move[0])
    listed = {words: action for _, words, action in moves[: MOST - 1]}
    return {**listed, WAIT: "noop()"}


Move = tuple[int, str, str]
"""Its rank, its words and its action; the lowest ranks are listed."""


class _Page:
    """The elements of a page, and how they are called."""

    def __init__(self, view: View) -> None:
        self.goal = view.goal
        self.elements = view.elements
        self.texts = _few(texts_of(view.goal), view)
        is_told = '"' in view.goal and self.texts
        self.shown = [] if is_told else _few(_shown(view), view)
        named = [(one.role, one.name) for one in view.elements if one.ref]
        self._often = {one for one, count in Counter(named).items() if count > 1}

    def moves(self) -> Iterator[Move]:
        """Yield every move, in the order of the page."""
        for at, element in enumerate(self.elements):
            if element.ref and not {"disabled", "inert"}.intersection(element.states):
                yield from self._of(at, element)

    def _of(self, at: int, element: Element) -> Iterator[Move]:
        called, ref = self._called(at, element), quoted(element.ref or "")
        options = self._options(at)
        if options:
            yield from self._choices(element, called, ref, options)
        elif element.role in ("checkbox", "radio", "switch"):
            yield self._box(element, called, ref)
        elif element.role in _WRITTEN or "editable" in element.states:
            yield from self._field(element, called, ref)
        elif element.role == "slider" or "slider" in element.name:
            for way, key in _KEYS.items():
                yield 0, f"move {called} {way}", f"press({ref}, {quoted(key)})"
        elif self._can_be_clicked(at, element):
            yield self._rank(at, element), f"click {called}", f"click({ref})"
        if element.role == "menuitem":
            yield 1, f"point at {called}", f"hover({ref})"

    def _choices(
        self, field: Element, called: str, ref: str, options: list[Element]
    ) -> Iterator[Move]:
        for one in options:
            if "selected" not in one.states:
                rank = 0 if any(mentions(self.goal, one.name)) else 2
                words = f"choose {said(one.name)} in {called}"
                yield rank, words, f"select_option({ref}, {quoted(one.name)})"
        places = {one.name: [*mentions(self.goal, one.name)] for one in options}
        wanted = sorted((name for name in places if places[name]), key=lambda name: places[name])
        if field.role == "listbox" and len(wanted) > 1:
            words = f"choose {' and '.join(map(said, wanted))} in {called}"
            yield 0, words, f"select_option({ref}, [{', '.join(map(quoted, wanted))}])"

    def _box(self, box: Element, called: str, ref: str) -> Move:
        if "checked" not in box.states:
            return 0, f"tick {called}", f"check({ref})"
        if box.role == "radio":
            return 2, f"click {called}", f"click({ref})"
        return 0, f"untick {called}", f"uncheck({ref})"

    def _field(self, field: Element, called: str, ref: str) -> Iterator[Move]:
        texts = self.texts if field.value else dict.fromkeys((*self.texts, *self.shown))
        for number, text in enumerate(() if "readonly" in field.states else texts):
            if field.value != text:
                rank = 0 if number < _SURE_TEXTS else 2
                yield rank, f"write {said(text)} into {called}", f"fill({ref}, {quoted(text)})"
        yield 1, f"click {called}", f"click({ref})"
        if field.value and "focused" in field.states:
            yield 1, f"press Enter in {called}", f"press({ref}, 'Enter')"
        if field.value and "scroll" in self.goal.casefold():
            yield 1, f"scroll {called} to its end", f"scroll(0, {_FAR}, bid={ref})"

    def _can_be_clicked(self, at: int, element: Element) -> bool:
        """Whether a click on it is a move of its own, and not one on what is inside."""
        if element.name or element.value:
            return acts(element) or len(element.name or element.value) <= LONGEST_NAME
        named = (one for one in self._inside(at) if one.name and one.ref)
        return acts(element) and not any(
            acts(one) or len(one.name) <= LONGEST_NAME for one in named
        )

    def _rank(self, at: int, element: Element) -> int:
        if any(mentions(self.goal, element.name or element.value)):
            return 0
        return 1 if self._reaches(at) else 2

    def _called(self, at: int, element: Element) -> str:
        """Its role, name and reference; of several of one name also what each stands below.

        A field without a name is called as the words before it.
        """
        role = "element" if element.role == "generic" else element.role
        name, place = element.name, str(element.ref)
        if element.role in LABELLED:
            name = name or next(self._above(at), "")
        elif not name:
            name = element.value or next((one.name for one in self._inside(at) if one.name), "")
        elif (element.role, name) in self._often:
            *_, first = ("", *self._above(at))
            place += f", at {said(first, 30)}" if first else ""
        return f"{role} {said(name)} ({place})" if name else f"{role} ({place})"

    def _inside(self, at: int) -> Iterator[Element]:
        """What is inside an element."""
        for other in self.elements[at + 1 :]:
            if other.depth <= self.elements[at].depth:
                return
            yield other

    def _reaches(self, at: int) -> bool:
        """Whether a click on an element is one on something that acts: it, or what it is in."""
        depth = self.elements[at].depth + 1
        for other in reversed(self.elements[: at + 1]):
            if other.depth < depth:
                depth = other.depth
                if acts(other):
                    return True
        return False

    def _above(self, at: int) -> Iterator[str]:
        """The words that stand together before an element, the nearest first."""
        is_begun = False
        for other in reversed(self.elements[:at]):
            is_text = bool(other.name) and not acts(other)
            if is_text:
                yield other.name
            elif is_begun:
                return
            is_begun = is_begun or is_text

    def _options(self, at: int) -> list[Element]:
        """The options of a list."""
        if self.elements[at].role not in ("combobox", "listbox"):
            return []
        return [one for one in self._inside(at) if one.role == "option"]


def _shown(view: View) -> Iterator[str]:
    """What a page says but for headings, and what its fields hold."""
    for one in view.elements:
        if one.role in _WRITTEN or not (acts(one) or one.role == "heading"):
            yield one.value or one.name


def _few(texts: Iterable[str], view: View) -> list[str]:
    """The short texts among some, without those that buttons and fields are called."""
    names = {one.name.casefold() for one in view.elements if acts(one)}
    short = (text for text in texts if 0 < len(text) <= LONGEST_TEXT and text[-1] != ":")
    return [*dict.fromkeys(text for text in short if text.casefold() not in names)][:MOST_TEXTS]
