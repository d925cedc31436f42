"""Crafter's own game, made reproducible; its rules are untouched."""

from collections import defaultdict
from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
from crafter import Env, constants, engine

from agentkit_envs.crafter.scene import VIEW

Image = npt.NDArray[np.uint8]

Chunk = tuple[int, int, int, int]
"""A part of the world: first column, column after the last, first row, row after the last."""

ITEM_ROWS = 2
"""Rows of the picture below the view, where the inventory is drawn."""

NAMES = {"plant": "sapling", "plant-ripe": "ripe-plant"}
"""What a texture shows, where its file is named otherwise."""


class OrderedSet(dict[Any, None]):
    """A set that is gone through in the order in which things were put in."""

    def add(self, item: Any) -> None:
        """Put an item in."""
        self[item] = None

    def remove(self, item: Any) -> None:
        """Take an item out."""
        del self[item]


class OrderedWorld(engine.World):  # type: ignore[misc]
    """A world whose chunks keep their objects in order.

    Upstream keeps them in sets, whose order depends on memory addresses; a random choice among
    them then differs between two processes with the same seed.
    """

    def reset(self, seed: int | None = None) -> None:
        """Empty the world and start its random numbers at `seed`."""
        super().reset(seed)
        self._chunks: dict[Chunk, OrderedSet] = defaultdict(OrderedSet)
        self._space: dict[Chunk, dict[str, int]] = {}

    def add(self, obj: Any) -> None:
        """Put an object into the world and number it."""
        obj.serial = len(self._objects)
        super().add(obj)

    def near(self, x: int, y: int, reach: int) -> list[Any]:
        """The objects of all chunks within reach in some direction, oldest first."""
        width, height = self._chunk_size
        found: list[Any] = []
        for left in range(max(x - reach, 0) // width * width, x + reach + 1, width):
            for top in range(max(y - reach, 0) // height * height, y + reach + 1, height):
                found += self._chunks.get(self.chunk_key((left, top)), ())
        return sorted(found, key=attrgetter("serial"))

    def __setitem__(self, pos: Any, material: str) -> None:
        super().__setitem__(pos, material)
        if self._space:
            self._space.pop(self.chunk_key(pos), None)

    def space(self, chunk: Chunk, material: str) -> int:
        """How many cells of a chunk are of a material; counted once until something changes."""
        counts = self._space.setdefault(chunk, {})
        if material not in counts:
            counts[material] = int(self.mask(*chunk, material).sum())
        return counts[material]


class SteadyView(engine.LocalView):  # type: ignore[misc]
    """The drawn view, with noise at night that does not come from the world.

    Upstream draws it from the world's random numbers, so looking changes what happens next.
    """

    noise = np.random.default_rng(0)

    def _noise(self, canvas: Any, amount: float, stddev: float) -> Any:
        noise = self.noise.uniform(32, 127, canvas.shape[:2])[..., None]
        mask = amount * self._vignette(canvas.shape, stddev)[..., None]
        return (1 - mask) * canvas + mask * noise


class Game(Env):  # type: ignore[misc]
    """`crafter.Env` without its two sources of chance, drawing only when asked to."""

    def __init__(self, area: tuple[int, int], size: tuple[int, int]) -> None:
        columns, rows = VIEW
        super().__init__(area, (columns, rows + ITEM_ROWS), size, length=None, seed=0)
        self._world = OrderedWorld(area, constants.materials, (12, 12))
        self._sem_view._world = self._world
        self._local_view = SteadyView(self._world, self._textures, VIEW)
        self._reach = 2 * max(columns, rows + ITEM_ROWS)

    def reset(self, seed: int | None = None) -> None:
        """Start the first episode of a seed; without one, the next of the seed before."""
        if seed is not None:
            self._seed, self._episode = seed, 0
        super().reset()
        self._last_health: int = self._player.health
        self.unlocked: list[str] = []

    def _obs(self) -> None:
        """Draw nothing; upstream draws after every step."""

    @property
    def player(self) -> Any:
        """The player's object."""
        return self._player

    @property
    def daylight(self) -> float:
        """1 at noon, 0 at midnight."""
        return float(self._world.daylight)

    @property
    def steps(self) -> int:
        """Game steps since the episode began."""
        return int(self._step)

    @property
    def dead(self) -> bool:
        """Whether the player has died."""
        return bool(self._player.health <= 0)

    @property
    def position(self) -> tuple[int, int]:
        """Column and row of the player in the whole world; no observation says it."""
        x, y = self._player.pos.tolist()
        return x, y

    def material(self, x: int, y: int) -> str:
        """Name of the material at a place, whatever stands on it."""
        return str(self._world._mat_names[self._world._mat_map[x, y]])

    def tick(self, action: str) -> float:
        """Carry out one game step as `crafter.Env.step` does; returns its reward."""
        self._step += 1
        self._update_time()
        self._player.action = action
        self._update_objects()
        if self._step % 10 == 0:
            for chunk, objects in self._world.chunks.items():
                self._balance_chunk(chunk, objects)
        health: int = self._player.health
        reward = (health - self._last_health) / 10
        self._last_health = health
        new = [
            name
            for name, count in self._player.achievements.items()
            if count > 0 and name not in self.unlocked
        ]
        self.unlocked += new
        return reward + 1.0 if new else reward

    def _update_objects(self) -> None:
        here_x, here_y = self.position
        # The player is the oldest object, so moves one step before any distance matters.
        for obj in self._world.near(here_x, here_y, self._reach + 1):
            x, y = obj.pos.tolist()
            if abs(here_x - x) + abs(here_y - y) < self._reach:
                obj.update()
                if obj is self._player:
                    here_x, here_y = self.position

    def _balance_object(
        self, chunk: Chunk, objs: OrderedSet, cls: type, material: str, *rule: Any
    ) -> None:
        """Skip upstream's work where it would add and remove nothing, and draw no number."""
        count = len([obj for obj in objs if isinstance(obj, cls)])
        lowest, highest = rule[-1](count, self._world.space(chunk, material))
        if not int(lowest) <= count <= int(highest):
            super()._balance_object(chunk, objs, cls, material, *rule)

    def view(self) -> tuple[tuple[str, ...], ...]:
        """Names of what the picture shows: rows from the top, each from the left."""
        columns, rows = VIEW
        x, y = self.position
        left, top = x - columns // 2, y - rows // 2
        area = (
            slice(max(left, 0), left + columns),
            slice(max(top, 0), top + rows),
        )
        names = self._world._mat_names
        cells = [[names[i] for i in row] for row in self._world._mat_map[area].T.tolist()]
        indices = self._world._obj_map[area]
        for column, row in zip(*(where.tolist() for where in indices.nonzero()), strict=True):
            texture = self._world._objects[indices[column, row]].texture
            cells[row][column] = NAMES.get(texture, texture)
        before = max(-left, 0), max(-top, 0)
        cells = _padded(cells, before)
        cells[rows // 2][columns // 2] = "player"
        return tuple(map(tuple, cells))

    def picture(self, size: tuple[int, int] | None = None) -> Image:
        """Draw the view and the inventory: (height, width, 3). Drawing changes nothing."""
        self._local_view.noise = np.random.default_rng((self._seed, self._episode, self._step))
        drawn = super().render(None if size is None else np.array(size))
        return np.ascontiguousarray(drawn)


def _padded(cells: list[list[str]], before: tuple[int, int]) -> list[list[str]]:
    """Complete rows that the edge of the map has cut short."""
    columns, rows = VIEW
    if len(cells) == rows and len(cells[0]) == columns:
        return cells
    left, top = before
    right = columns - left - len(cells[0])
    whole = [["edge"] * left + row + ["edge"] * right for row in cells]
    above = [["edge"] * columns for _ in range(top)]
    below = [["edge"] * columns for _ in range(rows - top - len(cells))]
    return above + whole + below
