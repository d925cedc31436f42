"""Words of instructions and of shop pages, compared as the search compares them."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from agentkit_envs.webshop.search.analyzer import tokens

_SIGNS = re.compile(r"[^a-z0-9]+")


@lru_cache(maxsize=1 << 14)
def letters(text: str) -> str:
    """Only the letters and digits, in lower case: "X-Large " and "xlarge" are the same."""
    return _SIGNS.sub("", text.lower())


@lru_cache(maxsize=1 << 12)
def stems(text: str) -> tuple[str, ...]:
    """The words of a text as the search knows them: no plurals, no little words."""
    return tuple(tokens(text))


@lru_cache(maxsize=1 << 10)
def _places(text: str) -> dict[str, list[int]]:
    """Where each word of a text stands; numbers take no place of their own."""
    found: dict[str, list[int]] = {}
    place = 0
    for word in stems(text):
        found.setdefault(word, []).append(place)
        place += not word[0].isdigit()
    return found


def share(wanted: Sequence[str], text: str) -> float:
    """How many of the wanted words a text has, from 0 to 1."""
    if not wanted:
        return 0.0
    there = _places(text)
    return sum(word in there for word in wanted) / len(wanted)


@lru_cache(maxsize=1 << 14)
def support(phrase: str, text: str) -> float:
    """How clearly a text says a phrase: 1 is word by word, 0 is not at all."""
    wanted = list(dict.fromkeys(stems(phrase)))
    places = _places(text)
    known = [places[word] for word in wanted if word in places]
    if len(known) < len(wanted) and _in_one_word(wanted, text):
        return 1.0
    if not wanted or len(known) < len(wanted):
        return 0.3 * len(known) / len(wanted) if wanted else 0.0
    spread = min(_spread(start, known) for start in known[0]) - len(wanted)
    return 1.0 if spread <= 0 else 0.9 if spread <= 2 else 0.6 if spread <= 6 else 0.4


def _spread(start: int, known: list[list[int]]) -> int:
    """How many words the phrase takes up where its first word stands at a place."""
    nearest = [min(places, key=lambda place: abs(place - start)) for places in known]
    return max(nearest) - min(nearest) + 1


def _in_one_word(wanted: Sequence[str], text: str) -> bool:
    """Whether a text has the words joined, or one word in two: "light weight", "lightweight"."""
    if len(wanted) == 2:
        return "".join(wanted) in _places(text)
    return len(wanted) == 1 and wanted[0] in _joined(text)


@lru_cache(maxsize=1 << 10)
def _joined(text: str) -> frozenset[str]:
    """Each two neighbouring words of a text in one."""
    there = stems(text)
    return frozenset(one + other for one, other in pairwise(there))
