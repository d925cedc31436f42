"""Growing food: where to plant a sapling, and how to keep animals from eating it."""

from agentkit_envs.crafter.strategy.moves import follow, take_stance, use
from agentkit_envs.crafter.strategy.recipes import PLACE
from agentkit_envs.crafter.strategy.routes import FAR, Survey, way_beside, way_onto
from agentkit_envs.crafter.strategy.situation import Situation

_OPEN_SIDE_COST = 3


def open_sides(sit: Situation, plant: int) -> list[int]:
    """Neighbours of a plant over which an animal could come."""
    return [side for side in sit.around(plant) if not _is_closed(sit, side, plant)]


def _is_closed(sit: Situation, side: int, plant: int) -> bool:
    """Whether a neighbour is a wall, or lies in a small closed pocket without creatures."""
    if sit.is_wall(side):
        return True
    room = sit.room_from(side, most=6)
    return bool(room) and not room & sit.occupied


def tended(sit: Situation) -> int | None:
    """The nearest plant that is fenced and not eaten yet, if eating one is still to be done."""
    if "eat_plant" in sit.achieved:
        return None
    cells = [sit.cell(plant["x"], plant["y"]) for plant in sit.map["plants"]]
    cells = [cell for cell in cells if not open_sides(sit, cell)]
    return min(cells, key=sit.away, default=None)


def find_bed(sit: Situation, known: Survey) -> tuple[int, int] | None:
    """(cost, cell) of the best grass to plant on: near, and with few sides to close."""
    best: tuple[int, int] | None = None
    for cell in sit.all_cells("grass"):
        ticks = known.ticks[cell]
        if ticks > 60 or cell in sit.occupied or (best and ticks >= best[0]):
            continue
        sides = [side for side in sit.around(cell) if not sit.is_wall(side)]
        if not sides or not all(_can_hold_stone(sit, side) for side in sides):
            continue
        cost = ticks + _OPEN_SIDE_COST * len(sides)
        if best is None or cost < best[0]:
            best = (cost, cell)
    return best


def _can_hold_stone(sit: Situation, cell: int) -> bool:
    return sit.name(cell) in PLACE["stone"]["where"]


def plant_at(sit: Situation, bed: int) -> str | None:
    """The next action towards planting a sapling on a cell."""
    action = take_stance(sit, lambda cell, faced: faced == bed)
    if action is not None:
        return action or "place_plant"
    way = way_beside(sit, bed)
    return follow(sit, way) if way and len(way) > 2 else None


def plant_here(sit: Situation) -> str | None:
    """The next action towards planting a sapling on any grass."""
    action = take_stance(sit, lambda _, faced: sit.name(faced) == "grass" and sit.is_free(faced))
    return "place_plant" if action == "" else action


def fence(sit: Situation, plant: int) -> str | None:
    """The next action towards closing every open side of a plant with stones."""
    sides = frozenset(open_sides(sit, plant))
    if not sides or not sit.has("stone"):
        return None
    action = take_stance(
        sit, lambda cell, faced: faced in sides and sit.is_free(faced) and cell != plant
    )
    if action is not None:
        return action or "place_stone"
    way = way_onto(sit, min(sides))
    return follow(sit, way) if way and len(way) > 1 else None


def eat(sit: Situation, plant: int) -> str | None:
    """The next action towards eating a ripe plant, opening its fence if need be."""
    return use(sit, way_beside(sit, plant, spare_fences=False))


def ticks_to(known: Survey, plant: int) -> int:
    """Ticks to stand beside a plant, through its fence if need be."""
    around = known.sit.around
    ticks = min(known.ticks[near] for side in around(plant) for near in (side, *around(side)))
    return ticks + 2 if ticks < FAR else FAR
