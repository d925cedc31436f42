"""What buying a product would probably be worth, from what is known of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit_envs.webshop.strategy.options import Picked, pick
from agentkit_envs.webshop.strategy.synonyms import ways_to_say
from agentkit_envs.webshop.strategy.wish_parser import Wish
from agentkit_envs.webshop.strategy.word_matching import share, stems, support

Known = Mapping[str, Any]
"""What the notes have of a product."""

PRICE = "price"
"""The requirement to stay within the limit."""
SAID = 0.6
"""From this support on, an attribute counts as said."""
_SURE = 0.97
_UNSAID = (0.15, 0.3, 0.5)
"""How likely a product has an attribute that was not seen, by how many of its pages are unread."""
_UNSEEN_OPTION = 0.5
_LIKENESS = ((0.99, 1.0), (0.95, 0.9), (0.7, 0.75))
"""How well an option's value fits, and what that is worth. The very value is worth more than one
that counts as the same at the till, because it is a sign of the very product."""
_POOR = 0.3
_NOT_MEANT = 0.9
"""A product without a value that is asked for cannot be the one that is meant: others will be
missing, too.
"""
_KIND = 0.25
"""What a title without any word of the wanted kind costs."""
_NEAR = 40.0
_CHEAP = 0.9
"""A limit is mostly named a little above the price of what is meant: a product that is cheaper by
more than `_NEAR` dollars is worth less by this factor."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What is known and thought of a product."""

    value: float
    """The share of the wish that it probably meets, 0 to 1."""
    best: float
    """The same if all that is not known yet turns out well."""
    picked: Picked
    """The options to choose."""
    met: tuple[str, ...]
    missing: tuple[str, ...]
    unsure: tuple[str, ...]
    """The requirements, by what is known of them."""
    unread: tuple[str, ...]
    """Pages about the product that were not looked at."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One requirement: how likely it is met, and how likely it may still turn out to be."""

    name: str
    chance: float
    hope: float


def worth(known: Known, wish: Wish, words: str) -> Worth:
    """What a product is probably worth to somebody with this wish, who said these words."""
    picked = pick(known["options"] or {}, wish, words)
    unread = tuple(name for name in ("features", "description") if known[name] is None)
    parts = [*_attributes(known, wish, len(unread)), *_options(known, wish, picked)]
    price = affordable(known["price"], wish["price_limit"])
    parts.append(_Part(PRICE, price, price))
    kind = _of_kind(known, wish, picked) / len(parts)
    return Worth(
        value=kind * sum(part.chance for part in parts),
        best=kind * sum(part.hope for part in parts),
        picked=picked,
        met=tuple(p.name for p in parts if p.chance > SAID),
        missing=tuple(p.name for p in parts if p.hope <= SAID),
        unsure=tuple(p.name for p in parts if p.chance <= SAID < p.hope),
        unread=unread,
    )


def _attributes(known: Known, wish: Wish, unread: int) -> list[_Part]:
    text = text_of(known)
    parts = []
    for name in wish["attributes"]:
        clear = max(support(words, text) for words in ways_to_say(name))
        chance = max(_UNSAID[unread], _SURE * clear if clear >= SAID else 0.0)
        parts.append(_Part(name, chance, 1.0 if unread else chance))
    return parts


def _options(known: Known, wish: Wish, picked: Picked) -> list[_Part]:
    names = [f"{choice['option']}: {choice['value']}" for choice in wish["options"]]
    if known["options"] is None:
        return [_Part(name, _UNSEEN_OPTION, 1.0) for name in names]
    fits = [_worth_of_fit(fit) for fit in picked.fits]
    return [_Part(name, fit, fit) for name, fit in zip(names, fits, strict=True)]


def _worth_of_fit(fit: float) -> float:
    return next((worth for least, worth in _LIKENESS if fit >= least), _POOR * fit)


def _of_kind(known: Known, wish: Wish, picked: Picked) -> float:
    """How likely a product is of the wanted kind."""
    kind = 1 - _KIND + _KIND * share(stems(wish["product"]), known["title"])
    limit = wish["price_limit"]
    if limit is not None and max(amounts(known["price"])) < limit - _NEAR:
        kind *= _CHEAP
    if known["options"] is not None and picked.fits and min(picked.fits) < _LIKENESS[-1][0]:
        kind *= _NOT_MEANT
    return kind


def text_of(known: Known) -> str:
    """Everything that was read about a product, with its options."""
    options = [f"{name}: {', '.join(values)}" for name, values in (known["options"] or {}).items()]
    texts = [known["title"], known["description"], known["features"], *options]
    return " . ".join(text for text in texts if text)


def amounts(price: str) -> list[float]:
    """The amounts in a price such as "$10.5" or "$16.05 to $40.98"."""
    return [float(part.strip().lstrip("$").replace(",", "")) for part in price.split(" to ")]


def affordable(price: str, limit: float | None) -> float:
    """How likely a price is within a limit."""
    low, high = min(amounts(price)), max(amounts(price))
    if limit is None or high <= limit:
        return 1.0
    return max(0.0, (limit - low) / (high - low)) if high > low else 0.0
