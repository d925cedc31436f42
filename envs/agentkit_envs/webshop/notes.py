"""A shopper's notes: everything that was seen of the shop in an episode.

`update_notes` is the function `webshop_notes` of agents: it adds what an observation shows to the
notes, and judges nothing. A node can then read of products that are not on the page any more.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit_envs.webshop.pages.prompt_reader import ReadingError, read
from agentkit_envs.webshop.pages.view import View

Notes = dict[str, Any]
"""Values of JSON only, so that they can be an agent's memory:

- kind: the page, as in `View.kind`
- steps: observations so far
- steps_left: decisions before the episode is cut off, or null
- searches: what was searched for, the latest last
- listed: identifiers of the products on the last page of results
- fresh: products of this page that were not seen before: asin, title, price
- promising: the best `SHOWN` products that were marked and not opened yet, best first: asin, title,
  price, promise, why
- product: identifier of the product that the page is about, or null
- here: what is known of it, with its asin, or null
- same_page: whether the page is about the same as the one of the step before, so that nothing but a
  chosen option can have changed
- choosable: the values that can be chosen on this page, of all options
- chosen: its options that are chosen
- products: identifier to what is known of a product: title, price, places (pairs of a search's
  number and the place among its results, both from 0), options, description, features (null where
  not looked at), promise and why (null where not marked)
"""

_TEXTS = ("description", "features")
_UNKNOWN = ("options", "description", "features", "promise", "why")
_NOTHING: Notes = {
    "steps": 0, "searches": [], "listed": [], "fresh": [], "products": {}, "chosen": {},
    "kind": None, "product": None,
}  # fmt: skip
PAGE = 10
"""Products on a page of results."""
SHOWN = 8
"""So many promising products are told of."""


def update_notes(
    observation: str,
    notes: Mapping[str, Any] | None,
    marks: Sequence[Mapping[str, Any]] | None = None,
) -> Notes:
    """The notes with what a `prompt` observation shows.

    Args:
        observation: What the shop shows now.
        notes: The notes of the step before; None at the start.
        marks: What was then thought of its fresh products, in their order: each a `promise` and
            `why`. None if nobody was asked.

    Raises:
        ReadingError: It is no `prompt` observation.
        ValueError: There is not one mark for each fresh product.
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
        "same_page": bool(view.asin)
        and (view.kind, view.asin) == (before["kind"], before["product"]),
        "choosable": [value for option in view.options for value in option.values],
        "chosen": before["chosen"] if view.kind in (*_TEXTS, "reviews", "attributes") else {},
        "products": dict(before["products"]),
    }
    _mark(now, before["fresh"], marks)
    if view.kind == "results":
        _note_results(view, now)
    elif view.kind == "item":
        _note_item(view, now)
    elif view.kind in _TEXTS:
        _note(now, view.asin, {view.kind: "\n".join(view.details)})
    now["here"] = {"asin": view.asin, **now["products"][view.asin]} if view.asin else None
    now["promising"] = _promising(now["products"])
    return now


def _read(observation: str) -> View:
    try:
        return read(observation)
    except ReadingError as error:
        hint = "notes are made from 'prompt' observations: set observation_mode: prompt under env"
        raise ReadingError(f"{hint}. Found {observation[:80]!r}") from error


def _mark(
    notes: Notes, fresh: Sequence[Mapping[str, Any]], marks: Sequence[Mapping[str, Any]] | None
) -> None:
    if marks is None:
        return
    if len(marks) != len(fresh):
        raise ValueError(f"marks: expected one for each of {len(fresh)} fresh products, found "
                         f"{len(marks)}")  # fmt: skip
    for item, mark in zip(fresh, marks, strict=True):
        _note(notes, item["asin"], {"promise": mark["promise"], "why": mark["why"]})


def _promising(products: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = ("title", "price", "promise", "why")
    marked = [
        {"asin": asin, **{name: known[name] for name in told}}
        for asin, known in products.items()
        if known["promise"] is not None and known["options"] is None
    ]
    return sorted(marked, key=lambda item: -item["promise"])[:SHOWN]


def _note_results(view: View, notes: Notes) -> None:
    if view.query not in notes["searches"]:
        notes["searches"] = [*notes["searches"], view.query]
    search = notes["searches"].index(view.query)
    notes["listed"] = [listing.asin for listing in view.products]
    for index, listing in enumerate(view.products):
        seen = {"title": listing.title, "price": listing.price}
        if listing.asin not in notes["products"]:
            notes["fresh"].append({"asin": listing.asin, **seen})
        _note(notes, listing.asin, seen)
        known = notes["products"][listing.asin]
        place = [search, PAGE * (view.number - 1) + index]
        if place not in known["places"]:
            known["places"] = [*known["places"], place]


def _note_item(view: View, notes: Notes) -> None:
    options = {option.name: list(option.values) for option in view.options}
    _note(notes, view.asin, {"title": view.title, "price": view.price, "options": options})
    notes["chosen"] = {option.name: option.chosen for option in view.options if option.chosen}


def _note(notes: Notes, asin: str, what: Mapping[str, Any]) -> None:
    unknown: dict[str, Any] = {"places": [], **dict.fromkeys(_UNKNOWN)}
    notes["products"][asin] = {**unknown, **notes["products"].get(asin, {}), **what}
