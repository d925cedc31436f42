"""What could be done next, and what each would take."""

from collections.abc import Iterator
from typing import Any

from agentkit_envs.crafter.strategy import exploration, garden, shelter
from agentkit_envs.crafter.strategy.provisions import sleep_idea, topping_up
from agentkit_envs.crafter.strategy.recipes import (
    ACHIEVEMENTS,
    MAKE,
    MOST,
    PLACE,
    affordable,
    collectable,
    still_used,
    tools_left,
)
from agentkit_envs.crafter.strategy.routes import FAR, Survey
from agentkit_envs.crafter.strategy.situation import Situation
from agentkit_envs.crafter.strategy.subgoals import Subgoal, idea, is_beside_all

_EXPLORING = 30
_WAITING = 33
_PLANT_ANYWHERE_AFTER = 250
_DAY_SHELTER, _FAR_SHELTER = 10, 16
_TIRED, _NIGHT_WORK = 5, 60
_OUTDOORS = ("collect sapling", "plant", "fence", "hunt", "explore")
_AT_HOME = ("eat_plant", "wake_up", "place_plant", "collect_sapling")
"""What can be had without finding anything new."""
_OUT_AT_NIGHT = (0, 12, 30, 30)
_SPARE_STONES = 6
_NEW_TABLE_FROM = 16


def all_ideas(sit: Situation, known: Survey) -> list[Subgoal]:
    """Everything that would bring an achievement nearer, cheapest first."""
    found: list[Subgoal] = []
    for source in (_materials, _tools, _placing, topping_up, _fights, _rest, _growing, _looking):
        found.extend(source(sit, known))
    for candidate in found:
        if not sit.keeps_in and candidate["goal"] in _OUTDOORS and not _is_rock(sit, candidate):
            candidate["cost"] += _OUT_AT_NIGHT[sit.zombies]
    return sorted((i for i in found if i["cost"] < FAR), key=lambda i: int(i["cost"]))


def _is_rock(sit: Situation, candidate: Subgoal) -> bool:
    """Whether a subgoal's place lies in the mountains, where no zombies come up."""
    place = candidate.get("place")
    return place is not None and sit.name(sit.cell(*place)) not in ("grass", "sand", "sapling")


def needed(sit: Situation, item: str) -> int:
    """How many of an item to carry for what is still to be made and placed."""
    count = still_used(item, sit.achieved)
    for thing in ("table", "furnace"):
        if f"place_{thing}" not in sit.achieved or (item == "wood" and count):
            count += int(PLACE[thing]["uses"].get(item, 0))
    if item == "stone":
        count += _SPARE_STONES
    if item == "diamond":
        count = int("collect_diamond" not in sit.achieved)
    return min(count, MOST[item])


