"""Tasks that name what to click."""

import re

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.shapes import shapes
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Turn, words

_WIDGETS = {
    "button": ("button", ""),
    "checkbox": ("checkbox", ""),
    "radio": ("radio", ""),
    "text": ("textbox", ""),
    "textarea": ("textbox", "text area"),
}
ACTION_MS = 500
"""How long an action takes on the page's clock."""
_WAIT = re.compile(r"wait (\d+) seconds?")


def button(turn: Turn) -> str:
    """Press the button that the goal names, or the only one."""
    named = goals.quotes(turn.goal)
    return moves.click(turn.find(named[0], "button") if named else turn.first("button"))


def buttons_in_order(turn: Turn) -> str:
    """Press each button that the goal names, in its order, with the waiting in between."""
    wanted = [e for e in turn.all("button") if re.search(rf"\b{re.escape(e.name)}\b", turn.goal)]
    wanted.sort(key=lambda e: turn.goal.index(e.name))
    actions = [moves.click(element) for element in wanted]
    pause = _WAIT.search(turn.goal)
    if pause:
        actions.insert(1, moves.wait(1000 * int(pause[1]) - ACTION_MS))
    return turn.untried(actions)


def dialog(turn: Turn) -> str:
    """Press a button of the dialog; the cross in its corner is called Close."""
    named = goals.quotes(turn.goal)[0]
    return moves.click(turn.find("Close" if named == "x" else named, "button"))


def numbered_tab(turn: Turn) -> str:
    """Open the tab of a number."""
    found = re.search(r"Tab #\d+", turn.goal)
    return moves.click(turn.find(found[0] if found else "", "link", "tab"))


def hidden_link(turn: Turn) -> str:
    """Look for a link in all tabs or sections, one after the other."""
    name = goals.quotes(turn.goal)[-1]
    for link in turn.all("link", "button"):
        if link.name == name:
            return moves.click(link)
    closed = [e for e in turn.all("tab") if "selected" not in e.states]
    return turn.untried(moves.click(tab) for tab in closed)


def section(turn: Turn) -> str:
    """Open the section, then press the button inside."""
    closed = [e for e in turn.all("tab") if words(e) and not _open(e)]
    return moves.click(closed[0]) if closed else turn.submit()


def widget(turn: Turn) -> str:
    """Click any element of a kind."""
    role, name = _WIDGETS[goals.quotes(turn.goal)[0]]
    for element in turn.all(role):
        if role != "textbox" or element.name == name:
            return moves.click(element)
    raise Lost(f"there is no {role} {name}")


def focus(turn: Turn) -> str:
    """Click a text field, by its position if the goal says one."""
    position = goals.ordinals(turn.goal)
    return moves.click(turn.nth(position[0] if position else 0, "textbox"))


def ascending(turn: Turn) -> Move:
    """Click all numbers, the smallest first; after the first click only their places are known."""
    facts = tuple(
        f"{s.said} at {s.place[0]}, {s.place[1]}" for s in shapes(turn) if s.kind == "digit"
    )
    known = sorted(facts or turn.facts)
    action = turn.untried(moves.click_at(_place(fact)) for fact in known)
    return Move(action, facts)


def _place(fact: str) -> tuple[int, int]:
    x, y = fact.split(" at ")[1].split(", ")
    return int(x), int(y)


def _open(element: Element) -> bool:
    return "expanded" in element.states or "selected" in element.states
