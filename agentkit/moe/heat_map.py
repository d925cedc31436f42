"""A heat map of the experts that a node uses: a colour for each share, and an SVG of all."""

from collections.abc import Sequence
from html import escape
from math import sqrt
from typing import Final

from agentkit.moe.expert_use import ModelUse, NodeUse

LEVELS: Final = 24
"""How many colours there are."""
_ANCHORS: Final = ((247, 249, 252), (158, 202, 225), (49, 130, 189), (8, 48, 107), (3, 19, 43))
"""Light for no choice, dark for the most."""
_WIDTH: Final = 880
_LEFT: Final = 34
_TOP: Final = 16


def highest_share(model: ModelUse) -> float:
    """Return the highest share of an expert in any layer and node: all maps have one scale."""
    shares = (max(layer.shares, default=0.0) for node in model.nodes for layer in node.layers)
    return max(shares, default=0.0)


def level(share: float, highest: float) -> int:
    """Return the level of a share, from 0 (never chosen) to `LEVELS` - 1 (the highest share).

    Levels go with the square root of the share, so that small ones can be told apart.
    """
    if share <= 0 or highest <= 0:
        return 0
    return max(1, min(LEVELS - 1, round(sqrt(share / highest) * (LEVELS - 1))))


def colour_of(level: int) -> str:
    """Return the colour of a level, such as `#3182bd`."""
    place = level / (LEVELS - 1) * (len(_ANCHORS) - 1)
    low = min(int(place), len(_ANCHORS) - 2)
    pairs = zip(_ANCHORS[low], _ANCHORS[low + 1], strict=True)
    return "#" + "".join(f"{round(a + (b - a) * (place - low)):02x}" for a, b in pairs)


def heat_map(node: NodeUse, highest: float) -> str:
    """Return the SVG of a node's use: a row for each layer, a column for each expert.

    Args:
        node: The node.
        highest: The share that has the darkest colour.
    """
    layers = node.layers
    experts = max((len(layer.counts) for layer in layers), default=0)
    cell = max(2.0, min(16.0, (_WIDTH - _LEFT) / max(1, experts)))
    high = max(6.0, min(16.0, cell))
    paths: dict[int, list[str]] = {}
    for row, layer in enumerate(layers):
        for column, share in enumerate(layer.shares):
            x, y = _LEFT + column * cell, _TOP + row * high
            step = f"M{x:g} {y:g}h{cell:g}v{high:g}h{-cell:g}z"
            paths.setdefault(level(share, highest), []).append(step)
    drawn = [
        f'<path fill="{colour_of(one)}" d="{"".join(steps)}"/>'
        for one, steps in sorted(paths.items())
    ]
    width, height = _LEFT + experts * cell + 8, _TOP + len(layers) * high + 4
    labels = [*_labels(len(layers), experts, cell, high)]
    said = f"Experts of {len(layers)} layers that the node {escape(node.node)} uses"
    return (
        f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}" role="img" '
        f'aria-label="{said}" shape-rendering="crispEdges">{"".join(labels + drawn)}</svg>'
    )


def _labels(layers: int, experts: int, cell: float, high: float) -> Sequence[str]:
    """The numbers of some layers and experts."""
    rows = [*range(0, layers, max(1, round(14 / high)))]
    columns = [*range(0, experts, max(1, -(-experts // 16)))]
    return [
        *(
            f'<text x="{_LEFT - 5}" y="{_TOP + (row + 0.5) * high + 3.5:g}" text-anchor="end">'
            f"{row}</text>"
            for row in rows
        ),
        *(
            f'<text x="{_LEFT + (column + 0.5) * cell:g}" y="{_TOP - 4}" text-anchor="middle">'
            f"{column}</text>"
            for column in columns
        ),
    ]