def _materials(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    for item in ("wood", "stone", "coal", "iron", "diamond"):
        material = "tree" if item == "wood" else item
        count = needed(sit, item)
        if sit.has(item) >= count or not collectable(material, sit.inventory):
            continue
        ticks, _ = known.nearest(material)
        why = f"{count} {item} are needed for what is still to be done"
        yield idea("collect", material, ticks + 2, {"have": {item: sit.has(item) + 1}}, why)


def workplace(sit: Situation, known: Survey, things: list[str]) -> tuple[int, int]:
    """(ticks, cell) of the nearest spot with all these things beside it."""
    best = (FAR, -1)
    around = [row * sit.width + column for row in (-1, 0, 1) for column in (-1, 0, 1)]
    for anchor in sit.all_cells(things[-1]):
        for step in around:
            cell = anchor + step
            if known.ticks[cell] < best[0] and is_beside_all(sit, cell, things):
                best = (known.ticks[cell], cell)
    return best


def _tools(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    for order, tool in enumerate(tools_left(sit.achieved)):
        if not affordable(MAKE[tool]["uses"], sit.inventory):
            continue
        ticks, cell = workplace(sit, known, MAKE[tool]["nearby"])
        if ticks < FAR:
            why = "everything it takes is in the inventory"
            until = {"achieved": f"make_{tool}"}
            yield idea("make", tool, ticks + order, until, why, place=list(sit.place(cell)))


def _placing(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    uses = PLACE["table"]["uses"]
    table = known.nearest("table")[0]
    tools = tools_left(sit.achieved)
    tool_uses = MAKE[tools[0]]["uses"] if tools else {}
    both = {i: uses.get(i, 0) + tool_uses.get(i, 0) for i in {*uses, *tool_uses}}
    if "place_table" not in sit.achieved:
        if affordable(both, sit.inventory):
            yield idea(
                "place", "table", 2, {"achieved": "place_table"}, "tools are made at a table"
            )
    elif tools and table > _NEW_TABLE_FROM and affordable(both, sit.inventory):
        yield _new_workplace(sit, table)
    if "place_stone" not in sit.achieved and sit.has("stone"):
        yield idea("place", "stone", 2, {"achieved": "place_stone"}, "it was not done yet")
    yield from _furnace(sit, known, tools)


def _new_workplace(sit: Situation, table: int) -> Subgoal:
    until = {"tick": sit.tick + 1}
    cost = 4 if table >= FAR else min(table - 4, 8)
    return idea("place", "table", cost, until, "the known table is far from here")


def _furnace(sit: Situation, known: Survey, tools: list[str]) -> Iterator[Subgoal]:
    uses = PLACE["furnace"]["uses"]
    ticks, table = known.nearest("table")
    if not affordable(uses, sit.inventory) or table < 0:
        return
    makes_use = any("furnace" in MAKE[tool]["nearby"] for tool in tools)
    if "place_furnace" in sit.achieved:
        at_hand = workplace(sit, known, ["table", "furnace"])[0]
        ready = any(affordable(MAKE[t]["uses"], sit.inventory) for t in tools)
        if not (makes_use and ready and at_hand > ticks + 10):
            return
        until: dict[str, Any] = {"tick": sit.tick + 1}
    else:
        until = {"achieved": "place_furnace"}
    place = list(sit.place(table))
    yield idea("place beside", "furnace", ticks + 2, until, "iron is worked there", place=place)


def _fights(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    for kind, need in (("zombie", 5), ("skeleton", 6)):
        deed = f"defeat_{kind}"
        if deed in sit.achieved or sit.scene.vitals["health"] < need:
            continue
        for enemy in sit.near(kind, within=9)[:1]:
            cell = sit.here + enemy.dx + enemy.dy * sit.width
            why = f"a {kind} is in view and health is {sit.scene.vitals['health']}"
            cost = known.beside(cell) + 2
            place = list(sit.place(cell))
            yield idea("hunt", kind, cost, {"achieved": deed}, why, place=place)


def _rest(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    """Sleep when tired, and wait out the hours of the zombies."""
    energy = sit.scene.vitals["energy"]
    low = 3 if "wake_up" in sit.achieved else 6
    if not sit.zombies and energy > low:
        return
    found = (0, None) if sit.is_sealed else shelter.find_site(sit, known, garden.tended(sit))
    if found is None:
        return
    ticks, site = found
    cost = _rest_cost(sit, ticks)
    chosen = sleep_idea(cost, site, f"energy is {energy} and it is {sit.scene.light}")
    if sit.zombies:
        chosen["until"] = {**chosen["until"], "bright": True}
    yield chosen


def _rest_cost(sit: Situation, ticks: int) -> int:
    """Rest comes first at night and in a closed shelter; by day it waits for small jobs."""
    if sit.keeps_in:
        tired = sit.scene.vitals["energy"] <= _TIRED or sit.scene.vitals["health"] <= _TIRED
        return 0 if tired else _NIGHT_WORK
    if sit.is_dark or (sit.zombies and sit.is_sealed):
        return 0
    if sit.zombies and ticks > _FAR_SHELTER:
        return 1
    return _DAY_SHELTER + ticks // 2


def _growing(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    if "collect_sapling" not in sit.achieved and not sit.keeps_in:
        yield _sapling(sit, known, "it was not done yet")
    late = sit.tick > _PLANT_ANYWHERE_AFTER
    if late and "place_plant" not in sit.achieved and sit.has("sapling"):
        yield idea("place", "plant", 2, {"achieved": "place_plant"}, "it was not done yet")
    if "eat_plant" in sit.achieved:
        return
    plants = [(garden.ticks_to(known, sit.cell(p["x"], p["y"])), p) for p in sit.map["plants"]]
    plants = [(ticks, p) for ticks, p in plants if ticks < FAR]
    kept = False
    for ticks, plant in sorted(plants, key=lambda pair: pair[0]):
        kept = True
        yield from _tending(sit, ticks, plant)
    if not kept:
        yield from _starting(sit, known)


def _sapling(sit: Situation, known: Survey, why: str) -> Subgoal:
    ticks, _ = known.nearest("grass")
    return idea(
        "collect sapling", "sapling", ticks + 8, {"have": {"sapling": sit.has("sapling") + 1}}, why
    )


def _tending(sit: Situation, ticks: int, plant: dict[str, Any]) -> Iterator[Subgoal]:
    cell = sit.cell(plant["x"], plant["y"])
    place = [plant["x"], plant["y"]]
    sides = garden.open_sides(sit, cell)
    if plant["ripe"]:
        cost = ticks // 2 - 6
        until: dict[str, Any] = {"achieved": "eat_plant"}
        yield idea("eat plant", "plant", cost, until, "it is ripe", place=place)
    elif sides and sit.has("stone") >= len(sides):
        cost = ticks
        yield idea("fence", "plant", cost, {"fenced": place}, "animals would eat it", place=place)
    else:
        why = "it grows only while you are near"
        cost = ticks // 2 + _WAITING if not sides else FAR
        yield idea("wait", "plant", cost, {"kept": place}, why, place=place)


def _starting(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    if not sit.has("wood_pickaxe") or sit.keeps_in:
        return
    if not sit.has("sapling"):
        yield _sapling(sit, known, "a plant is food that stays")
        return
    bed = garden.find_bed(sit, known)
    if bed is not None and sit.has("stone") >= 4:
        cost, cell = bed
        place = list(sit.place(cell))
        yield idea(
            "plant",
            "sapling",
            cost,
            {"tick": sit.tick + 1},
            "a plant is food that stays",
            place=place,
        )


def _looking(sit: Situation, known: Survey) -> Iterator[Subgoal]:
    """Explore, as long as something that has to be found is missing."""
    if all(name in sit.achieved for name in ACHIEVEMENTS if name not in _AT_HOME):
        return
    land = "rock" if sit.has("wood_pickaxe") else ""
    frontier = exploration.find_frontier(sit, known, land)
    if frontier is not None:
        ticks, cell = frontier
        place = list(sit.place(cell))
        cost = _EXPLORING + ticks // 4
        why = "what is needed is not known yet"
        yield idea("explore", "", cost, {"known": place}, why, place=place)
