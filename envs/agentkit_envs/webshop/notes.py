"""A shopper's notes: everything that was seen of the shop in an episode.

`update_notes` is the function `webshop_notes` of agents: it adds what an observation shows to the
notes, and judges nothing. A node can then read of products that are not on the page any more.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from agentkit_envs.webshop.pages.actions import shortened
from agentkit_envs.webshop.pages.page import BACK_TO_SEARCH, DETAILS
from agentkit_envs.webshop.pages.prompt_reader import ReadingError, read
from agentkit_envs.webshop.pages.view import View

Notes = dict[str, Any]
"""Values of JSON only, so that they can be an agent's memory:

- kind: the page, as in `View.kind`
- steps: observations so far
- steps_left: decisions before the episode is cut off, or null
- searches: what was searched for, the latest last; at most `SEARCHES`
- listed: identifiers of the products on the last page of results
- fresh: products of this page that were not seen before: asin, title, price
- promising: the best `SHOWN` products that were neither opened yet nor are fresh, best first: asin,
  title, price, promise, why; one without a mark stands in the middle, its promise and why are null
- product: identifier of the product that the page is about, or null
- here: what is known of it, with its asin, or null
- learned: whether the page tells something of this product that was not known
- choosable: the values that its options have
- unchosen: the values that can be chosen on this page, of options of which none is chosen yet
- offers: what can be clicked on this page, with the action that does it, without what leads to
  nothing new: texts that were read, values of options of which one is chosen, the way back to the
  search page. The products of a page are "product 1" and so on, in the order of listed
- chosen: its options that are chosen
- products: identifier to what is known of a product, at most `KEPT`: title, price, places (pairs of
  a search and the place among its results, from 0), options, description, features (null where not
  looked at), promise and why (null where not marked)
