"""Tasks about drawn shapes, letters, digits and colours, which the page describes in words."""

import colorsys
import re
from collections.abc import Sequence
from dataclasses import dataclass

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import moves
from agentkit_envs.miniwob.strategy.turn import Lost, Turn

_PLACED = re.compile(r"(\d+) x (\d+) at \((-?\d+), (-?\d+)\)")
_LARGE_PX = 15
"""What is higher is called large: it is as high as a line of text and its distance to the next."""
_KINDS = {"circle": "circle", "rect": "rectangle", "polygon": "triangle"}
_SAME_COLOUR = {"cyan": "aqua", "gray": "grey", "fuchsia": "magenta"}
_HUES = {"red": 0.0, "green": 1 / 3, "blue": 2 / 3}


@dataclass(frozen=True, slots=True)
class Shape:
    """What is drawn at a place."""

    element: Element
    kind: str
    """A circle, rectangle, triangle, letter or digit."""
    said: str
    """The letter or digit; else its kind."""
    parts: tuple[str, ...]
    """All that is said about it: its colour, its name."""
    width: int
    height: int
    place: tuple[int, int]
    """Its middle, in the window."""

    def fits(self, description: str) -> bool:
        """Whether it is such as 'small red circle', 'letter' or 'item'."""
        return all(self._is(word) for word in description.split())

    def _is(self, word: str) -> bool:
        if word in ("large", "small"):
            return (self.height > _LARGE_PX) == (word == "large")
        shape = self.kind in _KINDS.values()
        return word in ("item", self.kind, self.said, *self.parts) or (word == "shape" and shape)


def shapes(turn: Turn) -> list[Shape]:
    """All that is drawn."""
    return [found for element in turn.all() if (found := _read(element))]


def _read(element: Element) -> Shape | None:
    placed = _PLACED.search(element.name)
    if not placed or element.role == "img":
        return None
    first, *rest = element.name[: placed.start()].rstrip(", ").split(", ")
    width, height, x, y = (int(number) for number in placed.groups())
    kind = _KINDS.get(first, "")
    if len(first) == 1:
        kind = "digit" if first.isdigit() else "letter"
    return Shape(
        element, kind, first if len(first) == 1 else kind, tuple(rest), width, height, (x, y)
    )


def click_shape(turn: Turn) -> str:
    """Click any one that fits the description."""
    return moves.click(_fitting(turn, turn.goal.removeprefix("Click on a "))[0].element)


def _fitting(turn: Turn, description: str) -> list[Shape]:
    found = [shape for shape in shapes(turn) if shape.fits(description)]
    if not found:
        raise Lost(f"there is no {description}")
    return found


def count(turn: Turn) -> str:
    """Press the button with the number of those that fit."""
    wanted = re.match(r"How many (.*)s are there", turn.goal)
    if not wanted:
        raise Lost("the goal counts nothing")
    return turn.submit(str(sum(shape.fits(wanted[1]) for shape in shapes(turn))))


def identify(turn: Turn) -> str:
    """Press the button with the name of the kind."""
    kind = shapes(turn)[0].kind
    return turn.submit("Number" if kind == "digit" else kind)


def colour(turn: Turn) -> str:
    """Click the box of a colour; a white one is described without a colour."""
    wanted = turn.goal.removeprefix("Click on the ").removesuffix(" colored box.").strip("[]")
    name = _SAME_COLOUR.get(wanted.split(", ")[-1], wanted.split(", ")[-1])
    boxes = [e for e in turn.all() if e.name.startswith("color, ")]
    for box in boxes:
        said = box.name.split(", ")[1]
        if said == name or (name == "white" and " x " in said):
            return moves.click(box)
    raise Lost(f"there is no {name} box")


def shades(turn: Turn) -> str:
    """Select all boxes whose hue is nearest to a colour."""
    wanted = turn.goal.removeprefix("Select all the shades of ").split()[0]
    for box in turn.all():
        code = re.search(r"#([0-9a-f]{6})", box.name)
        if code and "selected" not in box.name and _nearest_hue(code[1]) == wanted:
            return moves.click(box)
    return turn.submit()


def _nearest_hue(code: str) -> str:
    red, green, blue = (int(code[at : at + 2], 16) / 255 for at in (0, 2, 4))
    hue = colorsys.rgb_to_hls(red, green, blue)[0]
    return min(_HUES, key=lambda name: _distance(hue, _HUES[name]))


def _distance(hue: float, other: float) -> float:
    return min(abs(hue - other), 1 - abs(hue - other))


def coordinate(turn: Turn) -> str:
    """Click the point of a grid."""
    wanted = re.search(r"\(-?\d+,-?\d+\)", turn.goal)
    for circle in _circles(turn):
        if wanted and any(wanted[0] in part for part in circle.parts):
            return moves.click(circle.element)
    raise Lost("the grid has no such point")


def _circles(turn: Turn) -> Sequence[Shape]:
    found = [shape for shape in shapes(turn) if shape.kind == "circle"]
    if not found:
        raise Lost("there is no circle")
    return found


def pie(turn: Turn) -> str:
    """Open a round menu by its middle, and click an item once it is large enough."""
    item = turn.goal.split('"')[1]
    for shape in shapes(turn):
        if shape.said == item and shape.height > _LARGE_PX:
            return moves.click(shape.element)
    middle = next((s for s in shapes(turn) if s.said == "+"), None)
    if middle is None:
        raise Lost("the menu is opening")
    return moves.click(middle.element)
