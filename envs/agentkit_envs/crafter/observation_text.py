"""A scene in plain words. `observation_reader.read` is the way back."""

import json

from crafter import constants

from agentkit_envs.crafter.actions import ACTIONS, HOSTILE
from agentkit_envs.crafter.scene import VIEW, LastAction, Scene

GRID_HEAD = "View (L left, R right, U up, D down of you):"
NONE = "none"

_MIDDLE = VIEW[0] // 2, VIEW[1] // 2
COLUMNS = [f"{abs(i)}{'L' if i < 0 else 'R'}" if i else "0" for i in range(-4, 5)]
ROWS = [f"{abs(i)}{'U' if i < 0 else 'D'}" if i else "0" for i in range(-3, 4)]
_BY_DISTANCE = sorted(
    (
        (row, column)
        for row in range(VIEW[1])
        for column in range(VIEW[0])
        if (column, row) != _MIDDLE
    ),
    key=lambda at: (abs(at[0] - _MIDDLE[1]) + abs(at[1] - _MIDDLE[0]), at),
)
_CREATURES = frozenset((*HOSTILE, "cow"))
_BEST = max(item["max"] for item in constants.items.values())


def describe(scene: Scene, *, grid: bool = True) -> str:
    """The whole observation, a fact a line; with `grid`, every cell of the view is named."""
    lines = [
        f"You stand on {scene.standing_on} and face {scene.facing}: {scene.faced}.",
        f"You are {ASLEEP if scene.sleeping else AWAKE}. It is {scene.light}.",
        f"Vitals (0 to {_BEST}): {_counts(scene.vitals)}.",
        f"Inventory: {_counts(scene.inventory)}.",
        f"Last action: {_last(scene.last)}",
        f"Moved: {offset(*scene.moved)}.",
        f"Changes: {'; '.join(scene.changes) or NONE}.",
        f"Achievements ({len(scene.achievements)} of {len(constants.achievements)}): "
        f"{', '.join(scene.achievements) or NONE}.",
        f"Nearest: {'; '.join(_nearest(scene))}.",
    ]
    if scene.last is not None and not scene.last.times:
        lines.append(HELP)
    if scene.landmarks:
        marks = [f"{name} {offset(dx, dy)}" for name, dx, dy in scene.landmarks]
        lines.append(f"Remembered: {'; '.join(marks)}.")
    if grid:
        lines += [GRID_HEAD, *_grid(scene.view)]
    return "\n".join(lines)


AWAKE = "awake"
ASLEEP = "asleep and cannot act: until you wake up, every action is sleep"
HELP = f"Actions: {', '.join(ACTIONS)}. A number repeats one: move_left 3."


def offset(dx: int, dy: int) -> str:
    """`3 right, 1 up` for (3, -1)."""
    words = []
    if dx:
        words.append(f"{dx} right" if dx > 0 else f"{-dx} left")
    if dy:
        words.append(f"{dy} down" if dy > 0 else f"{-dy} up")
    return ", ".join(words) or NONE


def _counts(items: dict[str, int]) -> str:
    return ", ".join([f"{name} {count}" for name, count in items.items()]) or NONE


def _last(last: LastAction | None) -> str:
    if last is None:
        return f"{NONE}."
    given = json.dumps(last.text, ensure_ascii=False)
    if not last.times:
        why = f": {last.why}" if last.why else "."
        return f"{given} was not understood, no time passed{why}"
    why = f"{'; then stopped' if last.worked else ''}: {last.why}" if last.why else ""
    times = "once" if last.times == 1 else f"{last.times} times"
    return f"{given} done {times}, {'it worked' if last.worked else 'no effect'}{why}."


def _nearest(scene: Scene) -> list[str]:
    """The nearest cell of each kind; of creatures, every one."""
    view, seen = scene.view, {}
    for row, column in _BY_DISTANCE:
        name = view[row][column]
        if name not in seen:
            seen[name] = [(row, column)]
        elif name in _CREATURES:
            seen[name].append((row, column))
    return [
        f"{name} {' and '.join(_PLACES[at] for at in places)}"
        for name, places in seen.items()
        if name != "edge"
    ]


_PLACES = {at: offset(at[1] - _MIDDLE[0], at[0] - _MIDDLE[1]) for at in _BY_DISTANCE}


def _grid(view: tuple[tuple[str, ...], ...]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*view, strict=True)]
    table = [("", *COLUMNS), *((label, *row) for label, row in zip(ROWS, view, strict=True))]
    widths.insert(0, 2)
    return [
        " ".join([name.ljust(width) for name, width in zip(row, widths, strict=True)]).rstrip()
        for row in table
    ]
