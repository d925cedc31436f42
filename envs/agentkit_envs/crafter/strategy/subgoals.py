"""Subgoals: what to be done next, when it counts as reached, and how each is pursued."""

from collections.abc import Callable
from typing import Any

from agentkit_envs.crafter.scene import VIEW
from agentkit_envs.crafter.strategy import garden, shelter
from agentkit_envs.crafter.strategy.criteria import Until, holds
from agentkit_envs.crafter.strategy.moves import follow, take_stance, use
from agentkit_envs.crafter.strategy.recipes import MAKE, PLACE, WALKABLE
from agentkit_envs.crafter.strategy.routes import way_beside, way_onto, way_to_kind
from agentkit_envs.crafter.strategy.situation import Situation

Subgoal = dict[str, Any]
"""JSON: `goal` and its object (`thing`), `place` and perhaps `site`, `until`, `why`, `since`,
`deadline` and `cost` in ticks."""

_STAY_WITHIN = 12
_LOOK_AFTER = 303
REST = 20
"""Ticks of sleep or waiting asked for at once; the game wakes the player earlier when need be."""


def idea(goal: str, thing: str, cost: int, until: Until, why: str, **more: Any) -> Subgoal:
    """A subgoal that is not chosen yet."""
    return {"goal": goal, "thing": thing, "cost": cost, "until": until, "why": why, **more}


def is_reached(sit: Situation, subgoal: Subgoal) -> bool:
    """Whether the completion criterion holds."""
    return holds(sit, subgoal["until"])


def pursue(sit: Situation, subgoal: Subgoal) -> str | None:
    """The next action towards a subgoal; None when it cannot be reached as things are."""
    return _PURSUE[subgoal["goal"]](sit, subgoal)


def _target(sit: Situation, subgoal: Subgoal) -> int:
    x, y = subgoal["place"]
    return sit.cell(x, y)


def _collect(sit: Situation, subgoal: Subgoal) -> str | None:
    return use(sit, way_to_kind(sit, subgoal["thing"], bridge=subgoal["thing"] != "water"))


def _collect_sapling(sit: Situation, _: Subgoal) -> str | None:
    action = take_stance(sit, lambda _, faced: sit.name(faced) == "grass" and sit.is_free(faced))
    if action is not None:
        return action or "do"
    way = way_to_kind(sit, "grass")
    return follow(sit, way) if way else None


def _hunt(sit: Situation, subgoal: Subgoal) -> str | None:
    """Walk up to a creature in view, or to where one was seen, and strike."""
    in_view = sit.near(subgoal["thing"], within=99)
    for creature in in_view[:3]:
        way = way_beside(sit, sit.here + creature.dx + creature.dy * sit.width)
        if way:
            return use(sit, way)
    if subgoal.get("place") is None or in_view:
        return None
    place = _target(sit, subgoal)
    dx, dy = sit.offset(place)
    if abs(dx) <= 2 and abs(dy) <= 2:
        return None
    way = way_beside(sit, place)
    return follow(sit, way) if way and len(way) > 2 else None


def _place(sit: Situation, subgoal: Subgoal) -> str | None:
    """Put something down right here, or as near as can be."""
    thing = subgoal["thing"]
    if thing == "plant":
        return garden.plant_here(sit)
    fits = frozenset(PLACE[thing]["where"])
    if sit.is_free(sit.faced) and sit.name(sit.faced) in fits:
        return f"place_{thing}"
    if thing == "stone" and sit.name(sit.faced) in fits and sit.faced not in sit.occupied:
        return "place_stone"
    if sit.can_dig(sit.faced):
        return "do"
    action = take_stance(sit, lambda _, faced: sit.name(faced) in WALKABLE and sit.is_free(faced))
    if action is not None:
        return action
    return take_stance(sit, lambda _, faced: sit.can_dig(faced))


