"""A shopper's notes: everything that was seen of the shop in an episode.

`update_notes` is the function `webshop_notes` of agents: it adds what an observation shows to the
notes, and judges nothing. A node can then read of products that are not on the page any more.
"""

from collections.abc import Mapping
from typing import Any

from agentkit_envs.webshop.reading import read
from agentkit_envs.webshop.view import View

Notes = dict[str, Any]
"""Values of JSON only, so that they can be an agent's memory:

- kind: the page, as in `View.kind`
- steps_left: decisions before the episode is cut off, or null
- searches: what was searched for, the latest last
- listed: identifiers of the products on the last page of results
- fresh: products of this page that were not seen before: asin, title, price
- product: identifier of the product that the page is about, or null
- chosen: its options that are chosen
- products: identifier to what is known of a product: title, price, places (pairs of a search's
  number and the place among its results, both from 0), options, description, features (null where
  not looked at)
"""

_TEXTS = ("description", "features")
PAGE = 10
"""Products on a page of results."""


def update_notes(observation: str, notes: Mapping[str, Any] | None) -> Notes:
    """The notes with what a `prompt` observation shows; `notes` is None at the start."""
    view = read(observation)
    before = notes or {"searches": [], "listed": [], "products": {}, "chosen": {}}
    now: Notes = {
        "kind": view.kind,
        "steps_left": view.steps_left,
        "searches": before["searches"],
        "listed": before["listed"],
        "fresh": [],
        "product": view.asin or None,
        "chosen": before["chosen"] if view.kind in (*_TEXTS, "reviews", "attributes") else {},
        "products": dict(before["products"]),
    }
    if view.kind == "results":
        _note_results(view, now)
    elif view.kind == "item":
        _note_item(view, now)
    elif view.kind in _TEXTS:
        _note(now, view.asin, {view.kind: "\n".join(view.details)})
    return now


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
    unknown: dict[str, Any] = {"places": [], "options": None, "description": None, "features": None}
    notes["products"][asin] = {**unknown, **notes["products"].get(asin, {}), **what}
