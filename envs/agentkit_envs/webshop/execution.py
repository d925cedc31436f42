"""One action text carried out in a shop, and what to say of it."""

from dataclasses import dataclass

from agentkit_envs.webshop.pages.actions import (
    Action,
    bare,
    meant,
    parse_exactly,
    parse_forgiving,
    shortened,
    tidy,
    why_no_action,
    why_no_click,
)
from agentkit_envs.webshop.pages.page import BUY, DETAILS, PAGE_SIZE, PREVIOUS, Page, Part
from agentkit_envs.webshop.pages.view import LastAction
from agentkit_envs.webshop.visit import Visit


@dataclass(frozen=True, slots=True)
class Turn:
    """What became of an action text."""

    understood: bool
    """Whether it did something."""
    last: LastAction


def take_turn(visit: Visit, text: str, *, exact: bool) -> Turn:
    """Carry out an action text; with `exact`, it must be spelt as the original wants it."""
    action = _parsed(text, visit.page, exact)
    if action is None:
        return _nothing(text, why_no_action(text))
    if action.verb == "search":
        visit.search(action.words)
        return _done(text, f"{visit.page.total} products found")
    before = visit.page
    wanted = action.words if exact else meant(action.words, before.clickables)
    if wanted is None or not visit.click(wanted):
        return _nothing(text, _why_no_click(action.words, before))
    return _done(text, _what_changed(before, visit.page))


def canonical(visit: Visit, text: str, *, exact: bool) -> str:
    """Return the one spelling of an action that does something on this page.

    Raises:
        ValueError: The text is no such action; with the reason.
    """
    action = _parsed(text, visit.page, exact)
    if action is None:
        raise ValueError(why_no_action(text))
    if action.verb == "search":
        return f"search[{action.words}]"
    page = visit.page
    wanted = action.words if exact else meant(action.words, page.clickables)
    part = None if wanted is None else page.clickables.get(wanted)
    if part is None:
        raise ValueError(_why_no_click(action.words, page))
    return f"click[{part.text if exact else tidy(part.text)}]"


def _parsed(text: str, page: Page, exact: bool) -> Action | None:
    """The action that a text says; without `exact`, what can be clicked is a click by itself."""
    if exact:
        return parse_exactly(text)
    words = bare(text)
    if words and meant(words, page.clickables) is not None:
        return Action("click", tidy(words).lower())
    return parse_forgiving(text)


def legal_actions(page: Page, *, exact: bool) -> list[str]:
    """Every click that does something; where there is none, a search for the instruction.

    They are written as the page shows them: without `exact`, white space is single spaces, and
    products come first, then option values, then buttons.
    """
    parse = parse_exactly if exact else parse_forgiving
    if page.kind == "index":
        words = tidy(page.instruction.translate(_BRACKETS))
        return [f"search[{words}]"] if words else []
    found: dict[str, None] = {}
    clickables = page.clickables.items()
    for words, part in clickables if exact else sorted(clickables, key=_rank):
        click = f"click[{part.text if exact else tidy(part.text)}]"
        understood = parse(click)
        if (
            understood
            and (understood.words if exact else meant(understood.words, [words])) == words
        ):
            found[click] = None
    return list(found)


def _rank(clickable: tuple[str, Part]) -> int:
    """So that the first product of a page is also the first action."""
    return ("product", "option", "button").index(clickable[1].kind)


_BRACKETS = str.maketrans("[]", "  ")


def _nothing(text: str, why: str) -> Turn:
    return Turn(False, LastAction(shortened(text), worked=False, told=why))


def _done(text: str, what: str) -> Turn:
    return Turn(True, LastAction(shortened(text), worked=True, told=what))


def _why_no_click(words: str, page: Page) -> str:
    if page.kind == "index":
        return "there is nothing to click here; to search, name the words: search[words]"
    if page.kind != "item" and tidy(words) in _of_product(page):
        way = f"click[{PREVIOUS}] leads there" if page.product else "open a product first"
        return f"'{shortened(words)}' is on a product's page; {way}"
    shown = [part.text for part in page.clickables.values()]
    first = (page.number - 1) * PAGE_SIZE + 1
    numbered = {number: item.asin for number, item in enumerate(page.products, first)}
    return why_no_click(words, shown, numbered)


def _of_product(page: Page) -> set[str]:
    """What can be clicked on the page of a product, and of the one that this page is about."""
    values = page.product.options.values() if page.product else ()
    names = [*DETAILS, BUY, *(value for each in values for value in each)]
    return {tidy(name).lower() for name in names}


def _what_changed(before: Page, after: Page) -> str:
    if after.kind == "item" and before.kind == "item":
        new = [(n, v) for n, v in after.chosen.items() if before.chosen.get(n) != v]
        if not new:
            return "this value was chosen already"
        return tidy("; ".join(f"{name} is now {value}" for name, value in new))
    if after.kind == "results":
        kept = " and the chosen options are forgotten" if before.chosen else ""
        return f"this is page {after.number} of the results{kept}"
    return _ARRIVED.get(after.kind, "the product's page")


_ARRIVED = {
    "index": "back at the search page",
    "item": "this is the product's page",
    "description": "this is the product's description",
    "features": "these are the product's features",
    "reviews": "these are the product's reviews",
    "attributes": "these are the product's attributes",
    "done": "the product is bought",
}
