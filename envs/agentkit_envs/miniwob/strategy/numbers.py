"""Tasks about numbers: guess, generate, compare, count, set."""

import re
from itertools import pairwise

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Turn, words

_LEAP = 10
"""A slider that is further away than this is moved in large steps."""


def guess(turn: Turn) -> str:
    """Guess the middle of the range that is left."""
    field = turn.first("spinbutton")
    low, high = _range_left(turn)
    number = str((low + high) // 2)
    if field.value != number:
        return moves.fill(field, number)
    return turn.submit()


def _range_left(turn: Turn) -> tuple[int, int]:
    """What the guesses so far have left; the page tells only about the last one."""
    asked = re.search(r"between (\d+)-(\d+)", turn.goal)
    if not asked:
        raise Lost("the goal does not say between which numbers it is")
    low, high = int(asked[1]), int(asked[2])
    guesses = [int(found[1]) for a in turn.tried if (found := re.search(r"'(\d+)'\)$", a))]
    for guessed, later in pairwise(guesses):
        low, high = (guessed + 1, high) if later > guessed else (low, guessed - 1)
    for element in turn.elements:
        told = re.search(r"is (lower|higher) than (\d+)", words(element))
        if told and guesses and int(told[2]) == guesses[-1]:
            guessed = guesses[-1]
            low, high = (guessed + 1, high) if told[1] == "higher" else (low, guessed - 1)
    return low, high


def generate(turn: Turn) -> str:
    """Generate numbers until one is as it should be."""
    shown = next((int(words(e)) for e in turn.elements if words(e).isdecimal()), None)
    fits = shown is not None and _fits(turn.goal, shown)
    return turn.submit() if fits else turn.submit("Generate")


def _fits(goal: str, number: float) -> bool:
    limit = goals.numbers(goal)
    if "less than" in goal:
        return number < limit[0]
    if "greater than" in goal:
        return number > limit[0]
    return number % 2 == (1 if "odd" in goal else 0)


def odd_or_even(turn: Turn) -> str:
    """Press Odd or Even beside each number."""
    actions = []
    buttons = turn.all("button")
    for odd, even in zip(buttons[::2], buttons[1::2], strict=False):
        between = turn.elements[turn.place(odd) : turn.place(even)]
        number = next(int(words(e)) for e in between if re.fullmatch(r"-?\d+", words(e)))
        actions.append(moves.click(odd if number % 2 else even))
    return _all_then_submit(turn, actions)


def _all_then_submit(turn: Turn, actions: list[str]) -> str:
    return next((action for action in actions if not turn.did(action)), turn.submit())


def greatest(turn: Turn) -> str | Move:
    """Turn each card over, remember its number, and pick the one with the greatest."""
    cards = [e for e in turn.all("generic", "button") if words(e) != "Submit"]
    if not cards:
        raise Lost("there are no cards")
    shown = {at: int(words(card)) for at, card in enumerate(cards) if words(card).isdecimal()}
    known = {**dict(map(_card, turn.facts)), **shown}
    facts = tuple(f for at in shown if (f := f"card {at + 1} has {shown[at]}") not in turn.facts)
    covered = [card for at, card in enumerate(cards) if at not in known]
    if covered:
        return Move(moves.click(covered[0]), facts)
    best = max(known, key=lambda at: known[at])
    return turn.submit() if list(shown) == [best] else Move(moves.click(cards[best]), facts)


def _card(fact: str) -> tuple[int, int]:
    """The index and the number of a card that was seen."""
    position, number = goals.numbers(fact)
    return int(position) - 1, int(number)


def sliders(turn: Turn) -> str:
    """Move each slider to its number, tick what is to be ticked, then submit."""
    listed = re.search(r"\[(.*)\]", turn.goal)
    wanted = goals.numbers(listed[1] if listed else goals.between(turn.goal, "Select ", " with"))
    handles = [e for e in turn.all() if e.name.startswith("slider-handle")]
    for handle, number in zip(handles, wanted, strict=True):
        action = _slide(turn, handle, number)
        if action:
            return action
    boxes = turn.all("checkbox")
    chosen = goals.ordinals(turn.goal)
    return turn.mark([(box, index in chosen) for index, box in enumerate(boxes)])


def _slide(turn: Turn, handle: Element, wanted: float) -> str | None:
    shown = next((e for e in turn.after(handle) if re.fullmatch(r"-?\d+", words(e))), None)
    if shown is None:
        raise Lost("the slider does not say where it is")
    away = wanted - int(words(shown))
    if away == 0:
        return None
    if abs(away) > _LEAP:
        return moves.press(handle, "PageUp" if away > 0 else "PageDown")
    return moves.press(handle, "ArrowRight" if away > 0 else "ArrowLeft")
