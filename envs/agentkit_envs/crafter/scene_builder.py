"""What the player sees at this moment, and what changed since an earlier one."""

from typing import Literal

from crafter import constants

from agentkit_envs.crafter.actions import HOSTILE
from agentkit_envs.crafter.scene import OFFSETS, Direction, Scene
from agentkit_envs.crafter.world import Game

VITALS = ("health", "food", "drink", "energy")
"""The items that are needs, not things."""

_FACING: dict[tuple[int, int], Direction] = {step: name for name, step in OFFSETS.items()}


def look(game: Game) -> Scene:
    """The scene as it stands, without what came before it."""
    player = game.player
    x, y = game.position
    return Scene(
        view=game.view(),
        facing=_FACING[tuple(player.facing)],
        standing_on=game.material(x, y),
        vitals={name: player.inventory[name] for name in VITALS},
        inventory={
            name: count
            for name, count in player.inventory.items()
            if count > 0 and name not in VITALS
        },
        sleeping=player.sleeping,
        light=_light(game.daylight),
        achievements=tuple(game.unlocked),
    )


def _light(daylight: float) -> Literal["day", "dusk", "night"]:
    if daylight >= 0.5:
        return "day"
    return "dusk" if daylight >= 0.25 else "night"


def changes(before: Scene, after: Scene) -> tuple[str, ...]:
    """What differs between two scenes, in words."""
    words = [
        f"{name} {count} -> {after.vitals[name]}"
        for name, count in before.vitals.items()
        if after.vitals[name] != count
    ]
    if before.inventory != after.inventory:
        for name in constants.items:
            was, now = before.inventory.get(name, 0), after.inventory.get(name, 0)
            if was != now:
                words.append(f"{name} {was} -> {now}")
    if not after.vitals["health"]:
        words.append("you died")
    new = after.achievements[len(before.achievements) :]
    words += [f"unlocked {name}" for name in new]
    if before.sleeping != after.sleeping:
        words.append("fell asleep" if after.sleeping else "woke up")
    if before.light != after.light:
        words.append(f"light {before.light} -> {after.light}")
    return (*words, *_arrivals(before, after))


def _arrivals(before: Scene, after: Scene) -> list[str]:
    """Which kinds of danger came into view or left it."""
    was, now = (set().union(*scene.view).intersection(HOSTILE) for scene in (before, after))
    if was == now:
        return []
    arrived = [f"{name} came into view" for name in HOSTILE if name in now - was]
    return arrived + [f"{name} no longer in view" for name in HOSTILE if name in was - now]
