"""Landmarks seen earlier in an episode."""

import numpy as np
from crafter import constants

from agentkit_envs.crafter.scene import VIEW
from agentkit_envs.crafter.world import Game

KINDS = (
    *(name for name in constants.materials if name not in constants.walkable),
    "sapling",
    "ripe-plant",
)
"""What is worth remembering: materials that stay in the way, and plants."""

EACH = 3
"""How many of each kind are listed."""

_NUMBERS = {name: number for number, name in enumerate(KINDS, start=1)}


class Landmarks:
    """The landmarks of one episode, as they were when last seen."""

    def __init__(self, area: tuple[int, int]) -> None:
        columns, rows = VIEW
        # A margin of half a view all around spares every look at the map's edge a special case.
        self._margin = columns // 2, rows // 2
        self._seen = np.zeros((area[0] + columns, area[1] + rows), np.uint8)

    def see(self, game: Game) -> None:
        """Remember what is in view now."""
        x, y = game.position
        numbers = [[_NUMBERS.get(name, 0) for name in row] for row in game.view()]
        self._seen[x : x + VIEW[0], y : y + VIEW[1]] = np.array(numbers).T

    def around(self, position: tuple[int, int]) -> tuple[tuple[str, int, int], ...]:
        """The nearest landmarks out of view: (name, columns to the right, rows down)."""
        xs, ys = self._seen.nonzero()
        dx, dy = xs - self._margin[0] - position[0], ys - self._margin[1] - position[1]
        away = (abs(dx) > VIEW[0] // 2) | (abs(dy) > VIEW[1] // 2)
        numbers, dx, dy = self._seen[xs, ys][away], dx[away], dy[away]
        found = []
        for number in np.unique(numbers).tolist():
            of_kind = np.flatnonzero(numbers == number)
            far = abs(dx[of_kind]) + abs(dy[of_kind])
            for i in of_kind[np.argsort(far, kind="stable")[:EACH]].tolist():
                found.append((KINDS[number - 1], int(dx[i]), int(dy[i])))
        return tuple(sorted(found, key=lambda mark: abs(mark[1]) + abs(mark[2])))
