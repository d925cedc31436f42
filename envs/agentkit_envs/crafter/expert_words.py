"""Answers about the moment: what is seen, what changed, what was learnt from it."""

import re
from typing import Any

from agentkit_envs.crafter.actions import ACTIONS, HOSTILE, why_not
from agentkit_envs.crafter.explored_map import offset_in_words
from agentkit_envs.crafter.explored_map import seen as cells_in_view
from agentkit_envs.crafter.observation_reader import read
from agentkit_envs.crafter.scene import Scene
from agentkit_envs.crafter.strategy.dangers import threats
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.experts import Variables, value

_COUNT = re.compile(r"(\w+) (\d+) -> (\d+)")
_MEAL = re.compile(r"A meal can give at least (\d+) food\.")
_LOW = 3
_DULL = {"grass", "sand", "path", "player", "edge"}


def scene(variables: Variables) -> Scene:
    """What the observation says."""
    return read(value(variables, "observation"))


def situation(variables: Variables) -> Situation:
    """What the player sees and remembers."""
    return Situation(scene(variables), value(variables, "map"))


def seen(variables: Variables) -> str:
    """What matters now, in a few sentences."""
    now = scene(variables)
    nearest: dict[str, tuple[int, int]] = {}
    for name, dx, dy in cells_in_view(now):
        if name not in _DULL:
            old = nearest.get(name)
            if old is None or abs(dx) + abs(dy) < abs(old[0]) + abs(old[1]):
                nearest[name] = (dx, dy)
    things = sorted(nearest.items(), key=lambda item: abs(item[1][0]) + abs(item[1][1]))
    words = [f"{name} {offset_in_words(dx, dy)}" for name, (dx, dy) in things]
    low = [f"{name} {level}" for name, level in now.vitals.items() if level <= _LOW]
    around = "; ".join(words) if words else f"only {now.standing_on} around"
    needs = f" Low: {', '.join(low)}." if low else " All vitals are fine."
    enemies = [name for name in nearest if name in HOSTILE]
    watch = f" Watch out for {' and '.join(enemies)}." if enemies else ""
    return f"Facing {now.faced}. In view: {around}.{needs}{watch}"


def changed(variables: Variables) -> dict[str, Any]:
    """Whether the last action worked, why not, and what is different."""
    now = scene(variables)
    if now.last is None:
        return {"action": "none", "worked": True, "why": "", "changes": []}
    return {
        "action": now.last.text,
        "worked": now.last.worked,
        "why": now.last.why,
        "changes": list(now.changes),
    }


def record(variables: Variables) -> str:
    """One line about the last action."""
    now = scene(variables)
    if now.last is None:
        return "The episode begins."
    times = "once" if now.last.times == 1 else f"{now.last.times} times"
    result = "it worked" if now.last.worked else "no effect"
    parts = [f"{now.last.text}: done {times}, {result}"]
    if now.last.why:
        parts.append(now.last.why)
    if any(now.moved):
        parts.append(f"came {offset_in_words(*now.moved)}")
    parts.extend(now.changes)
    return "; ".join(parts)


def learned(variables: Variables) -> list[str]:
    """Facts about the game that the last action showed and that were not known yet."""
    now, known = scene(variables), value(variables, "memory.facts")
    if now.last is None or not now.last.worked:
        return []
    action = now.last.text.split()[0]
    counts = [(m[1], int(m[2]), int(m[3])) for m in map(_COUNT.fullmatch, now.changes) if m]
    facts = _uses(action, now.last.times, counts) + _meals(action, counts)
    return [fact for fact in facts if fact not in known]


def _uses(action: str, times: int, counts: list[tuple[str, int, int]]) -> list[str]:
    """What making or placing something took."""
    if times != 1 or not action.startswith(("make_", "place_")):
        return []
    took = [
        f"{was - now} {name}"
        for name, was, now in counts
        if now < was and name not in ("health", "food", "drink", "energy")
    ]
    return [f"{action} takes {' and '.join(took)}."] if took else []


def _meals(action: str, counts: list[tuple[str, int, int]]) -> list[str]:
    """What eating gave."""
    if action != "do":
        return []
    gains = [(name, now - was) for name, was, now in counts if name == "food" and now > was]
    return [f"A meal can give at least {gain} {name}." for name, gain in gains]


def refined(variables: Variables) -> list[str]:
    """The facts, each amount of a meal only once, at its largest."""
    facts = list(dict.fromkeys(value(variables, "memory.facts")))
    meals = [(int(match[1]), fact) for fact in facts if (match := _MEAL.fullmatch(fact))]
    best = max(meals)[1] if meals else None
    return [fact for fact in facts if fact == best or not _MEAL.fullmatch(fact)]


def surprise(variables: Variables) -> dict[str, Any]:
    """Whether something went otherwise than meant, and what to take from it."""
    now = scene(variables)
    hurt = any(m and m[1] == "health" and int(m[3]) < int(m[2]) for m in _matches(now))
    failed = now.last is not None and not now.last.worked
    lesson = ""
    if failed and now.last is not None:
        lesson = f"{now.last.text} had no effect" + (f": {now.last.why}" if now.last.why else "")
    elif hurt:
        enemies = sorted({n for row in now.view for n in row if n in HOSTILE})
        lesson = f"Health fell with {' and '.join(enemies) or 'nothing hostile'} in view"
    return {"unexpected": failed or hurt, "mistake": failed, "lesson": lesson}


def _matches(now: Scene) -> list[re.Match[str] | None]:
    return [_COUNT.fullmatch(change) for change in now.changes]


def dangers(variables: Variables) -> dict[str, Any]:
    """What threatens the player, most pressing first, and how bad it is."""
    sit = situation(variables)
    words = threats(sit)
    for name in ("food", "drink", "energy"):
        if sit.scene.vitals[name] <= _LOW:
            words.append(f"{name} is down to {sit.scene.vitals[name]}")
    near = any(c.away <= 2 and c.name in HOSTILE for c in sit.creatures)
    level = "high" if near or sit.scene.vitals["health"] <= _LOW else "low" if words else "none"
    return {"level": level, "dangers": words}


def options(variables: Variables) -> list[str]:
    """The actions that would have an effect now."""
    now = scene(variables)
    return [action for action in ACTIONS if action == "noop" or not why_not(now, action)]
