"""What things take, as the game's own data says."""

from collections.abc import Mapping
from typing import Any

from crafter import constants

COLLECT: dict[str, dict[str, Any]] = dict(constants.collect)
PLACE: dict[str, dict[str, Any]] = dict(constants.place)
MAKE: dict[str, dict[str, Any]] = dict(constants.make)
WALKABLE: tuple[str, ...] = tuple(constants.walkable)
ACHIEVEMENTS: tuple[str, ...] = tuple(constants.achievements)
MOST = {name: int(item["max"]) for name, item in constants.items.items()}
"""The most one can have of each thing."""


def affordable(uses: Mapping[str, int], inventory: Mapping[str, int]) -> bool:
    """Whether the inventory holds everything that is used up."""
    return all(inventory.get(item, 0) >= count for item, count in uses.items())


def clearable(material: str, inventory: Mapping[str, int]) -> bool:
    """Whether collecting the material is possible now, and leaves ground to walk on."""
    rule = COLLECT.get(material)
    if rule is None or rule["leaves"] not in WALKABLE or material in WALKABLE:
        return False
    return affordable(rule["require"], inventory)


def collectable(material: str, inventory: Mapping[str, int]) -> bool:
    """Whether the right tool to collect the material is carried."""
    return affordable(COLLECT[material]["require"], inventory)


def tools_left(achieved: frozenset[str]) -> list[str]:
    """Tools not made yet, in the order they are best made: pickaxes first, by material."""
    left = [tool for tool in MAKE if f"make_{tool}" not in achieved]
    return sorted(left, key=lambda tool: (len(MAKE[tool]["uses"]), "sword" in tool))


def still_used(item: str, achieved: frozenset[str]) -> int:
    """How many of an item the tools not made yet will use up."""
    return sum(int(MAKE[tool]["uses"].get(item, 0)) for tool in tools_left(achieved))
