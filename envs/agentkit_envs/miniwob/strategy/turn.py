"""What a rule decides by, and the small tools that the rules share."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import moves

FIELDS = ("textbox", "searchbox", "spinbutton", "combobox")
BOXES = ("checkbox", "radio")


class Lost(Exception):
    """What a rule looks for is not on the page, or not yet."""


@dataclass(frozen=True, slots=True)
class Move:
    """An action, and what is to be remembered from the page that it may change."""

    action: str
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Turn:
    """A page, what to do there, and what was done before."""

    goal: str
    """The goal, without line breaks."""
    elements: tuple[Element, ...]
    """The page."""
    tried: tuple[str, ...] = ()
    """The actions of the episode so far."""
    facts: tuple[str, ...] = ()
    """What was remembered."""
    error: str = ""
    """Why the last action did nothing."""

    def all(self, *roles: str) -> list[Element]:
        """Every element of these roles that actions can name; of any role if none is given."""
        return [e for e in self.elements if e.ref and (not roles or e.role in roles)]

    def find(self, name: str, *roles: str) -> Element:
        """The element of this name, capitals counting only where two differ in nothing else.

        Raises:
            Lost: There is none.
        """
        found = self.seek(name, *roles)
        if found is None:
            raise Lost(f"there is no {' or '.join(roles) or 'element'} {name!r}")
        return found

    def seek(self, name: str, *roles: str) -> Element | None:
        """As `find`; None if there is none."""
        some = self.all(*roles)
        for same in (str, str.casefold):
            for element in some:
                if same(words(element)) == same(name):
                    return element
        return None

    def first(self, *roles: str) -> Element:
        """The first element of these roles.

        Raises:
            Lost: There is none.
        """
        some = self.all(*roles)
        if not some:
            raise Lost(f"there is no {' or '.join(roles)}")
        return some[0]

    def nth(self, index: int, *roles: str) -> Element:
        """The element of these roles with this index, from 0.

        Raises:
            Lost: There are not so many.
        """
        some = self.all(*roles)
        if index >= len(some):
            raise Lost(f"there is no {' or '.join(roles)} number {index + 1}")
        return some[index]

    def place(self, element: Element) -> int:
        """Its index among all elements."""
        return self._places[id(element)]

    @cached_property
    def _places(self) -> dict[int, int]:
        return {id(element): index for index, element in enumerate(self.elements)}

    def inside(self, element: Element) -> list[Element]:
        """The elements within it, in order."""
        found = []
        for other in self.elements[self.place(element) + 1 :]:
            if other.depth <= element.depth:
                break
            found.append(other)
        return found

    def before(self, element: Element) -> Iterator[Element]:
        """The elements before it, the nearest first."""
        return reversed(self.elements[: self.place(element)])

    def after(self, element: Element) -> tuple[Element, ...]:
        """The elements after it, in order."""
        return self.elements[self.place(element) + 1 :]

    def label(self, field: Element) -> str:
        """The words that stand before a field and after the field before it."""
        if field.name:
            return field.name
        for other in self.before(field):
            if other.role in FIELDS:
                break
            if words(other):
                return words(other).strip().rstrip(":")
        return ""

    def did(self, action: str) -> bool:
        """Whether the action was tried in this episode."""
        return action in self.tried

    def untried(self, actions: Iterable[str]) -> str:
        """The first of the actions that was not tried yet.

        Raises:
            Lost: All were.
        """
        for action in actions:
            if action not in self.tried:
                return action
        raise Lost("everything was tried")

    def submit(self, *names: str) -> str:
        """Press the button of one of these names, Submit if none is given."""
        for name in names or ("Submit",):
            found = self.seek(name, "button") or self.seek(name)
            if found:
                return moves.click(found)
        raise Lost(f"there is no button {' or '.join(names or ('Submit',))}")

    def enter(self, texts: Sequence[tuple[Element, str]], *buttons: str) -> str:
        """Fill the first field that does not hold its text; when all do, press the button."""
        for field, text in texts:
            action = moves.fill(field, text)
            if field.value != text and self.tried[-1:] != (action,):
                return action
        return self.submit(*buttons)

    def mark(self, boxes: Sequence[tuple[Element, bool]], *buttons: str) -> str:
        """Set the first box that is not as it should be; when all are, press the button."""
        for box, on in boxes:
            if ("checked" in box.states) != on:
                return moves.tick(box, on)
        return self.submit(*buttons)


Rule = Callable[[Turn], str | Move]
"""Decides on an action; raises Lost where what it looks for is not there."""


def words(element: Element) -> str:
    """What an element says."""
    return element.name or element.value
