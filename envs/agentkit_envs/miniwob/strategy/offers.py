"""Tasks that order, book or enter something of several parts."""

import re

from agentkit_envs.browser.see.view import Element
from agentkit_envs.miniwob.strategy import goals, moves
from agentkit_envs.miniwob.strategy.searches import pick_date
from agentkit_envs.miniwob.strategy.turn import Lost, Turn, words

_FLIGHT = re.compile(r"from: (.+) to: (.+) on (\d\d/\d\d/\d{4})")


def tickets(turn: Turn) -> str:
    """Book the cheapest, dearest, shortest or longest offer."""
    offers = [e for e in turn.all("button") if "$" in e.name]
    if not offers:
        raise Lost("nothing is offered")
    by_time = re.search("duration|shortest|longest", turn.goal)
    values = [_minutes(turn, e) if by_time else goals.numbers(e.name)[0] for e in offers]
    best = min(values) if re.search("cheapest|shortest", turn.goal) else max(values)
    return moves.click(offers[values.index(best)])


def _minutes(turn: Turn, button: Element) -> float:
    for element in turn.before(button):
        found = re.search(r"(\d+)h (\d+)m", words(element))
        if found:
            return 60 * int(found[1]) + int(found[2])
    raise Lost("an offer does not say how long it takes")


def flight(turn: Turn) -> str:
    """Fill in the form by its proposals, search, and book the best flight."""
    if turn.seek("Back", "button"):
        return tickets(turn)
    wanted = _FLIGHT.search(turn.goal)
    if not wanted:
        raise Lost("the goal names no flight")
    fields = turn.all("textbox")
    for field, text in zip(fields, wanted.groups()[:2], strict=False):
        if text not in field.value:
            return moves.fill(field, text)
        if field.value == text:
            return moves.click(_proposed(turn, field, text))
    return pick_date(turn, fields[2], wanted[3]) or turn.submit("Search")


def _proposed(turn: Turn, field: Element, text: str) -> Element:
    """The proposal with the name of a town or, in brackets, of an airport."""
    for element in turn.after(field):
        said = words(element)
        if element.role == "generic" and (said.startswith(f"{text} (") or f"({text})" in said):
            return element
    raise Lost(f"{text} is not proposed")


def meal(turn: Turn) -> str:
    """Press plus beside each dish that is wanted, then order."""
    named = goals.listed(goals.between(turn.goal, "each item: ", "$"))
    kind = re.search(r"Order (\d+) items that are (\S+)", turn.goal)
    wanted = []
    for dish in turn.all("generic"):
        parts = _parts(turn, dish)
        about = [words(e) for e in parts if e.role == "img"]
        if parts and (words(dish).strip() in named or (kind and kind[2] in about)):
            wanted.append(moves.click(parts[-1]))
    if kind:
        count = int(kind[1])
        wanted = (wanted * count)[:count]
    missing = [a for a in wanted if turn.tried.count(a) < wanted.count(a)]
    return missing[0] if missing else turn.submit("Order!")


def _parts(turn: Turn, dish: Element) -> list[Element]:
    """What stands between the name of a dish and its plus sign, with the sign."""
    parts: list[Element] = []
    for element in turn.after(dish):
        if element.role == "heading" or (element.role == "generic" and _named(element)):
            break
        parts.append(element)
        if words(element) == "+":
            return parts if _named(dish) else []
    return []


def _named(element: Element) -> bool:
    """Whether it has a name, which is more than a sign or a number."""
    return any(letter.isalpha() for letter in words(element))
