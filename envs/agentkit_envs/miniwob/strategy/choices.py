"""Tasks that choose options: boxes, lists, menus."""

import re
from collections.abc import Sequence

from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import BOXES, Lost, Turn


def boxes(turn: Turn) -> str:
    """Tick the boxes that the goal lists, and no other."""
    wanted = goals.listed(goals.between(turn.goal, "Select ", " and click Submit"))
    return turn.mark([(box, box.name in wanted) for box in turn.all(*BOXES)])


def options(turn: Turn) -> str:
    """Choose in a list, then submit."""
    wanted = goals.listed(goals.between(turn.goal, "Select ", " from the "))
    field = turn.first("combobox", "listbox")
    chosen = [e.name for e in turn.inside(field) if "selected" in e.states]
    if sorted(chosen) == sorted(wanted):
        return turn.submit()
    return moves.choose(field, wanted)


def menu_path(turn: Turn) -> str:
    """Go through a menu by hovering, and click the last item."""
    return walk(turn, goals.between(turn.goal, "Select ", "$").split(">"))


def walk(turn: Turn, path: Sequence[str]) -> str:
    """Click the last item of a path once it is there; before, hover over the one that leads on."""
    for depth, name in reversed(list(enumerate(path))):
        found = turn.seek(name, "menuitem")
        if not found:
            continue
        if depth == len(path) - 1:
            return moves.click(found)
        return moves.wait(500) if turn.did(moves.hover(found)) else moves.hover(found)
    raise Lost(f"the menu has no {path[0]!r}")


def menu_item(turn: Turn) -> str:
    """Open the menu, then its parts, until there is the item of a name or of an icon."""
    items = turn.all("menuitem")
    if not items:
        return moves.click(turn.find("Menu", "button"))
    labelled = goals.quotes(turn.goal)
    icon = re.search(r"\[(.*)\]", turn.goal)
    for item in items:
        if item.name.startswith(f"{icon[1]} ") if icon else item.name.endswith(labelled[-1]):
            return moves.click(item)
    return turn.untried(moves.hover(item) for item in items if "disabled" not in item.states)
