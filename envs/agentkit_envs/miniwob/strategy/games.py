"""Tasks that change while they are played: a melody, a price."""

import re
from collections.abc import Sequence
from itertools import pairwise

from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Turn, words

_LOOK_MS = 200
"""What flashes for people to see it is lit at least so long."""
_LOOKS_AT_END = 6
"""Who sees no flash so often in a row, more than a second, has seen the last one."""
_BRIEF_MS, _LONG_MS = 100, 1000
"""A price that comes near is looked at so soon again, one that is far away so late."""


def melody(turn: Turn) -> str | Move:
    """Watch in which order the buttons flash, then press them in this order."""
    pressed = sum(action.startswith("click") for action in turn.tried)
    looks = len(turn.tried) - pressed
    seen = [_flash(fact) for fact in turn.facts]
    if not pressed and (not seen or looks - seen[-1][0] < _LOOKS_AT_END):
        flashing = [_first(e.name) for e in turn.all("button") if " push" in e.name]
        return Move(moves.wait(_LOOK_MS), tuple(f"look {looks}: {name}" for name in flashing))
    order = _order(seen)
    if pressed >= len(order):
        raise Lost("all buttons were pressed")
    for button in turn.all("button"):
        if _first(button.name) == order[pressed]:
            return moves.click(button)
    raise Lost("a button is gone")


def _first(name: str) -> str:
    """The first word of a caption, which does not change when a button flashes."""
    return re.split("[ ,]", name)[0]


def _flash(fact: str) -> tuple[int, str]:
    """At which look a button was seen flashing, and its name."""
    look, name = fact.removeprefix("look ").split(": ")
    return int(look), name


def _order(seen: Sequence[tuple[int, str]]) -> list[str]:
    """The buttons as they flashed; one that is seen at two looks in a row flashed once."""
    first = [seen[0][1]] if seen else []
    later = [name for (at, old), (look, name) in pairwise(seen) if name != old or look > at + 1]
    return first + later


def stock(turn: Turn) -> str | Move:
    """Buy as soon as the price is low enough; look the more often, the nearer it comes."""
    limit = goals.numbers(goals.between(turn.goal, "less than ", "$"))[0]
    for element in turn.elements:
        found = re.search(r"price: \$([\d.]+)", words(element))
        if found:
            price = float(found[1])
            if price <= limit:
                return turn.submit("Buy")
            pause = _pause(turn.facts, price, price - limit)
            return Move(moves.wait(pause), (f"price {price:g}, then {pause} ms",))
    raise Lost("there is no price yet")


def _pause(facts: Sequence[str], price: float, above: float) -> int:
    """How long the price takes to fall so far, at the fastest pace that was seen."""
    seen = [goals.numbers(fact) for fact in facts]
    prices = [*(one[0] for one in seen), price]
    changes = zip(pairwise(prices), (one[1] for one in seen), strict=True)
    fastest = max((abs(after - before) / ms for (before, after), ms in changes), default=0.0)
    if not fastest:
        return _BRIEF_MS
    return min(_LONG_MS, max(_BRIEF_MS, round(above / fastest)))
