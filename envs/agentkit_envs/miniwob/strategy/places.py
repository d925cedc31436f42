"""Tasks that are solved by the mouse at places of the window."""

import math
import re

from agentkit_envs.miniwob.strategy import moves
from agentkit_envs.miniwob.strategy.shapes import Shape, shapes
from agentkit_envs.miniwob.strategy.turn import Lost, Turn, words

Place = tuple[float, float]

_ASIDE_PX = 40
_REACHES_PX = (40, -40, 20, -20, 12, -12)
_MARGIN_PX = 4
_WAYS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_RADIUS_PX = 22
_CORNERS = 14
"""A circle is drawn by a line with so many corners."""
_PLURALS = {"circles": "circle", "triangles": "triangle", "rectangles": "rectangle"}


def _points(turn: Turn) -> list[Shape]:
    found = [shape for shape in shapes(turn) if shape.kind == "circle"]
    if not found:
        raise Lost("no point is marked")
    return found


def _then_submit(turn: Turn, *actions: str) -> str:
    return next((action for action in actions if not turn.did(action)), turn.submit())


def centre(turn: Turn) -> str:
    """Click in the middle of a circle, then submit."""
    return _then_submit(turn, moves.click_at(_points(turn)[0].place))


def midpoint(turn: Turn) -> str:
    """Click halfway between two points, then submit."""
    if turn.tried:
        return turn.submit()
    first, second = (shape.place for shape in _points(turn)[:2])
    return moves.click_at(_middle(first, second))


def _middle(first: Place, second: Place) -> Place:
    return round((first[0] + second[0]) / 2), round((first[1] + second[1]) / 2)


def right_angle(turn: Turn) -> str:
    """Click a place that makes a right angle with a line, seen from its blue end."""
    if turn.tried:
        return turn.submit()
    corner, other = _corner(turn)
    ahead, beside = other[0].place[0] - corner[0], other[0].place[1] - corner[1]
    length = math.hypot(ahead, beside)
    for reach in _REACHES_PX:
        place = (corner[0] - beside / length * reach, corner[1] + ahead / length * reach)
        if _inside(turn, place):
            return moves.click_at(_whole(place))
    raise Lost("there is no room for a right angle")


def bisect(turn: Turn) -> str:
    """Click a place that halves an angle, seen from its blue corner."""
    if turn.tried:
        return turn.submit()
    corner, others = _corner(turn)
    way = [0.0, 0.0]
    for shape in others:
        ahead, beside = shape.place[0] - corner[0], shape.place[1] - corner[1]
        length = math.hypot(ahead, beside)
        way = [way[0] + ahead / length, way[1] + beside / length]
    length = math.hypot(*way)
    place = (corner[0] + way[0] / length * _ASIDE_PX, corner[1] + way[1] / length * _ASIDE_PX)
    return moves.click_at(_whole(place))


def _corner(turn: Turn) -> tuple[Place, list[Shape]]:
    """Where the blue point is, and the other points."""
    points = _points(turn)
    blue = next((shape for shape in points if "blue" in shape.parts), None)
    if blue is None:
        raise Lost("there is no blue point")
    return blue.place, [shape for shape in points if shape is not blue]


def _inside(turn: Turn, place: Place) -> bool:
    """Whether a place is on the drawing."""
    left, top, right, bottom = _drawing(turn)
    return left < place[0] < right and top < place[1] < bottom


def _drawing(turn: Turn) -> tuple[float, float, float, float]:
    """The left, upper, right and lower edge of what can be drawn on."""
    for element in turn.all("img"):
        found = re.search(r"(\d+) x (\d+) at \((\d+), (\d+)\)", element.name)
        if found:
            width, height, x, y = (int(number) for number in found.groups())
            across, down = width / 2 - _MARGIN_PX, height / 2 - _MARGIN_PX
            return x - across, y - down, x + across, y + down
    raise Lost("there is nothing to draw on")


