"""Which value of each option an instruction asks for, on the page of a product."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from thefuzz import fuzz

from agentkit_envs.webshop.goals.text_matching import alike, colour_of
from agentkit_envs.webshop.strategy.named_options import Choice
from agentkit_envs.webshop.strategy.wish_parser import Wish
from agentkit_envs.webshop.strategy.word_matching import letters

Options = Mapping[str, Sequence[str]]
"""Option names to their values."""

_ALIKE = 0.8
_NEAR = 0.3
_OTHER_NAME = 0.04
_CHOSEN_FROM = 0.1
"""Worse fits than this are not chosen."""
_WORD = re.compile(r"[a-z0-9]+(?:\.[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Picked:
    """What to choose on a product's page."""

    values: dict[str, str]
    """By option name."""
    fits: tuple[float, ...]
    """How well each wanted option is met, 0 to 1, in the order of the wish."""


def pick(options: Options, wish: Wish, words: str) -> Picked:
    """The values that a wish asks for, or else those that the words of an instruction say."""
    choosable = _choosable(options)
    named = _pick_named(choosable, wish["options"])
    said = {
        name: value
        for name, values in choosable.items()
        if name not in named.values and (value := _most_said(values, words)) is not None
    }
    return Picked({**named.values, **said}, named.fits)


def _choosable(options: Options) -> dict[str, list[str]]:
    """The values that a click chooses: one that several options have goes to the last of them."""
    owner = {value: name for name, values in options.items() for value in values}
    return {name: [v for v in values if owner[v] == name] for name, values in options.items()}


def _pick_named(options: Options, wanted: list[Choice]) -> Picked:
    chosen: dict[str, str] = {}
    fits = []
    for choice in wanted:
        rated = [
            (fit(choice, name, value), -place, name, value)
            for name, values in options.items()
            for place, value in enumerate(values)
            if chosen.get(name, value) == value
        ]
        quality, _, name, value = max(rated, default=(0.0, 0, "", ""))
        fits.append(quality)
        if quality > _CHOSEN_FROM:
            chosen[name] = value
    return Picked(chosen, tuple(fits))


def fit(wanted: Choice, name: str, value: str) -> float:
    """How well a value of an option is the wanted one, from 0 to 1."""
    other_name = 0.0 if _same_name(wanted["option"], name) else _OTHER_NAME
    if letters(wanted["value"]) == letters(value):
        return 1.0 - other_name
    if alike(colour_of(value), f"{wanted['option']} {colour_of(wanted['value'])}"):
        return _ALIKE + 0.1 * float(fuzz.ratio(wanted["value"], value)) / 100 - other_name
    if other_name:
        return 0.0
    return _NEAR * float(fuzz.token_set_ratio(wanted["value"], value)) / 100


def _same_name(one: str, other: str) -> bool:
    first, second = (letters(name.lower().replace("our", "or")) for name in (one, other))
    return first in second or second in first


def _most_said(values: Sequence[str], words: str) -> str | None:
    rated = [(said(value, words), -place, value) for place, value in enumerate(values)]
    clarity, _, value = max(rated, default=(0.0, 0, ""))
    return value if clarity > 0 else None


def said(value: str, words: str) -> float:
    """How clearly words say a value; of several that are said, the longest counts most."""
    wanted, there = (_WORD.findall(text.lower()) for text in (value, words))
    size = len(wanted)
    if size and any(there[at : at + size] == wanted for at in range(len(there) - size + 1)):
        return 1.0 + 0.01 * size
    known = sum(word in there for word in wanted) / size if size else 0.0
    return 0.7 * known if known >= 0.5 else 0.0
