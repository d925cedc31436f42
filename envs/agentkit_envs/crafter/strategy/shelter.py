"""Sleeping where nothing can come near: a cell in rock, closed with a stone.

One can only face free ground by walking towards it, so a hole one cell deep cannot be closed from
inside. A site is therefore a doorstep and two cells behind it, A and B: walk to B, come back to A,
now facing the doorstep, and put a stone there.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from agentkit_envs.crafter.scene import Direction
from agentkit_envs.crafter.strategy.moves import follow, take_stance, turn
from agentkit_envs.crafter.strategy.recipes import PLACE
from agentkit_envs.crafter.strategy.routes import Survey, way_onto
from agentkit_envs.crafter.strategy.situation import OPPOSITE, Situation

_REACH = 40
_WORK = 6
_STAY_WITHIN, _GIVE_UP = 13, 45
_ARROW_REACH = 5
_WALL_WORK = 5
_TOO_OPEN = 5
_AT_PLANT = 30
_DRY = 14
"""What a shelter without water in reach is worse by, in ticks."""
Site = dict[str, Any]


def find_site(
    sit: Situation, known: Survey, near: int | None = None, bad: Sequence[Site] = ()
) -> tuple[int, Site] | None:
    """(ticks until it is closed, site) of the best place to shelter in; None if none is known.

    A site is JSON: the doorstep's place and the direction in which one goes in. With `near`, a
    cell, sites near that cell are better; those in `bad` are left out.
    """
    best: tuple[int, Site] | None = None
    bonus = 0 if near is None else _AT_PLANT
    for ticks, doorstep, direction in _entrances(sit, known):
        if best is not None and ticks - bonus >= best[0]:
            break
        missing = _missing_walls(sit, doorstep, direction)
        if missing is None or len(missing) >= _TOO_OPEN:
            continue
        site = _site(sit, doorstep, direction)
        cost = ticks + _WALL_WORK * len(missing) + _drawbacks(sit, doorstep, direction, near)
        if site not in bad and (best is None or cost < best[0]):
            best = (cost, site)
    return best


def _drawbacks(sit: Situation, doorstep: int, direction: Direction, near: int | None) -> int:
    """What makes a site worse, or better: water in reach, nearness to a plant."""
    walls = _walls(sit, doorstep, direction)
    dry = 0 if any(sit.name(cell) == "water" for cell in walls) else _DRY
    return dry + _too_far(sit, doorstep, near) - (_AT_PLANT if near in walls else 0)


def _too_far(sit: Situation, doorstep: int, near: int | None) -> int:
    """What a site is worse by for being far from something one wants to stay near."""
    if near is None or sit.away(near) > _GIVE_UP:
        return 0
    (x, y), (to_x, to_y) = sit.place(doorstep), sit.place(near)
    return max(0, abs(x - to_x) + abs(y - to_y) - _STAY_WITHIN)


def _entrances(sit: Situation, known: Survey) -> Iterator[tuple[int, int, Direction]]:
    """(ticks to get in and close it, doorstep, direction), soonest first."""
    for inside, ticks in ((2, 2), (1, 4)):
        for direction, step in sit.steps.items():
            doorstep = sit.here - inside * step
            if sit.is_free(doorstep) and sit.is_free(doorstep + step) | (inside == 1):
                yield ticks, doorstep, direction
    cells = [cell for cell, cost in enumerate(known.ticks) if cost <= _REACH]
    cells.sort(key=lambda cell: (known.ticks[cell], cell))
    for doorstep in cells:
        for direction in sit.steps:
            yield known.ticks[doorstep] + _WORK, doorstep, direction


def _site(sit: Situation, doorstep: int, direction: Direction) -> Site:
    x, y = sit.place(doorstep)
    return {"x": x, "y": y, "direction": direction}


def _walls(sit: Situation, doorstep: int, direction: Direction) -> tuple[int, ...]:
    """The five cells around the two of a site, the doorstep aside."""
    step = sit.steps[direction]
    side = 1 if abs(step) != 1 else sit.width
    a, b = doorstep + step, doorstep + 2 * step
    return a - side, a + side, b - side, b + side, b + step


def _missing_walls(sit: Situation, doorstep: int, direction: Direction) -> list[int] | None:
    """Which walls stones must make; None where no shelter can be made with the stones there are."""
    step = sit.steps[direction]
    side = 1 if abs(step) != 1 else sit.width
    a, b = doorstep + step, doorstep + 2 * step
    if not sit.width < b + step < len(sit.cells) - sit.width:
        return None
    if not all(cell == sit.here or _can_be_room(sit, cell) for cell in (a, b)):
        return None
    walls = _walls(sit, doorstep, direction)
    if any(sit.name(cell) == "lava" for cell in walls):
        return None
    outwards = (-side, side, -side, side, step)
    missing = [
        cell for cell, out in zip(walls, outwards, strict=True) if not is_shield(sit, cell, out)
    ]
    stones = sit.has("stone") + sum(sit.name(cell) == "stone" for cell in (a, b))
    if stones <= len(missing) or not all(_takes_stone(sit, cell) for cell in missing):
        return None
    return missing if _takes_stone(sit, doorstep) or _can_be_room(sit, doorstep) else None


def is_shield(sit: Situation, cell: int, out: int) -> bool:
    """Whether neither a creature nor an arrow can come through a cell from outside.

    Arrows fly over water and lava, but skeletons shoot from near by only: a wide water is safe.
    """
    for _ in range(_ARROW_REACH):
        if sit.name(cell) not in ("water", "lava"):
            return sit.is_wall(cell)
        cell += out
        if not 0 <= cell < len(sit.cells):
            return False
    return True


def _takes_stone(sit: Situation, cell: int) -> bool:
    return sit.name(cell) in PLACE["stone"]["where"]


def _can_be_room(sit: Situation, cell: int) -> bool:
    return sit.is_free(cell) or (sit.cells[cell] in sit.clearable and sit.name(cell) != "water")


def enter(sit: Situation, site: Site) -> str | None:
    """The next action towards being closed in; None when the site is of no use any more."""
    direction: Direction = site["direction"]
    doorstep = sit.cell(site["x"], site["y"])
    step = sit.steps[direction]
    a, b = doorstep + step, doorstep + 2 * step
    missing = _missing_walls(sit, doorstep, direction)
    if missing is None:
        return None
    if missing and sit.has("stone"):
        return _build(sit, frozenset(missing), _walls(sit, doorstep, direction))
    if sit.here == b:
        return f"move_{OPPOSITE[direction]}"
    if sit.here == a:
        return _close(sit, doorstep, b, direction)
    if sit.here == doorstep:
        return f"move_{direction}" if sit.is_free(a) else turn(sit, a) or "do"
    way = way_onto(sit, doorstep, avoid=_walls(sit, doorstep, direction))
    return follow(sit, way) if way else None


def _build(sit: Situation, missing: frozenset[int], walls: tuple[int, ...]) -> str | None:
    """Put stones where walls are missing."""
    for cell in sit.around(sit.here):
        if cell in missing and sit.name(cell) == "water":
            return turn(sit, cell) or "place_stone"
    action = take_stance(sit, lambda _, faced: faced in missing and faced not in sit.occupied)
    if action is not None:
        return action or "place_stone"
    target = min(missing, key=sit.away)
    way = way_onto(sit, target, avoid=[cell for cell in walls if cell != target])
    return follow(sit, way) if way and len(way) > 1 else None


def _close(sit: Situation, doorstep: int, b: int, direction: Direction) -> str | None:
    """From the first cell: open the second, or put the stone on the doorstep."""
    if sit.faced == doorstep:
        if doorstep in sit.occupied:
            return "do"
        return "place_stone" if sit.has("stone") else None
    if sit.is_free(b):
        return f"move_{direction}"
    return turn(sit, b) or "do"


def brick_up(sit: Situation) -> str | None:
    """Close a side of the player's cell over which an arrow could fly; None if there is none."""
    if not sit.has("stone"):
        return None
    for cell in sit.around(sit.here):
        if sit.name(cell) == "water" and not is_shield(sit, cell, cell - sit.here):
            return turn(sit, cell) or "place_stone"
    return None
