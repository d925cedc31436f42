"""One action at a time: following a way, turning, using what is faced."""

from collections.abc import Callable
from itertools import pairwise

from agentkit_envs.crafter.scene import Direction
from agentkit_envs.crafter.strategy.recipes import PLACE, WALKABLE
from agentkit_envs.crafter.strategy.situation import OPPOSITE, Situation

_LONGEST_RUN = 4
_Stance = tuple[int, Direction]


def follow(sit: Situation, way: list[int]) -> str | None:
    """The action that gets one further along a way, clearing what stands in it."""
    if len(way) < 2:
        return None
    nearby = way[1]
    direction = sit.direction(nearby)
    if direction is None:
        return None
    if sit.is_free(nearby):
        return _repeated(f"move_{direction}", _run(sit, way, direction))
    return turn(sit, nearby) or _clear(sit, nearby)


def use(sit: Situation, way: list[int] | None, action: str = "do") -> str | None:
    """Go along a way that ends at a thing, face the thing, and act on it."""
    if way is None or len(way) < 2:
        return None
    if len(way) > 2:
        return follow(sit, way)
    return turn(sit, way[1]) or action


def turn(sit: Situation, cell: int) -> str | None:
    """The action that faces a blocked neighbour; None when it is faced already."""
    if sit.faced == cell:
        return None
    return f"move_{sit.direction(cell)}"


def _clear(sit: Situation, cell: int) -> str | None:
    """Make a faced cell walkable: cut, dig, or lay a stone on water (to be dug away next)."""
    if sit.cells[cell] in sit.clearable or cell in sit.occupied:
        return "do"
    if sit.name(cell) in PLACE["stone"]["where"] and sit.name(cell) not in WALKABLE:
        return "place_stone" if sit.has("stone") else None
    return None


def _run(sit: Situation, way: list[int], direction: Direction) -> int:
    """How many steps of the way go straight on over free ground; one while a danger is seen."""
    if any(creature.name != "cow" for creature in sit.creatures):
        return 1
    step, count = sit.steps[direction], 0
    for before, cell in pairwise(way):
        if cell - before != step or not sit.is_free(cell) or count == _LONGEST_RUN:
            break
        count += 1
    return count


def _repeated(action: str, times: int) -> str:
    return action if times <= 1 else f"{action} {times}"


def take_stance(sit: Situation, wanted: Callable[[int, int], bool], reach: int = 12) -> str | None:
    """The first action towards standing on a cell while facing another, both as wanted.

    `wanted(cell, faced)` says which. A player faces free ground only by walking towards it, so
    the search is over (cell, direction) pairs. None when no such stance is within `reach` actions.
    Returns an empty string when the stance is taken already.
    """
    start: _Stance = (sit.here, sit.scene.facing)
    if wanted(sit.here, sit.faced):
        return ""
    first: dict[_Stance, str] = {start: ""}
    edge = [start]
    for _ in range(reach):
        edge = _spread(sit, edge, first)
        for cell, direction in edge:
            if wanted(cell, cell + sit.steps[direction]):
                return first[cell, direction]
    return None


def _spread(sit: Situation, edge: list[_Stance], first: dict[_Stance, str]) -> list[_Stance]:
    """The stances one action further than those on the edge; notes the first action to each."""
    reached = []
    for cell, facing in edge:
        for direction, step in sit.steps.items():
            near = cell + step
            if not (sit.is_free(near) or sit.is_wall(near) or near in sit.occupied):
                continue
            if sit.name(near) == "lava":
                continue
            stance = (near if sit.is_free(near) else cell, direction)
            if stance not in first:
                first[stance] = first[cell, facing] or f"move_{direction}"
                reached.append(stance)
    return reached


def back(direction: Direction) -> str:
    """The action that walks back from where one faces."""
    return f"move_{OPPOSITE[direction]}"
