"""Tasks with an opponent, a melody or a price that changes."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import ceil, hypot

from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Turn, words

_LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
_CHANCE = 0.55
"""How often the opponent plays anywhere."""
_FLASH_MS = 600
"""From one flash of a button to the next."""
_DOLLAR_MS = 200
"""A price hardly falls by a dollar in this time."""

_BANDS = {"HOT": 5, "WARM": 10, "COLD": 40, "ICE COLD": 1000}
"""How near the mouse is, in pixels, when a word is said."""
_PLACES = [(x, y) for x in range(5, 156, 2) for y in range(55, 171, 2)]
_PROBES = [(x, y) for x in range(5, 156, 10) for y in range(55, 171, 10)]
_SAMPLE = 200
_FEW = 400


def tic_tac_toe(turn: Turn) -> str:
    """Take the cell with which a careless opponent is beaten most often."""
    cells = [e for e in turn.all() if re.match(r"ttt-\d", e.name)]
    if len(cells) != len(_LINES) + 1:
        raise Lost("there is no board")
    board = "".join(
        "x" if "mark-x" in c.name else "o" if "mark-o" in c.name else " " for c in cells
    )
    free = [at for at, sign in enumerate(board) if sign == " "]
    return moves.click(cells[max(free, key=lambda at: _worth(_put(board, at, "x")))])


def _sign(name: str) -> str:
    return "x" if "mark-x" in name else "o" if "mark-o" in name else " "


def _put(board: str, at: int, sign: str) -> str:
    return board[:at] + sign + board[at + 1 :]


def _won(board: str, sign: str) -> bool:
    return any(all(board[at] == sign for at in line) for line in _LINES)


def _worth(board: str) -> tuple[bool, float]:
    """A win now is worth more than a sure one later."""
    return _won(board, "x"), _after(board)


@cache
def _after(board: str) -> float:
    """How likely x wins once o has to move."""
    if _won(board, "x"):
        return 1
    free = [at for at, sign in enumerate(board) if sign == " "]
    if not free:
        return 0
    chances = {at: _best(_put(board, at, "o")) for at in free}
    anywhere = sum(chances.values()) / len(free)
    sharp = [at for sign in "ox" for at in free if _won(_put(board, at, sign), sign)]
    return _CHANCE * anywhere + (1 - _CHANCE) * (chances[sharp[0]] if sharp else anywhere)


@cache
def _best(board: str) -> float:
    """How likely x wins if it moves well from here."""
    free = [at for at, sign in enumerate(board) if sign == " "]
    if _won(board, "o") or not free:
        return 0
    return max(_after(_put(board, at, "x")) for at in free)


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
