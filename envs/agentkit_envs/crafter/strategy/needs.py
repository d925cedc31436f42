"""What must come first to stay alive."""

from agentkit_envs.crafter.strategy import exploration, shelter
from agentkit_envs.crafter.strategy.provisions import nearest_cow, sleep_idea
from agentkit_envs.crafter.strategy.recipes import MOST
from agentkit_envs.crafter.strategy.routes import FAR, Survey
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.crafter.strategy.subgoals import Subgoal, idea

_THIRSTY, _HUNGRY, _TIRED, _HURT = 3, 3, 2, 4
_THIRSTY_AT_NIGHT, _HUNGRY_AT_NIGHT = 1, 0
_FIT = 7
_A_MEAL = 5
_FAR_WEIGHS = 10


def is_in_need(sit: Situation) -> bool:
    """Whether hunger, thirst or tiredness presses."""
    vitals = sit.scene.vitals
    thirsty, hungry = _lows(sit)
    return vitals["drink"] <= thirsty or vitals["food"] <= hungry or vitals["energy"] <= _TIRED


def can_recover(sit: Situation) -> bool:
    """Whether health is low and rest would bring it back: it does not while starving."""
    vitals = sit.scene.vitals
    return vitals["health"] <= _HURT and min(vitals["food"], vitals["drink"]) > 0


def _lows(sit: Situation) -> tuple[int, int]:
    """At which drink and food the player goes out for more: later at night, when it is risky."""
    if sit.keeps_in:
        return -1, -1
    return (_THIRSTY_AT_NIGHT, _HUNGRY_AT_NIGHT) if sit.is_dark else (_THIRSTY, _HUNGRY)


def urgent_ideas(sit: Situation, known: Survey) -> list[Subgoal]:
    """What must come first, the most pressing first; empty when nothing presses."""
    found = [_thirst(sit, known), _hunger(sit, known), _recovery(sit, known)]
    ideas = sorted((pair for pair in found if pair is not None), key=lambda pair: pair[0])
    return [{**chosen, "urgent": True} for _, chosen in ideas]


def _thirst(sit: Situation, known: Survey) -> tuple[int, Subgoal] | None:
    drink = sit.scene.vitals["drink"]
    ticks, _ = known.nearest("water")
    if not _presses(sit, drink, _lows(sit)[0], ticks):
        return None
    if ticks >= FAR:
        return _searching(sit, known, drink, "", "water must be found")
    full = {"vitals": {"drink": MOST["drink"]}}
    return _weight(drink, ticks), idea("collect", "water", ticks, full, f"drink is {drink}")


def _hunger(sit: Situation, known: Survey) -> tuple[int, Subgoal] | None:
    food = sit.scene.vitals["food"]
    cow = nearest_cow(sit, known)
    if not _presses(sit, food, _lows(sit)[1], cow[0] if cow else FAR):
        return None
    if cow is None:
        return _searching(sit, known, food, "grass", "a cow must be found")
    ticks, place = cow
    fed = {"vitals": {"food": min(MOST["food"], food + _A_MEAL)}}
    return _weight(food, ticks), idea("hunt", "cow", ticks, fed, f"food is {food}", place=place)


def _weight(level: int, ticks: int) -> int:
    """What comes first is low, or near."""
    return level + min(ticks, 4 * _FAR_WEIGHS) // _FAR_WEIGHS


def _searching(
    sit: Situation, known: Survey, level: int, land: str, why: str
) -> tuple[int, Subgoal] | None:
    frontier = exploration.find_frontier(sit, known, land)
    if frontier is None:
        return None
    place = list(sit.place(frontier[1]))
    chosen = idea("explore", "", frontier[0], {"known": place}, why, place=place)
    return _weight(level, FAR), chosen


def _recovery(sit: Situation, known: Survey) -> tuple[int, Subgoal] | None:
    vitals = sit.scene.vitals
    if vitals["energy"] > _TIRED and not can_recover(sit):
        return None
    found = shelter.find_site(sit, known)
    if found is None and not sit.is_sealed and vitals["energy"] > 1:
        return None
    until = {"vitals": {"energy": MOST["energy"], "health": _FIT}}
    why = f"energy is {vitals['energy']}, health is {vitals['health']}"
    chosen = {**sleep_idea(0, found[1] if found else None, why), "until": until}
    return min(vitals["energy"], vitals["health"]), chosen


def _presses(sit: Situation, level: int, low: int, ticks: int) -> bool:
    """Whether to go now: it is low, or will be by the time one is there."""
    return level <= low or (not sit.is_dark and ticks < FAR and level * 20 < ticks * 3 // 2 + 20)
