"""An observation's text turned back into the scene it says."""

import json
import re
from typing import get_args

from agentkit_envs.crafter.observation_text import ASLEEP, AWAKE, GRID_HEAD, NONE
from agentkit_envs.crafter.scene import VIEW, Direction, LastAction, Scene

_STAND = re.compile(r"You stand on (\S+) and face (\w+): \S+\.")
_STATE = re.compile(rf"You are ({AWAKE}|{ASLEEP})\. It is (day|dusk|night)\.")
_LIST = re.compile(r"(?P<head>[^:]*): (?P<items>.*)\.")
_DONE = re.compile(
    r" done (?:(once)|(\d+) times), (it worked|no effect)(?:(?:; then stopped)?: (.*))?\."
)
_NOT_UNDERSTOOD = re.compile(r" was not understood, no time passed(?:: (.+)|\.)")
_PLACE = re.compile(
    r"(?:(?P<name>\S+) )?(?:(?P<x>\d+) (?P<side>left|right))?(?:, )?"
    r"(?:(?P<y>\d+) (?P<way>up|down))?"
)
_LAST = "Last action: "


class ReadingError(ValueError):
    """A text that is not an observation of Crafter with its grid."""


def read(text: str) -> Scene:
    """The scene that `describe(scene, grid=True)` says in these words."""
    head, found, grid = text.partition(f"\n{GRID_HEAD}\n")
    if not found:
        raise ReadingError("the observation has no grid; make the environment with grid=True")
    lines = head.split("\n")
    if len(lines) < 9:
        raise ReadingError(f"an observation has at least 9 lines before its grid: {head!r}")
    stand = _match(_STAND, lines[0])
    state = _match(_STATE, lines[1])
    if stand[2] not in get_args(Direction):
        raise ReadingError(f"no direction: {stand[2]!r}")
    marks = [line for line in lines[9:] if line.startswith("Remembered: ")]
    return Scene(
        view=_view(grid),
        facing=stand[2],  # type: ignore[arg-type]
        standing_on=stand[1],
        vitals=_counts(lines[2]),
        inventory=_counts(lines[3]),
        sleeping=state[1] == ASLEEP,
        light=state[2],  # type: ignore[arg-type]
        achievements=_items(lines[7], ", "),
        moved=_moved(lines[5]),
        last=_last(lines[4]),
        changes=_items(lines[6], "; "),
        landmarks=tuple(_place(item) for line in marks for item in _items(line, "; ")),
    )


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if match is None:
        raise ReadingError(f"not a line of an observation: {line!r}")
    return match


def _items(line: str, separator: str) -> tuple[str, ...]:
    items = _match(_LIST, line)["items"]
    return () if items == NONE else tuple(items.split(separator))


def _counts(line: str) -> dict[str, int]:
    pairs = (item.rsplit(" ", 1) for item in _items(line, ", "))
    return {name: int(count) for name, count in pairs}


def _last(line: str) -> LastAction | None:
    if line == f"{_LAST}{NONE}.":
        return None
    given, end = json.JSONDecoder().raw_decode(line, len(_LAST))
    rest = line[end:]
    unknown = _NOT_UNDERSTOOD.fullmatch(rest)
    if unknown is not None:
        return LastAction(given, times=0, worked=False, why=unknown[1] or "")
    done = _match(_DONE, rest)
    times = 1 if done[1] else int(done[2])
    return LastAction(given, times, done[3] == "it worked", done[4] or "")


def _moved(line: str) -> tuple[int, int]:
    items = _items(line, "; ")
    return _place(items[0])[1:] if items else (0, 0)


def _place(words: str) -> tuple[str, int, int]:
    match = _match(_PLACE, words)
    x, y = int(match["x"] or 0), int(match["y"] or 0)
    dx = -x if match["side"] == "left" else x
    dy = -y if match["way"] == "up" else y
    return match["name"] or "", dx, dy


def _view(grid: str) -> tuple[tuple[str, ...], ...]:
    rows = tuple(tuple(line.split()[1:]) for line in grid.split("\n")[1:])
    columns, height = VIEW
    if len(rows) != height or any(len(row) != columns for row in rows):
        raise ReadingError(f"the grid is not {height} rows of {columns} names:\n{grid}")
    return rows
