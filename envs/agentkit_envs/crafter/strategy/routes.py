"""Finding ways over the remembered map: cheapest first, one tick a step, digging included."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from agentkit_envs.crafter.explored_map import CODES
from agentkit_envs.crafter.strategy.recipes import COLLECT, PLACE
from agentkit_envs.crafter.strategy.situation import BLANK, WALKABLE_CODES, Situation

FAR = 1 << 20
"""Cost of what cannot be reached."""
_DIG = 2
_BRIDGE = 3
_WATER = CODES["water"].encode()[0]
_GRASS = CODES["grass"].encode()[0]
_DARK = (0, 1, 3, 4)
"""Added to each step over grass, by how many zombies a meadow holds at this hour."""
_SPARE_STONES = 1
_ARROW_REACH = 4
_ZOMBIE_COSTS = ((1, 6), (2, 4), (3, 2))
"""(steps from a zombie, what entering such a cell costs more)."""


def entry_costs(sit: Situation, bridge: bool = True, spare_fences: bool = True) -> bytearray:
    """Ticks to enter each cell from a neighbour; 0 where one cannot or must not go.

    Lava is never entered: stepping onto it ends the episode.
    """
    table = bytearray(256)
    for code in WALKABLE_CODES:
        table[code] = 1
    for code in sit.clearable:
        table[code] = _DIG
    can_bridge = "water" in PLACE["stone"]["where"] and "stone" in COLLECT
    if bridge and can_bridge and sit.has("stone") > _SPARE_STONES and sit.has("wood_pickaxe"):
        table[_WATER] = _BRIDGE
    table[_GRASS] += _DARK[sit.zombies]
    costs = bytearray(sit.cells.translate(bytes(table)))
    _shun(sit, costs)
    if sit.keeps_in:
        _stay_closed(sit, costs)
    if spare_fences:
        for cell in sit.fences:
            costs[cell] = 0
    return costs


def _stay_closed(sit: Situation, costs: bytearray) -> None:
    """Block the outside, and whatever would let something in when dug away."""
    for cell, code in enumerate(sit.cells):
        if code in WALKABLE_CODES and cell not in sit.burrow:
            costs[cell] = 0
            for near in sit.around(cell):
                if near not in sit.burrow:
                    costs[near] = 0


def _shun(sit: Situation, costs: bytearray) -> None:
    """Block cells with creatures and make cells near dangerous ones dear."""
    for creature in sit.creatures:
        cell = sit.here + creature.dx + creature.dy * sit.width
        if creature.name == "zombie":
            for away, cost in _ZOMBIE_COSTS:
                _dearer(costs, _ring(sit, cell, away), cost)
        elif creature.name == "skeleton":
            for step in sit.steps.values():
                _dearer(costs, _line(sit, cell, step), 2)
    for cell in sit.occupied:
        costs[cell] = 0


def _ring(sit: Situation, cell: int, away: int) -> list[int]:
    """The cells exactly so many steps from a cell, as far as they are on the map."""
    ring: list[int] = []
    for dx in range(-away, away + 1):
        dy = away - abs(dx)
        ring += {cell + dx + dy * sit.width, cell + dx - dy * sit.width}
    return [near for near in ring if 0 <= near < len(sit.cells)]


def _line(sit: Situation, cell: int, step: int) -> list[int]:
    """The cells over which an arrow would fly from a cell."""
    line = []
    for _ in range(_ARROW_REACH):
        cell += step
        if sit.cells[cell] not in WALKABLE_CODES:
            break
        line.append(cell)
    return line


def _dearer(costs: bytearray, cells: Iterable[int], by: int) -> None:
    for cell in cells:
        if costs[cell]:
            costs[cell] += by


@dataclass(slots=True)
class Survey:
    """Everything within reach, cheapest first."""

    sit: Situation
    costs: bytearray
    """Ticks to enter each cell."""
    ticks: list[int]
    """Ticks to reach each cell; FAR when out of reach."""
    came: list[int]
    """The cell before, on the way to each cell."""
    found: dict[int, tuple[int, int]] = field(default_factory=dict)
    """For each letter, the nearest such cell: (ticks to stand beside it, the cell)."""

    def frontier(self) -> list[int]:
        """Cells within reach that border the unknown, nearest first."""
        cells, around = self.sit.cells, self.sit.around
        found = [
            (ticks, cell)
            for cell, ticks in enumerate(self.ticks)
            if ticks < FAR and any(cells[near] == BLANK for near in around(cell))
        ]
        return [cell for _, cell in sorted(found)]

    def nearest(self, name: str) -> tuple[int, int]:
        """(ticks to stand beside it, cell) of the nearest known thing; (FAR, -1) if none."""
        return self.found.get(CODES[name].encode()[0], (FAR, -1))

    def beside(self, cell: int) -> int:
        """Ticks to stand next to a cell."""
        return min(self.ticks[near] for near in self.sit.around(cell))

    def way_to(self, cell: int) -> list[int]:
        """The cells from the player to a cell within reach, both included."""
        way = [cell]
        while cell != self.sit.here:
            cell = self.came[cell]
            way.append(cell)
        way.reverse()
        return way


def survey(
    sit: Situation,
    limit: int = 300,
    targets: Collection[int] = (),
    kind: str | None = None,
    bridge: bool = True,
    avoid: Collection[int] = (),
    spare_fences: bool = True,
) -> Survey:
    """Walk outwards in all directions, up to `limit` ticks.

    Stops early when a cell in `targets` is reached, or stands beside a thing of this `kind`.
    """
    cells, width, start = sit.cells, sit.width, sit.here
    costs = entry_costs(sit, bridge, spare_fences)
    for cell in avoid:
        costs[cell] = 0
    ticks = [FAR] * len(cells)
    came = [-1] * len(cells)
    result = Survey(sit, costs, ticks, came)
    found = result.found
    ticks[start] = 0
    buckets: list[list[int]] = [[] for _ in range(limit + 40)]
    buckets[0].append(start)
    dug = sit.clearable
    kept = range(len(cells)) if sit.keeps_in else sit.fences
    wanted = _letter(kind)
    now, left = 0, 1
    while left and now < limit:
        for cell in buckets[now]:
            left -= 1
            if ticks[cell] != now:
                continue
            if cell in targets or wanted in found:
                return result
            for near in (cell - 1, cell + 1, cell - width, cell + width):
                cost = costs[near]
                code = cells[near]
                if code not in found and (cost or code not in dug or near not in kept):
                    found[code] = (now, near)
                if cost and now + cost < ticks[near]:
                    ticks[near] = now + cost
                    came[near] = cell
                    buckets[now + cost].append(near)
                    left += 1
        now += 1
    return result


def _letter(kind: str | None) -> int:
    return CODES[kind].encode()[0] if kind else -1


def way_beside(sit: Situation, cell: int, spare_fences: bool = True) -> list[int] | None:
    """The cheapest way to a cell, which comes last, entered or not; None when out of reach."""
    beside = frozenset(sit.around(cell))
    known = survey(sit, targets=beside, spare_fences=spare_fences)
    stands = [near for near in beside if known.ticks[near] < FAR]
    if not stands:
        return None
    best = min(stands, key=lambda near: (known.ticks[near], near))
    return [*known.way_to(best), cell]


def way_to_kind(sit: Situation, kind: str, bridge: bool = True) -> list[int] | None:
    """The cheapest way to stand beside the nearest thing of a kind, which comes last."""
    known = survey(sit, kind=kind, bridge=bridge)
    cell = known.nearest(kind)[1]
    if cell < 0:
        return None
    stand = min(sit.around(cell), key=lambda near: (known.ticks[near], near))
    return [*known.way_to(stand), cell]


def way_onto(
    sit: Situation, cell: int, bridge: bool = True, avoid: Collection[int] = ()
) -> list[int] | None:
    """The cheapest way that ends on a cell; None when out of reach."""
    known = survey(sit, targets=(cell,), bridge=bridge, avoid=avoid)
    return known.way_to(cell) if known.ticks[cell] < FAR else None
