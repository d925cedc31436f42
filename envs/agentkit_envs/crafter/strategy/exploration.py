"""Where to look for what is not known yet."""

from agentkit_envs.crafter.explored_map import CODES, UNKNOWN
from agentkit_envs.crafter.scene import VIEW
from agentkit_envs.crafter.strategy.routes import FAR, Survey
from agentkit_envs.crafter.strategy.situation import Situation

_LAND = {
    "rock": frozenset(CODES[name].encode()[0] for name in ("stone", "path", "coal", "iron")),
    "grass": frozenset(CODES["grass"].encode()),
    "": frozenset[int](),
}
_WEIGHT = {"rock": 2.5, "grass": 6.0, "": 1.0}
"""How much more an unknown cell counts where the missing thing is likely."""
_WATER = CODES["water"].encode()[0]
_BLANK = UNKNOWN.encode()
_SETTLING = 8
"""Added to every distance, so that a near cell with little to see does not win."""


def unknown_around(sit: Situation, cell: int) -> int:
    """How many cells of the view from a cell are unknown."""
    half_width, half_height = VIEW[0] // 2, VIEW[1] // 2
    total = 0
    for row in range(-half_height, half_height + 1):
        left = cell + row * sit.width - half_width
        total += sit.cells.count(_BLANK, max(left, 0), max(left + VIEW[0], 0))
    return total


def find_frontier(sit: Situation, known: Survey, land: str) -> tuple[int, int] | None:
    """(ticks, cell) of the most promising known cell next to the unknown.

    `land` is where the thing that is missing is found: `rock`, `grass`, or empty for anywhere.
    """
    best: tuple[float, int] | None = None
    likely, weight = _LAND[land], _WEIGHT[land]
    for cell in known.frontier():
        gain = unknown_around(sit, cell) * (weight if sit.cells[cell] in likely else 1.0)
        if sit.cells[cell] == _WATER:
            gain *= 0.5
        score = (known.ticks[cell] + _SETTLING) / gain
        if best is None or score < best[0]:
            best = (score, cell)
    if best is None or known.ticks[best[1]] >= FAR:
        return None
    return known.ticks[best[1]], best[1]
