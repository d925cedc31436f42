"""What a player of Crafter can see: the value that the text observation says, and nothing more."""

from dataclasses import dataclass, field
from typing import Literal

Direction = Literal["left", "right", "up", "down"]

OFFSETS: dict[Direction, tuple[int, int]] = {
    "left": (-1, 0),
    "right": (1, 0),
    "up": (0, -1),
    "down": (0, 1),
}
"""Each direction as (columns to the right, rows down)."""

VIEW = (9, 7)
"""Columns and rows of the local view; the player stands in the middle, at column 4, row 3."""


@dataclass(frozen=True, slots=True)
class LastAction:
    """What became of the action before this observation."""

    text: str
    """The action as it was given, such as `move_left 3`."""
    times: int
    """How often it was carried out; 0 when it was not understood."""
    worked: bool
    """Whether it had its effect at least once."""
    why: str = ""
    """Why it had no effect or stopped early, where that can be seen; else empty."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One moment of the game, as far as the player sees it."""

    view: tuple[tuple[str, ...], ...]
    """7 rows of 9 names, top row first: a material (`grass`, `water`, ...), or what stands on it
    (`zombie`, `cow`, `skeleton`, `arrow-left`, `sapling`, `ripe-plant`, `player`); `edge` beyond
    the map. Each creature hides the material below it, as in the picture."""
    facing: Direction
    """Where the player looks."""
    standing_on: str
    """Material under the player (`grass`, `sand` or `path`)."""
    vitals: dict[str, int]
    """health, food, drink and energy, 0 to 9."""
    inventory: dict[str, int]
    """Items carried, without the vitals; only those above 0."""
    sleeping: bool
    """Whether the player is asleep."""
    light: Literal["day", "dusk", "night"]
    """How bright the picture is."""
    achievements: tuple[str, ...]
    """Achievements unlocked so far, in the order they were unlocked."""
    moved: tuple[int, int] = (0, 0)
    """How far the player came since the last observation: (columns to the right, rows down)."""
    last: LastAction | None = None
    """The last action; None right after a reset."""
    changes: tuple[str, ...] = ()
    """What changed since the last observation, in words: `health 9 -> 7`, `wood 0 -> 1`."""
    landmarks: tuple[tuple[str, int, int], ...] = field(default=())
    """With `remember_map`: (name, columns to the right, rows down) of things seen earlier that
    are out of view now, nearest first."""

    @property
    def faced(self) -> str:
        """Name of what the player looks at."""
        dx, dy = OFFSETS[self.facing]
        return self.view[VIEW[1] // 2 + dy][VIEW[0] // 2 + dx]