def _whole(place: Place) -> Place:
    return round(place[0]), round(place[1])


def line(turn: Turn) -> str:
    """Draw a straight line through a point, then submit."""
    if turn.tried:
        return turn.submit()
    x, y = _points(turn)[0].place
    left, top, right, bottom = _drawing(turn)
    if "vertical" in turn.goal:
        return moves.drag_by((x, top), (x, bottom))
    return moves.drag_by((left, y), (right, y))


def circle(turn: Turn) -> str:
    """Draw a circle around a point, from corner to corner, then submit."""
    x, y = _points(turn)[0].place
    left, top, right, bottom = _drawing(turn)
    radius = min(_RADIUS_PX, x - left, right - x, y - top, bottom - y)
    turns = [2 * math.pi * corner / _CORNERS for corner in range(_CORNERS + 1)]
    places = [_whole((x + radius * math.cos(t), y + radius * math.sin(t))) for t in turns]
    actions = [moves.mouse("down", places[0])]
    actions += [moves.mouse("move", place) for place in places[1:-1]]
    actions.append(moves.mouse("up", places[-1]))
    return _then_submit(turn, *actions)


def push(turn: Turn) -> str:
    """Drag what is drawn to one side, then submit."""
    if turn.tried:
        return turn.submit()
    way = next(way for word, way in _WAYS.items() if f" {word} " in turn.goal)
    x, y = shapes(turn)[0].place
    return moves.drag_by((x, y), (x + way[0] * _ASIDE_PX, y + way[1] * _ASIDE_PX))


def box(turn: Turn) -> str:
    """Drag the small box into the middle of the large one, then submit."""
    if turn.tried:
        return turn.submit()
    small, large = (_box(turn, name) for name in ("draggableSmall", "draggableLarge"))
    return moves.drag_by(_free_part(small, large), large.place)


def _free_part(small: Shape, large: Shape) -> Place:
    """A place of the small box that the large one, which lies above it, does not cover."""
    x, y = small.place
    for across, down in ((0, 0), (-10, -10), (10, -10), (-10, 10), (10, 10)):
        far_x, far_y = abs(x + across - large.place[0]), abs(y + down - large.place[1])
        if far_x > large.width / 2 or far_y > large.height / 2:
            return x + across, y + down
    return x, y


def _box(turn: Turn, name: str) -> Shape:
    """The box of a name."""
    found = next((shape for shape in shapes(turn) if shape.element.name.startswith(name)), None)
    if found is None:
        raise Lost(f"there is no {name}")
    return found


def sort_shapes(turn: Turn) -> str:
    """Drag some shapes into a box, and the others into the other box if there is one."""
    wanted = turn.goal.removeprefix("Drag all ").split(" into ")[0]
    wanted = _PLURALS.get(wanted, wanted.removesuffix(" shapes"))
    every = shapes(turn)
    boxes = [shape for shape in every if "shape-container" in shape.parts]
    boxes.sort(key=lambda shape: shape.place)
    for shape in every:
        if shape in boxes:
            continue
        fits = wanted in (shape.kind, *shape.parts)
        target = boxes[0] if fits else boxes[1] if len(boxes) > 1 else None
        if target and not _within(shape, target):
            return moves.drag_by(shape.place, target.place)
    return turn.submit()


def _within(shape: Shape, target: Shape) -> bool:
    x, y = shape.place
    return (
        abs(x - target.place[0]) < target.width / 2 and abs(y - target.place[1]) < target.height / 2
    )


def sort_numbers(turn: Turn) -> str:
    """Drag the items of a list until they stand in order."""
    items = [e for e in turn.all("listitem") if turn.inside(e)]
    values = [int(words(turn.inside(item)[0])) for item in items]
    for item, value, right in zip(items, values, sorted(values), strict=True):
        if value != right:
            return moves.drag(items[values.index(right)], item)
    return turn.submit()
