"""When a subgoal is reached: criteria are JSON, checked against what is seen and remembered."""

from collections.abc import Callable
from typing import Any

from agentkit_envs.crafter.strategy import garden
from agentkit_envs.crafter.strategy.situation import Situation

Until = dict[str, Any]


def holds(sit: Situation, until: Until) -> bool:
    """Whether every part of a criterion holds; an empty one does."""
    return all(_CHECKS[kind](sit, wanted) for kind, wanted in until.items())


def in_words(until: Until) -> str:
    """A criterion in words."""
    return " and ".join(_WORDS[kind](wanted) for kind, wanted in until.items())


def _has(sit: Situation, wanted: dict[str, int]) -> bool:
    return all(sit.has(item) >= count for item, count in wanted.items())


def _feels(sit: Situation, wanted: dict[str, int]) -> bool:
    return all(sit.scene.vitals[vital] >= level for vital, level in wanted.items())


def _knows_around(sit: Situation, place: list[int]) -> bool:
    return all(sit.name(near) is not None for near in sit.around(sit.cell(*place)))


def _is_fenced(sit: Situation, place: list[int]) -> bool:
    return not garden.open_sides(sit, sit.cell(*place))


_CHECKS: dict[str, Callable[[Situation, Any], bool]] = {
    "have": _has,
    "vitals": _feels,
    "achieved": lambda sit, name: name in sit.achieved,
    "bright": lambda sit, _: not sit.zombies,
    "tick": lambda sit, tick: sit.tick >= tick,
    "known": _knows_around,
    "fenced": _is_fenced,
    "kept": lambda sit, place: sit.name(sit.cell(*place)) == "ripe-plant",
}
_WORDS: dict[str, Callable[[Any], str]] = {
    "have": lambda wanted: " and ".join(
        f"{count} {item} carried" for item, count in wanted.items()
    ),
    "vitals": lambda wanted: " and ".join(f"{v} at {n} or more" for v, n in wanted.items()),
    "achieved": lambda name: f"{name} is among the achievements",
    "bright": lambda _: "it is bright day",
    "tick": lambda tick: f"game step {tick} is reached",
    "known": lambda _: "everything around the place is known",
    "fenced": lambda _: "nothing can walk up to the sapling",
    "kept": lambda _: "the plant is ripe",
}
