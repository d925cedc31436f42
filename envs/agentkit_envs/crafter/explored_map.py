"""The map a player of Crafter keeps in mind: JSON, updated from each text observation."""

from collections.abc import Iterator, Mapping
from typing import Any

from agentkit_envs.crafter.scene import VIEW, Scene

CODES: dict[str, str] = {
    "grass": ".",
    "sand": ",",
    "path": "_",
    "water": "~",
    "stone": "#",
    "tree": "T",
    "lava": "!",
    "coal": "c",
    "iron": "i",
    "diamond": "d",
    "table": "t",
    "furnace": "f",
    "sapling": "p",
    "ripe-plant": "P",
    "edge": "X",
}
"""The letter that stands for each thing in the rows of the map; a blank is unknown."""

NAMES: dict[str, str] = {code: name for name, code in CODES.items()}
"""The other way round."""

UNKNOWN = " "
GROWING_RANGE = 18
"""The game moves things, and plants grow, only within this many steps of the player."""

_HIDDEN = {"zombie": ".", "cow": ".", "skeleton": "_"}
_TOLD = (
    "water", "tree", "stone", "coal", "iron", "diamond", "table", "furnace", "lava", "sapling",
    "ripe-plant",
)  # fmt: skip
_COWS_KEPT = 12
_HALF_WIDTH, _HALF_HEIGHT = VIEW[0] // 2, VIEW[1] // 2


def update_map(observation: str, map: Mapping[str, Any] | None) -> dict[str, Any]:
    """The map after an observation; `map` is the one before it, or None at the start.

    Places count from where the episode began: `x` columns to the right, `y` rows down. `rows`
    holds one letter a cell (`legend` says which), its first cell being (`left`, `top`).
    """
    from agentkit_envs.crafter.observation_reader import read

    return chart(read(observation), map)


def chart(scene: Scene, old: Mapping[str, Any] | None) -> dict[str, Any]:
    """The map after a scene."""
    if not old or scene.last is None:
        old = {"x": 0, "y": 0, "tick": 0, "left": 0, "top": 0, "rows": [], "plants": [], "cows": []}
    x, y = old["x"] + scene.moved[0], old["y"] + scene.moved[1]
    ticks = scene.last.times if scene.last else 0
    left, top, rows = _widened(old, x - _HALF_WIDTH, y - _HALF_HEIGHT)
    _draw(rows, scene, x - _HALF_WIDTH - left, y - _HALF_HEIGHT - top)
    return {
        "x": x,
        "y": y,
        "tick": old["tick"] + ticks,
        "left": left,
        "top": top,
        "rows": rows,
        "plants": _plants(scene, old["plants"], x, y, ticks),
        "cows": _cows(scene, old["cows"], x, y),
        "text": _told(rows, x, y, left, top),
    }


def seen(scene: Scene) -> Iterator[tuple[str, int, int]]:
    """Each cell of the view as (name, columns to the right, rows down)."""
    for row, names in enumerate(scene.view):
        for column, name in enumerate(names):
            yield name, column - _HALF_WIDTH, row - _HALF_HEIGHT


def _widened(old: Mapping[str, Any], view_left: int, view_top: int) -> tuple[int, int, list[str]]:
    """The old rows with room for a view whose first cell is (view_left, view_top)."""
    rows: list[str] = list(old["rows"])
    if not rows:
        return view_left, view_top, [UNKNOWN * VIEW[0]] * VIEW[1]
    left, top, width = old["left"], old["top"], len(rows[0])
    before = max(0, left - view_left)
    after = max(0, view_left + VIEW[0] - left - width)
    if before or after:
        rows = [UNKNOWN * before + row + UNKNOWN * after for row in rows]
        width += before + after
    above = max(0, top - view_top)
    below = max(0, view_top + VIEW[1] - top - len(rows))
    blank = UNKNOWN * width
    return left - before, top - above, [blank] * above + rows + [blank] * below


def _draw(rows: list[str], scene: Scene, column: int, row: int) -> None:
    for number, names in enumerate(scene.view, row):
        line = rows[number]
        codes = "".join(
            CODES.get(name) or _under(name, line[place], scene)
            for place, name in enumerate(names, column)
        )
        rows[number] = line[:column] + codes + line[column + len(codes) :]


def _under(name: str, known: str, scene: Scene) -> str:
    """What a creature stands on: the player is told, else what was there before, else a guess."""
    if name == "player":
        return CODES[scene.standing_on]
    if known not in (UNKNOWN, "p", "P"):
        return known
    return _HIDDEN.get(name, UNKNOWN)


def _plants(
    scene: Scene, old: list[dict[str, Any]], x: int, y: int, ticks: int
) -> list[dict[str, Any]]:
    """Saplings known, with how long each has grown as far as the player could tell."""
    view = {(x + dx, y + dy): name for name, dx, dy in seen(scene)}
    plants = []
    for plant in old:
        place = (plant["x"], plant["y"])
        near = abs(place[0] - x) + abs(place[1] - y) < GROWING_RANGE
        name = view.pop(place, None)
        if name is None:
            plants.append({**plant, "grown": plant["grown"] + (ticks if near else 0)})
        elif name in ("sapling", "ripe-plant"):
            eaten = plant["ripe"] and name == "sapling"
            grown = 0 if eaten else plant["grown"] + ticks
            plants.append({**plant, "grown": grown, "ripe": name == "ripe-plant"})
    for place, name in view.items():
        if name in ("sapling", "ripe-plant"):
            ripe = name == "ripe-plant"
            plants.append({"x": place[0], "y": place[1], "grown": 0, "ripe": ripe})
    return plants


def _cows(scene: Scene, old: list[list[int]], x: int, y: int) -> list[list[int]]:
    """Where cows were last seen, nearest first."""
    cows = [[x + dx, y + dy] for name, dx, dy in seen(scene) if name == "cow"]
    cows += [cow for cow in old if abs(cow[0] - x) > _HALF_WIDTH or abs(cow[1] - y) > _HALF_HEIGHT]
    cows.sort(key=lambda cow: (abs(cow[0] - x) + abs(cow[1] - y), cow))
    return cows[:_COWS_KEPT]


def _told(rows: list[str], x: int, y: int, left: int, top: int) -> str:
    """The nearest known place of each kind, in words."""
    parts = []
    for name in _TOLD:
        place = _nearest(rows, CODES[name], x - left, y - top)
        if place is not None:
            parts.append(f"{name} {offset_in_words(*place)}")
    return "; ".join(parts) if parts else "nothing yet"


def _nearest(rows: list[str], code: str, column: int, row: int) -> tuple[int, int] | None:
    """Offset of the nearest cell with this letter, by steps."""
    best, place = 1 << 30, None
    for away in range(max(row, len(rows) - 1 - row) + 1):
        if away >= best:
            break
        for number in {row - away, row + away}:
            if not 0 <= number < len(rows):
                continue
            line = rows[number]
            for found in (line.rfind(code, 0, column + 1), line.find(code, column)):
                if found >= 0 and away + abs(found - column) < best:
                    best = away + abs(found - column)
                    place = (found - column, number - row)
    return place


def offset_in_words(dx: int, dy: int) -> str:
    """`3 left, 2 up` for columns to the right and rows down; `here` for neither."""
    words = []
    if dx:
        words.append(f"{abs(dx)} {'right' if dx > 0 else 'left'}")
    if dy:
        words.append(f"{abs(dy)} {'down' if dy > 0 else 'up'}")
    return ", ".join(words) or "here"
