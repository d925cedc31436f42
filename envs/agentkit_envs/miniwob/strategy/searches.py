"""Tasks that look through pages, trees, calendars and lists of proposals."""

import re
from datetime import datetime

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.turn import Lost, Move, Turn, words


def search_engine(turn: Turn) -> str | Move:
    """Search, go to the page of the result, and open it."""
    field = turn.first("textbox")
    text = goals.quotes(turn.goal)[0]
    if field.value != text:
        return moves.fill(field, text)
    results = [e for e in turn.all("link") if e.name not in ("<", ">") and not e.name.isdecimal()]
    if not results:
        return moves.click(turn.find("Search", "button"))
    page, place = divmod(goals.ordinals(turn.goal)[0], len(results))
    opened = f"page {page + 1} is open"
    if page and opened not in turn.facts:
        return Move(moves.click(turn.find(str(page + 1), "link")), (opened,))
    return moves.click(results[place])


def phone_book(turn: Turn) -> str:
    """Turn the pages until the person is there, then click what is asked for."""
    person = goals.between(turn.goal, "Find ", " in the")
    if words(turn.first("heading")) != person:
        return moves.click(turn.find(">", "link"))
    label = goals.between(turn.goal, "on their ", r"(?: number)?\.")
    for element in turn.elements:
        if words(element).casefold().startswith(f"{label}:"):
            value = next(e for e in turn.after(element) if e.ref)
            return moves.click(value)
    raise Lost(f"there is no {label}")


def tree(turn: Turn) -> str:
    """Open folders until the name is there."""
    found = turn.seek(goals.quotes(turn.goal)[0])
    if found:
        return moves.click(found)
    closed = [e for e in turn.all() if "expandable-hitarea" in e.name]
    return turn.untried(moves.click(element) for element in closed)


def autocomplete(turn: Turn) -> str:
    """Type the beginning, and choose a proposal that ends as it should."""
    field = turn.first("textbox")
    start, *rest = goals.quotes(turn.goal)
    end = rest[0] if rest else ""
    if not field.value:
        return moves.fill(field, start)
    if field.value != start:
        return turn.submit()
    proposals = [e for e in turn.all() if turn.place(e) > turn.place(field)]
    for element in proposals:
        said = words(element)
        if element.role == "generic" and said.startswith(start) and said.endswith(end):
            return moves.click(element)
    raise Lost("nothing is proposed")


def date(turn: Turn) -> str:
    """Choose a date in a calendar, then submit."""
    text = goals.between(turn.goal, "Select ", " as the date")
    return pick_date(turn, turn.first("textbox"), text) or turn.submit()


def pick_date(turn: Turn, field: Element, text: str) -> str | None:
    """The next action that makes a field with a calendar hold a date; None when it does."""
    if field.value == text:
        return None
    wanted = datetime.strptime(text, "%m/%d/%Y")
    shown = None
    for element in turn.elements:
        if re.fullmatch(r"[A-Z][a-z]+ \d{4}", words(element)):
            shown = datetime.strptime(words(element), "%B %Y")
    if shown is None:
        return moves.click(field)
    if (shown.year, shown.month) == (wanted.year, wanted.month):
        return moves.click(turn.find(str(wanted.day), "link"))
    return moves.click(turn.find("Prev" if shown > wanted else "Next"))
