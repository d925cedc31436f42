"""Answers about the moment: what is seen, what was learnt from the last action."""

import re
from typing import Any

from agentkit_envs.crafter.actions import HOSTILE
from agentkit_envs.crafter.expert_state import Player, counts
from agentkit_envs.crafter.explored_map import offset_in_words
from agentkit_envs.crafter.explored_map import seen as cells_in_view
from agentkit_envs.crafter.strategy.dangers import threats
from agentkit_envs.experts import Said

_MEAL = re.compile(r"A meal can give at least (\d+) food\.")
_LOW = 3
_DULL = {"grass", "sand", "path", "player", "edge"}


def seen(player: Player) -> Said:
    """What matters now, in a few sentences, and how dangerous it is."""
    now = player.scene
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
    text = f"Facing {now.faced}. In view: {around}.{needs}{watch}"
    return Said(text, {"situation": text, **_dangers(player)})


def _dangers(player: Player) -> dict[str, Any]:
    """What threatens the player, most pressing first, and how bad it is."""
    sit = player.sit
    words = threats(sit)
    for name in ("food", "drink", "energy"):
        if sit.scene.vitals[name] <= _LOW:
            words.append(f"{name} is down to {sit.scene.vitals[name]}")
    near = any(c.away <= 2 and c.name in HOSTILE for c in sit.creatures)
    level = "high" if near or sit.scene.vitals["health"] <= _LOW else "low" if words else "none"
    return {"danger": level, "dangers": words}


def learned(player: Player) -> dict[str, Any]:
    """New facts about the game, and what to take from an action that failed or hurt."""
    return {"facts": [*player.news], "lesson": _lesson(player)}


def _lesson(player: Player) -> str:
    now = player.scene
    if now.last is not None and not now.last.worked:
        why = f": {now.last.why}" if now.last.why else ""
        return f"{now.last.text.split()[0]} had no effect{why}"
    if any(name == "health" and level < was for name, was, level in counts(now)):
        enemies = sorted({n for row in now.view for n in row if n in HOSTILE})
        return f"Health fell with {' and '.join(enemies) or 'nothing hostile'} in view"
    return ""


def refined(player: Player) -> list[str]:
    """The facts, of what a meal gives only the most."""
    facts = player.known + player.news
    meals = [(int(match[1]), fact) for fact in facts if (match := _MEAL.fullmatch(fact))]
    best = max(meals)[1] if meals else None
    return [fact for fact in facts if fact == best or not _MEAL.fullmatch(fact)]
