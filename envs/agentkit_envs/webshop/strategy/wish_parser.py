"""What an instruction asks for: the kind of product, its attributes, its options, the price limit.

Two manners of speaking are read. WebShop's own lists: "Find me A, B lamps with C for D with color:
red, and size: 10, and price lower than 30.00 dollars". And free speech: see `free_speech`.
"""

import re
from typing import TypedDict

from agentkit_envs.webshop.strategy.free_speech import heard, without_opening
from agentkit_envs.webshop.strategy.named_options import Choice
from agentkit_envs.webshop.strategy.price_limit import without_price
from agentkit_envs.webshop.strategy.synonyms import plainly


class Wish(TypedDict):
    """What an instruction asks for."""

    product: str
    """The kind of product, in a few words."""
    attributes: list[str]
    options: list[Choice]
    price_limit: float | None
    """In USD; None if no limit is named."""


ANYTHING = ("best seller", "gift", "set", "new", "home", "women", "men")
"""What is searched for when nothing else finds a product: buying nothing scores nothing."""
_LIST = re.compile(r"find me (?!.*(?:\bthat\b|[.?!]\s))")
_NAMED = re.compile(r"(?:\bwith|,? and|,)\s+(?P<name>(?:(?!with\b|and\b|for\b)[a-z]+ ?){1,3}): ")
_OWNER = re.compile(r"\b(?:women|men|girl|boy|children|kid|baby)'?s'?\s")


def parse_wish(instruction: str) -> Wish:
    """What an instruction asks for."""
    limit, text = without_price(instruction.lower())
    product, attributes, options = _read_list(text) if _LIST.match(text) else heard(plainly(text))
    return Wish(product=product, attributes=attributes, options=options, price_limit=limit)


def queries(wish: Wish, words: str) -> list[str]:
    """What to search for, one after the other.

    The search counts a word as often as it stands there, and the values of options are rarer
    than most attributes, so the first search says them twice on purpose.
    """
    values = [f"{choice['option']} {choice['value']}" for choice in wish["options"]]
    tries = [
        " ".join([wish["product"], *values, *values]) if values else "",
        without_opening(words.lower()),
        " ".join([wish["product"], *wish["attributes"]]),
        wish["product"],
        wish["product"].rpartition(" ")[2],
        words.lower(),
        *ANYTHING,
    ]
    tidy = (" ".join(text.split()) for text in tries)
    return [query for query in dict.fromkeys(tidy) if query]


def _read_list(text: str) -> tuple[str, list[str], list[Choice]]:
    """The parts of "find me a, b lamps with c for d with color: red, and size: 10"."""
    head, options = _named_options(text)
    first, *tails = re.split(r"\s+(?:with|for)\s+", head.removeprefix("find me "))
    owner = _OWNER.search(first)
    pieces = first[: owner.start() if owner else len(first)].split(",")
    product = first[owner.start() :] if owner else ""
    if not product:
        words = pieces.pop().split()
        at = 2 if len(words) > 2 else 0
        pieces.append(" ".join(words[:at]))
        product = " ".join(words[at:])
    for tail in tails:
        pieces += tail.split(",")
    return product.strip(), [name.strip() for name in pieces if name.strip()], options


def _named_options(text: str) -> tuple[str, list[Choice]]:
    """What stands before the options that are written as "name: value", and these."""
    marks = list(_NAMED.finditer(text))
    if not marks:
        return text, []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    options = [
        Choice(option=mark["name"].strip(), value=text[mark.end() : end].strip(" ,"))
        for mark, end in zip(marks, ends, strict=True)
    ]
    return text[: marks[0].start()], options