def _approach_then_place(sit: Situation, subgoal: Subgoal) -> str | None:
    """Put something down beside what stands at the place, so that both are near at once."""
    anchor = _target(sit, subgoal)
    thing = subgoal["thing"]

    def fits(cell: int, faced: int) -> bool:
        if not _is_beside(sit, cell, anchor):
            return False
        free = sit.is_free(faced) and sit.name(faced) in PLACE[thing]["where"]
        return free or sit.can_dig(faced)

    action = take_stance(sit, fits)
    if action == "":
        return f"place_{thing}" if sit.is_free(sit.faced) else "do"
    if action is not None:
        return action
    way = way_beside(sit, anchor)
    return follow(sit, way) if way and len(way) > 2 else None


def _is_beside(sit: Situation, cell: int, other: int) -> bool:
    """Whether two cells are one step apart, straight or diagonal."""
    (x, y), (other_x, other_y) = sit.place(cell), sit.place(other)
    return max(abs(x - other_x), abs(y - other_y)) == 1


def _make(sit: Situation, subgoal: Subgoal) -> str | None:
    if is_beside_all(sit, sit.here, MAKE[subgoal["thing"]]["nearby"]):
        return f"make_{subgoal['thing']}"
    way = way_onto(sit, _target(sit, subgoal))
    return follow(sit, way) if way else None


def is_beside_all(sit: Situation, cell: int, things: list[str]) -> bool:
    """Whether every thing stands within one step, straight or diagonal, of a cell."""
    if "edge" in (sit.name(cell - 1), sit.name(cell - sit.width)):
        return False  # the game finds nothing near the left and upper rim of the world
    names = {
        sit.name(cell + row * sit.width + column) for row in (-1, 0, 1) for column in (-1, 0, 1)
    }
    return all(thing in names for thing in things)


def _plant(sit: Situation, subgoal: Subgoal) -> str | None:
    return garden.plant_at(sit, _target(sit, subgoal))


def _fence(sit: Situation, subgoal: Subgoal) -> str | None:
    return garden.fence(sit, _target(sit, subgoal))


def _eat_plant(sit: Situation, subgoal: Subgoal) -> str | None:
    return garden.eat(sit, _target(sit, subgoal))


def _sleep(sit: Situation, subgoal: Subgoal) -> str | None:
    """Get closed in, then sleep; when rested, wait."""
    if sit.scene.sleeping:
        return f"sleep {REST}"
    if sit.is_sealed:
        closing = shelter.brick_up(sit)
        if closing:
            return closing
        return f"noop {REST}" if is_rested(sit) else f"sleep {REST}"
    site = subgoal.get("site")
    if site is None:
        return "noop" if is_rested(sit) else f"sleep {REST}"
    return shelter.enter(sit, site)


def _wait(sit: Situation, subgoal: Subgoal) -> str | None:
    """Stay near a plant while it grows, closed in if possible; look when it should be ripe."""
    plant = _target(sit, subgoal)
    grown = max(
        (p["grown"] for p in sit.map["plants"] if [p["x"], p["y"]] == subgoal["place"]), default=0
    )
    if sit.away(plant) > _STAY_WITHIN or (grown > _LOOK_AFTER and not in_view(sit, plant)):
        way = way_beside(sit, plant, spare_fences=False)
        return follow(sit, way) if way and len(way) > 2 else "noop"
    if sit.scene.sleeping or sit.is_sealed or subgoal.get("site"):
        return _sleep(sit, subgoal)
    return "noop"


def in_view(sit: Situation, cell: int) -> bool:
    """Whether a cell lies in the local view."""
    dx, dy = sit.offset(cell)
    return abs(dx) <= VIEW[0] // 2 and abs(dy) <= VIEW[1] // 2


def is_rested(sit: Situation) -> bool:
    """Whether the player has all its energy, so that sleep would do nothing."""
    return sit.scene.vitals["energy"] >= 9


def _explore(sit: Situation, subgoal: Subgoal) -> str | None:
    way = way_onto(sit, _target(sit, subgoal))
    return follow(sit, way) if way else None


_PURSUE: dict[str, Callable[[Situation, Subgoal], str | None]] = {
    "collect": _collect,
    "collect sapling": _collect_sapling,
    "hunt": _hunt,
    "place": _place,
    "place beside": _approach_then_place,
    "make": _make,
    "plant": _plant,
    "fence": _fence,
    "eat plant": _eat_plant,
    "sleep": _sleep,
    "explore": _explore,
    "wait": _wait,
}
