"""A scene and the remembered map together, in the form in which decisions read them."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agentkit_envs.crafter.explored_map import CODES, NAMES, UNKNOWN, seen
from agentkit_envs.crafter.scene import VIEW, Direction, Scene
from agentkit_envs.crafter.strategy.recipes import WALKABLE, clearable

OPPOSITE: dict[Direction, Direction] = {
    "left": "right",
    "right": "left",
    "up": "down",
    "down": "up",
}
CREATURES = ("zombie", "skeleton", "cow")
WALKABLE_CODES = frozenset(CODES[name].encode()[0] for name in WALKABLE)
_NAMES = tuple(NAMES.get(chr(code)) for code in range(128))
BLANK = UNKNOWN.encode()[0]
MARGIN = max(VIEW) // 2
_BURROW, _SMALL_ROOM, _STARVED, _LOW = 70, 8, 4, 1
_DAY_TICKS, _DAWN, _EVENING_TICKS = 300, 0.3, 50


@dataclass(frozen=True, slots=True)
class Creature:
    """Something that moves by itself, in view."""

    name: str
    """`zombie`, `skeleton`, `cow`, or `arrow-left` and so on."""
    dx: int
    """Columns to the right of the player."""
    dy: int
    """Rows below the player."""

    @property
    def away(self) -> int:
        """Steps between it and the player."""
        return abs(self.dx) + abs(self.dy)


class Situation:
    """What the player sees and remembers. Cells are numbers in one flat string of letters.

    Blanks surround the map (those at the end of a row serve the start of the next one too), so
    everything within a view's reach of a known cell has a number.
    """

    def __init__(self, scene: Scene, map: Mapping[str, Any]) -> None:
        self.scene = scene
        self.map = map
        rows: list[str] = map["rows"]
        gap = UNKNOWN * MARGIN
        self.width = len(rows[0]) + MARGIN
        margin = UNKNOWN * (self.width * MARGIN)
        self.cells = (margin + gap.join(rows) + gap + margin).encode("ascii")
        self.here = self.cell(map["x"], map["y"])
        self.steps: dict[Direction, int] = {
            "left": -1,
            "right": 1,
            "up": -self.width,
            "down": self.width,
        }
        self.inventory = scene.inventory
        self.achieved = frozenset(scene.achievements)
        self.creatures = [
            Creature(name, dx, dy)
            for name, dx, dy in seen(scene)
            if name in CREATURES or name.startswith("arrow")
        ]
        self.occupied = {self.here + c.dx + c.dy * self.width for c in self.creatures}

    def cell(self, x: int, y: int) -> int:
        """Number of the cell at a place."""
        return (y - int(self.map["top"]) + MARGIN) * self.width + x - int(self.map["left"])

    def place(self, cell: int) -> tuple[int, int]:
        """Place of a cell: the reverse of `cell`."""
        row, column = divmod(cell, self.width)
        return column + int(self.map["left"]), row - MARGIN + int(self.map["top"])

    def offset(self, cell: int) -> tuple[int, int]:
        """Columns to the right and rows down from the player."""
        x, y = self.place(cell)
        return x - int(self.map["x"]), y - int(self.map["y"])

    def away(self, cell: int) -> int:
        """Steps to a cell as the crow flies."""
        dx, dy = self.offset(cell)
        return abs(dx) + abs(dy)

    def name(self, cell: int) -> str | None:
        """What is known to be in a cell; None when unknown."""
        return _NAMES[self.cells[cell]]

    def around(self, cell: int) -> tuple[int, int, int, int]:
        """The four neighbours."""
        return cell - 1, cell + 1, cell - self.width, cell + self.width

    def is_free(self, cell: int) -> bool:
        """Whether one could walk onto the cell now."""
        return self.cells[cell] in WALKABLE_CODES and cell not in self.occupied

    def is_wall(self, cell: int) -> bool:
        """Whether nothing can walk there, as far as is known."""
        return self.cells[cell] not in WALKABLE_CODES and self.cells[cell] != BLANK

    def all_cells(self, name: str) -> Iterator[int]:
        """Every cell known to hold this."""
        code = CODES[name].encode()
        found = self.cells.find(code)
        while found >= 0:
            yield found
            found = self.cells.find(code, found + 1)

    @cached_property
    def faced(self) -> int:
        """The cell the player looks at."""
        return self.here + self.steps[self.scene.facing]

    def direction(self, cell: int) -> Direction | None:
        """Which way a neighbouring cell lies; None when it is no neighbour."""
        for direction, step in self.steps.items():
            if self.here + step == cell:
                return direction
        return None

    def has(self, item: str) -> int:
        """How many of an item are carried."""
        return self.inventory.get(item, 0)

    @property
    def tick(self) -> int:
        """Game steps since the episode began."""
        return int(self.map["tick"])

    @property
    def zombies(self) -> int:
        """How many zombies a meadow holds at this hour: 0 by day, up to 3 at night."""
        return zombies_at(self.tick)

    @property
    def is_dark(self) -> bool:
        """Whether it is so late that one should not be out on grass at all."""
        return self.zombies >= 2

    @cached_property
    def keeps_in(self) -> bool:
        """Whether the player is closed in at a dark hour and had better not open the door.

        Hunger and thirst take health slowly; zombies at night take it faster.
        """
        vitals = self.scene.vitals
        least = min(vitals["food"], vitals["drink"])
        if not self.burrow or not self.zombies:
            return False
        if self.is_dark:
            return least > 0 or vitals["health"] > _STARVED
        return least > _LOW

    @property
    def is_evening(self) -> bool:
        """Whether zombies will come soon: the time to eat and drink for the night."""
        return self.zombies == 0 and zombies_at(self.tick + _EVENING_TICKS) > 0

    @cached_property
    def clearable(self) -> frozenset[int]:
        """Letters of what can be dug or cut away now, leaving ground."""
        return frozenset(
            code.encode()[0] for name, code in CODES.items() if clearable(name, self.inventory)
        )

    @cached_property
    def fences(self) -> frozenset[int]:
        """Walls beside plants: what keeps animals off, so not to be dug away for the stone."""
        plants = [self.cell(plant["x"], plant["y"]) for plant in self.map["plants"]]
        beside = {near for plant in plants for near in self.around(plant)}
        return frozenset(near for near in beside if self.is_wall(near))

    def can_dig(self, cell: int) -> bool:
        """Whether a cell can be cleared now, without opening a shelter that is to stay closed."""
        if self.cells[cell] not in self.clearable or cell in self.fences:
            return False
        if not self.keeps_in:
            return True
        return all(near in self.burrow or self.is_wall(near) for near in self.around(cell))

    def near(self, kind: str, within: int) -> list[Creature]:
        """Creatures of a kind within so many steps, nearest first."""
        found = [c for c in self.creatures if c.name == kind and c.away <= within]
        return sorted(found, key=lambda c: c.away)

    def room_from(self, start: int, most: int) -> frozenset[int]:
        """Cells one can walk to from a cell without digging; empty if there are more than `most`.

        It is also empty where the unknown begins: nobody can say what comes from there.
        """
        found, waiting = {start}, [start]
        while waiting:
            for cell in self.around(waiting.pop()):
                if cell in found or self.is_wall(cell):
                    continue
                if self.cells[cell] == BLANK or len(found) >= most:
                    return frozenset()
                found.add(cell)
                waiting.append(cell)
        return frozenset(found)

    @cached_property
    def burrow(self) -> frozenset[int]:
        """The closed tunnels the player is in; empty when something could walk in."""
        room = self.room_from(self.here, _BURROW)
        return frozenset() if room & self.occupied else room

    @cached_property
    def is_sealed(self) -> bool:
        """Whether nothing can walk up to the player, and nothing can come up in the room."""
        return 0 < len(self.burrow) < _SMALL_ROOM


def zombies_at(tick: int) -> int:
    """How many zombies the game wants in each large meadow, by the hour of its 300-tick day."""
    light = 1 - abs(math.cos(math.pi * (tick / _DAY_TICKS % 1 + _DAWN))) ** 3
    return int(3.5 - 3 * light)