"""

_TEXTS = ("description", "features")
_UNKNOWN = ("options", "description", "features", "promise", "why")
_NOTHING: Notes = {"steps": 0, "searches": [], "listed": [], "products": {}, "chosen": {}}
PAGE = 10
"""Products on a page of results."""
SHOWN = 5
"""So many promising products are told of."""
KEPT: Final = 300
"""So many products are remembered. The oldest of those that were never opened go first."""
SEARCHES: Final = 30
_PLACES: Final = 5
"""Places of a product that are remembered."""
_LONGEST_WHY: Final = 200
_MIDDLE: Final = 5
"""Where a product without a mark stands among others, of 10."""


def update_notes(
    observation: str,
    notes: Mapping[str, Any] | None,
    marks: Sequence[Mapping[str, Any]] | None = None,
) -> Notes:
    """Return the notes with what a `prompt` observation shows.

    Args:
        observation: What the shop shows now.
        notes: The notes of the step before; None at the start.
        marks: What was thought of products: each the identifier as `product`, a `promise` and
            `why`. Of two for one product the later one counts; one for a product that was never
            seen is ignored.

    Raises:
        ReadingError: It is no `prompt` observation.
    """
    view = _read(observation)
    before = notes or _NOTHING
    now: Notes = {
        "kind": view.kind,
        "steps": before["steps"] + 1,
        "steps_left": view.steps_left,
        "searches": before["searches"],
        "listed": before["listed"],
        "fresh": [],
        "product": view.asin or None,
        "chosen": before["chosen"] if view.kind in (*_TEXTS, "reviews", "attributes") else {},
        "products": dict(before["products"]),
    }
    _mark(now, marks or ())
    known = now["products"].get(view.asin)
    if view.kind == "results":
        _note_results(view, now)
    elif view.kind == "item":
        _note_item(view, now)
    elif view.kind in _TEXTS:
        _note(now, view.asin, {view.kind: "\n".join(view.details)})
    now["products"] = _kept(now["products"])
    here = {"asin": view.asin, **now["products"][view.asin]} if view.asin else None
    now["here"] = here
    now["learned"] = here is not None and _is_news(known, here)
    options = (here or {}).get("options") or {}
    now["choosable"] = [value for values in options.values() for value in values]
    now["unchosen"] = _unchosen(view)
    now["offers"] = _offers(view, now)
    now["promising"] = _promising(now)
    return now


def _read(observation: str) -> View:
    try:
        return read(observation)
    except ReadingError as error:
        hint = "notes are made from 'prompt' observations: set observation_mode: prompt under env"
        raise ReadingError(f"{hint}. Found {observation[:80]!r}") from error


def _mark(notes: Notes, marks: Sequence[Mapping[str, Any]]) -> None:
    for mark in marks:
        if mark["product"] in notes["products"]:
            why = shortened(mark["why"], _LONGEST_WHY)
            _note(notes, mark["product"], {"promise": mark["promise"], "why": why})


def _is_news(before: Mapping[str, Any] | None, now: Mapping[str, Any]) -> bool:
    told = ("options", *_TEXTS)
    return any(now[name] is not None and (before is None or before[name] is None) for name in told)


def _unchosen(view: View) -> list[str]:
    chosen = {option.chosen for option in view.options}
    return [
        value
        for option in view.options
        for value in option.values
        if option.chosen is None and value not in chosen
    ]


def _offers(view: View, notes: Notes) -> dict[str, str]:
    here = notes["here"] or {}
    spent = [BACK_TO_SEARCH, *(name for name in DETAILS if here.get(name.lower()) is not None)]
    buttons = [button for button in view.buttons if button not in spent]
    products = {f"product {n}": item.asin for n, item in enumerate(view.products, 1)}
    found = {**products, **{text: text for text in [*notes["unchosen"], *buttons]}}
    return {name: f"click[{text}]" for name, text in found.items()}


def _promising(notes: Notes) -> list[dict[str, Any]]:
    told = ("title", "price", "promise", "why")
    fresh = {item["asin"] for item in notes["fresh"]}
    left = [
        {"asin": asin, **{name: known[name] for name in told}}
        for asin, known in notes["products"].items()
        if known["options"] is None and asin not in fresh
    ]
    return sorted(left, key=_promise, reverse=True)[:SHOWN]


def _promise(item: Mapping[str, Any]) -> float:
    return _MIDDLE if item["promise"] is None else item["promise"]


def _kept(products: dict[str, Any]) -> dict[str, Any]:
    """The products without the oldest, where there are too many."""
    in_order = sorted(products, key=lambda asin: products[asin]["options"] is not None)
    gone = {*in_order[: max(0, len(products) - KEPT)]}
    return {asin: known for asin, known in products.items() if asin not in gone}


def _note_results(view: View, notes: Notes) -> None:
    if view.query not in notes["searches"]:
        notes["searches"] = [*notes["searches"], view.query][-SEARCHES:]
    notes["listed"] = [listing.asin for listing in view.products]
    for index, listing in enumerate(view.products):
        seen = {"title": listing.title, "price": listing.price}
        if listing.asin not in notes["products"]:
            notes["fresh"].append({"asin": listing.asin, **seen})
        _note(notes, listing.asin, seen)
        known = notes["products"][listing.asin]
        place = [view.query, PAGE * (view.number - 1) + index]
        if place not in known["places"]:
            known["places"] = [*known["places"], place][-_PLACES:]


def _note_item(view: View, notes: Notes) -> None:
    options = {option.name: list(option.values) for option in view.options}
    _note(notes, view.asin, {"title": view.title, "price": view.price, "options": options})
    notes["chosen"] = {option.name: option.chosen for option in view.options if option.chosen}


def _note(notes: Notes, asin: str, what: Mapping[str, Any]) -> None:
    unknown: dict[str, Any] = {"places": [], **dict.fromkeys(_UNKNOWN)}
    notes["products"][asin] = {**unknown, **notes["products"].get(asin, {}), **what}
