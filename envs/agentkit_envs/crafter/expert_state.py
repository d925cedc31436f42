"""What the rule-based player of Crafter keeps in mind: the map, its subgoal, what it found out."""

import re
from dataclasses import dataclass

from agentkit.errors import ModelError
from agentkit_envs.crafter.explored_map import chart
from agentkit_envs.crafter.observation_reader import ReadingError, read
from agentkit_envs.crafter.scene import Scene
from agentkit_envs.crafter.strategy.decision import Gate, choose, gate
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.crafter.strategy.subgoals import Subgoal
from agentkit_envs.experts import Sight

_COUNT = re.compile(r"(\w+) (\d+) -> (\d+)")


@dataclass(frozen=True, slots=True)
class Player:
    """The player after an observation."""

    sit: Situation
    """What it sees and remembers."""
    previous: Subgoal | None
    """The subgoal that it had before; None at the start."""
    reasons: Gate
    """Why that one was given up."""
    subgoal: Subgoal
    """The subgoal that it has now."""
    known: tuple[str, ...]
    """Facts about the game that it had found out before."""
    news: tuple[str, ...]
    """Facts that the last action showed."""

    @property
    def scene(self) -> Scene:
        """What it sees."""
        return self.sit.scene


def follow(before: Player | None, sight: Sight) -> Player:
    """The player after a sight; `before` is None at the start of an episode.

    Raises:
        ModelError: The observation cannot be read: it has no grid, or is none of Crafter's.
    """
    try:
        scene = read(sight.observation)
    except ReadingError as error:
        raise ModelError(f"the rule-based Crafter player cannot read this: {error}") from error
    sit = Situation(scene, chart(scene, before.sit.map if before else None))
    previous = before.subgoal if before else None
    reasons = gate(sit, previous)
    subgoal = choose(sit, previous) if reasons or previous is None else previous
    known = before.known + before.news if before else ()
    news = tuple(fact for fact in _shown(scene) if fact not in known)
    return Player(sit, previous, reasons, subgoal, known, news)


def counts(scene: Scene) -> list[tuple[str, int, int]]:
    """What became more or less since the observation before: name, amount then, amount now."""
    found = map(_COUNT.fullmatch, scene.changes)
    return [(match[1], int(match[2]), int(match[3])) for match in found if match]


def _shown(scene: Scene) -> list[str]:
    """Facts about the game that the last action shows."""
    if scene.last is None or not scene.last.worked:
        return []
    action = scene.last.text.split()[0]
    if action == "do":
        gains = [now - was for name, was, now in counts(scene) if name == "food" and now > was]
        return [f"A meal can give at least {gain} food." for gain in gains]
    if scene.last.times != 1 or not action.startswith(("make_", "place_")):
        return []
    took = [
        f"{was - now} {name}"
        for name, was, now in counts(scene)
        if now < was and name not in scene.vitals
    ]
    return [f"{action} takes {' and '.join(took)}."] if took else []
