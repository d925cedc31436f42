"""Tasks that change while they are played: a melody, a price, a hidden place."""

import re
from collections import Counter
from collections.abc import Sequence
from math import ceil, hypot

from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Turn, words

_FLASH_MS = 600
"""From one flash of a button to the next."""
_DOLLAR_MS = 200
"""A price hardly falls by a dollar in this time."""

_BANDS = {"HOT": 5, "WARM": 10, "COLD": 40, "ICE COLD": 1000}
"""How near the mouse is, in pixels, when a word is said."""
# In pixels of the window: where it may be hot, and where it is asked.
_PLACES = [(x, y) for x in range(5, 156, 2) for y in range(55, 171, 2)]
_PROBES = [(x, y) for x in range(5, 156, 10) for y in range(55, 171, 10)]
_SAMPLE = 200
"""So many of the places that are left are enough to judge a question by."""
_FEW = 400
"""When so few places are left, each of them may be asked."""


def melody(turn: Turn) -> str | Move:
    """Watch in which order the buttons flash, then press them in this order."""
    flashing = next(
        (e.name[: len("button-1")] for e in turn.all("button") if " push" in e.name), ""
    )
    pressed = sum(action.startswith("click") for action in turn.tried)
    if flashing and not pressed:
        return Move(moves.wait(_FLASH_MS), (flashing,))
    if not turn.facts:
        return moves.wait(100)
    if pressed >= len(turn.facts):
        raise Lost("all buttons were pressed")
    for button in turn.all("button"):
        if button.name.startswith(turn.facts[pressed]):
            return moves.click(button)
    raise Lost("a button is gone")


def hot_cold(turn: Turn) -> str | Move:
    """Move the mouse where the answer leaves fewest places, and click where it is hot."""
    said = next((words(e) for e in turn.elements if words(e) in _BANDS), None)
    last = re.match(r"mouse_move\((\d+), (\d+)\)", turn.tried[-1]) if turn.tried else None
    facts = turn.facts
    if last and said:
        if said == "HOT":
            return moves.click_at((int(last[1]), int(last[2])))
        facts = (*facts, f"{last[1]}, {last[2]}: {said}")
    return Move(moves.mouse("move", _next_probe(facts)), facts[len(turn.facts) :])


def _next_probe(facts: Sequence[str]) -> tuple[int, int]:
    """The place whose answer is expected to leave fewest of the places that fit all answers."""
    left = [place for place in _PLACES if all(_agrees(fact, place) for fact in facts)]
    if not left:
        raise Lost("no place fits what was said")
    some = left[:: max(1, len(left) // _SAMPLE)]
    return min(_PROBES if len(left) > _FEW else left, key=lambda probe: _expected(probe, some))


def _agrees(fact: str, place: tuple[int, int]) -> bool:
    at, said = fact.split(": ")
    x, y = at.split(", ")
    return _band((int(x), int(y)), place) == said


def _band(place: tuple[int, int], other: tuple[int, int]) -> str:
    away = hypot(place[0] - other[0], place[1] - other[1])
    return next(name for name, far in _BANDS.items() if away < far)


def _expected(probe: tuple[int, int], places: Sequence[tuple[int, int]]) -> int:
    counts = Counter(_band(probe, place) for place in places)
    return sum(count * count for count in counts.values())


def stock(turn: Turn) -> str:
    """Buy as soon as the price is low enough."""
    limit = goals.numbers(goals.between(turn.goal, "less than ", "$"))[0]
    for element in turn.elements:
        price = re.search(r"price: \$([\d.]+)", words(element))
        if price:
            above = float(price[1]) - limit
            return turn.submit("Buy") if above <= 0 else moves.wait(_DOLLAR_MS * ceil(above))
    raise Lost("there is no price yet")
