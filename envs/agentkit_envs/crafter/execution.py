"""Carrying out an action, repeats included, and saying what came of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from crafter import constants

from agentkit_envs.crafter.actions import HOSTILE, Command, cell, why_not
from agentkit_envs.crafter.scene import OFFSETS, VIEW, Scene
from agentkit_envs.crafter.scene_builder import look
from agentkit_envs.crafter.world import Game

NEAR = 3
"""A zombie, skeleton or arrow is near within so many steps (columns plus rows)."""

_NEAR_CELLS = [
    (row, column)
    for row in range(VIEW[1])
    for column in range(VIEW[0])
    if abs(row - VIEW[1] // 2) + abs(column - VIEW[0] // 2) <= NEAR
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an action."""

    scene: Scene
    """What is seen afterwards."""
    reward: float
    """The rewards of all its game steps, added up."""
    times: int
    """How many game steps it took."""
    worked: bool
    """Whether it had its effect at least once."""
    why: str
    """Why it had none, or stopped early; else empty."""


def carry_out(
    game: Game, scene: Scene, command: Command, over: Callable[[], bool], each: Callable[[], None]
) -> Outcome:
    """Do the command, stopping early where going on would be blocked, useless or unwise.

    `over` says whether the episode has ended; `each` is called after every game step.
    """
    reward, worked, why = 0.0, False, ""
    for done in range(1, command.times + 1):
        before, refused = scene, why_not(scene, command.name)
        reward += game.tick(command.name)
        each()
        scene = look(game)
        missed = refused or _luck(before, scene, command.name)
        worked = worked or not missed
        why = _stop(before, scene, command.name, over()) if done < command.times else ""
        if why or over():
            break
    return Outcome(scene, reward, done, worked, why or ("" if worked else missed))


def _luck(before: Scene, after: Scene, action: str) -> str:
    """What to say when nothing came of an action that depends on chance."""
    gains = _gains(before, action, by_chance=True)
    if not gains or any(_count(after, name) > _count(before, name) for name in gains):
        return ""
    return f"no {' or '.join(gains)} found this time"


def _gains(scene: Scene, action: str, *, by_chance: bool) -> list[str]:
    """What `do` collects from the thing that is faced."""
    info = constants.collect.get(scene.faced) if action == "do" else None
    if info is None or (info.get("probability", 1) < 1) is not by_chance:
        return []
    return list(info["receive"])


def _count(scene: Scene, name: str) -> int:
    return scene.vitals.get(name, 0) + scene.inventory.get(name, 0)


def _stop(before: Scene, after: Scene, action: str, over: bool) -> str:
    """Why not to go on repeating, or an empty text."""
    if over:
        return "the episode is over"
    if before.sleeping and not after.sleeping:
        return "you woke up"
    if after.vitals["health"] < before.vitals["health"]:
        return "you lost health"
    if after.sleeping:
        return why_not(after, action)
    return _threat(before, after) or _useless(before, after, action)


def _threat(before: Scene, after: Scene) -> str:
    near, was = _hostile(after), _hostile(before)
    if len(near) <= len(was):
        return ""
    kind = next(iter(Counter(near) - Counter(was))).partition("-")[0]
    return f"{'an' if kind == 'arrow' else 'a'} {kind} is near"


def _hostile(scene: Scene) -> list[str]:
    view = scene.view
    return [view[row][column] for row, column in _NEAR_CELLS if view[row][column] in HOSTILE]


def _useless(before: Scene, after: Scene, action: str) -> str:
    if action.startswith("move_"):
        if cell(after, *OFFSETS[after.facing]) == "lava":
            return "lava ahead"
    elif action == "do":
        if after.faced != before.faced:
            return f"{before.faced} is no longer in front of you"
        lucky = _gains(before, action, by_chance=True)
        if any(_count(after, name) > _count(before, name) for name in lucky):
            return f"found {' and '.join(lucky)}"
        gains = _gains(after, action, by_chance=False)
        if gains and all(_count(after, name) >= constants.items[name]["max"] for name in gains):
            return f"{' and '.join(gains)} is full"
    return why_not(after, action)
