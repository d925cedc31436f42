"""What an instruction asks for: the kind of product, its attributes, its options, the price limit.

Two manners of speaking are read. WebShop's own: "Find me A, B lamps with C for D with color: red,
and size: 10, and price lower than 30.00 dollars". And free speech, such as "I need a red lamp that
is easy to clean, for less than $30", of which only the parts are marked that leave little doubt.
"""

import re
from typing import TypedDict

from agentkit_envs.webshop.strategy.words import squeeze


class Choice(TypedDict):
    """A value of an option."""

    option: str
    """The option's name, such as "color"."""
    value: str


class Wish(TypedDict):
    """What an instruction asks for."""

    product: str
    """The kind of product, in a few words."""
    attributes: list[str]
    options: list[Choice]
    price_limit: float | None
    """In USD; None if no limit is named."""


_MONEY = re.compile(
    r"(?:us\s?\$|usd|\$)\s?(?P<before>\d[\d,]*(?:\.\d+)?)"
    r"|(?P<after>\d[\d,]*(?:\.\d+)?)\s?(?:us dollars?|dollars?|usd|bucks|\$)"
    r"|(?:under|below|than|most|more|to|budget|maximum|max|limit|cap|price|is|of|within|at)[:\s]+"
    r"(?P<bare>\d[\d,]*\.\d\d)(?![\w.])(?!\s?(?:us |dollar|usd|bucks|\$))",
    re.IGNORECASE,
)
_PRICE_WORDS = """
    a about afford all altogether an and any anything around as at be below beyond budget but by
    can cannot cap ceiling cheaper cost costing costs do don't dont exceed exceeding exceeds for
    from go going got have i i'd i'll if in is it it's its keep keeping less limit limited lower
    max maximum me more most must my near need needs no not of only or over pay paying please
    price priced prices prefer preferably ranging remain should smaller spend spending stay
    staying stays than that the them these this to total under up want which willing with within
    would you
"""
_ABOUT_PRICE = frozenset(_PRICE_WORDS.split())
_NAMED = re.compile(r"(?:\bwith|,? and|,)\s+(?P<name>(?:(?!with\b|and\b|for\b)[a-z]+ ?){1,3}): ")
_OPENING = re.compile(
    r"^(?:(?:hi|hello|hey|please|can|could|would|you|i|i'm|im|i'd|id|i'll|am|we|we're|need|want|"
    r"wanna|like|love|wish|hoping|trying|looking|searching|search|shopping|seeking|hunting|after|"
    r"for|to|find|get|buy|purchase|order|have|show|help|give|me|us|my|a|an|the|some|any|one|pair|"
    r"set|of|new|in|market|do|sell|is|there|are|kindly|pick|up|out|let's|lets)\b[\s,!.]*)+",
    re.IGNORECASE,
)
_OWNER = re.compile(r"\b(?:women|men|girls?|boys?|children|kids|baby)'?s\b")
_SAID_OPTION = (
    re.compile(
        r"\b(?P<option>colou?r|size|flavou?r|scent|style|pattern|finish|material|shape)"
        r"(?:\s+(?:should be|must be|is|of|in|called|named))?\s*:?\s+"
        r"(?P<value>[^,.;]+?)(?=\s+(?:and|with|for|in|that|which|please|size|colou?r|flavou?r"
        r"|scent|style)\b|[,.;]|$)"
    ),
    re.compile(
        r"\b(?:in|of|the|a|an|with)\s+(?P<value>(?:[^\s,.;]+\s+){1,3}?)"
        r"(?P<option>colou?r|size|flavou?r|scent|style|pattern|finish)(?:e?d)?\b"
    ),
)


def parse_wish(instruction: str) -> Wish:
    """What an instruction asks for."""
    limit, text = without_price(instruction)
    head, options = _named_options(text)
    product, attributes = _listed(head)
    if not options and not _is_list(head):
        options = _said_options(head.lower())
    return Wish(product=product, attributes=attributes, options=options, price_limit=limit)


def queries(wish: Wish, words: str) -> list[str]:
    """What to search for, one after the other.

    The search counts a word as often as it stands there, and the values of options are rarer
    than most attributes, so the first search says them twice.
    """
    values = [f"{choice['option']} {choice['value']}" for choice in wish["options"]]
    tries = [
        " ".join([wish["product"], *values, *values]) if values else "",
        _OPENING.sub("", words),
        " ".join([wish["product"], *wish["attributes"]]),
        wish["product"],
        wish["product"].rpartition(" ")[2],
        words,
    ]
    return [query for query in dict.fromkeys(squeeze(text).lower() for text in tries) if query]


def without_price(instruction: str) -> tuple[float | None, str]:
    """The price limit, and the instruction without the words about it."""
    text = squeeze(instruction)
    found = list(_MONEY.finditer(text))
    if not found:
        return None, text
    last = found[-1]
    amount = float((last["before"] or last["after"] or last["bare"]).replace(",", ""))
    before = _trimmed(text[: last.start()])
    after = _trimmed(text[last.end() :], at_start=True)
    return amount, f"{before}, {after}" if before and after else before + after


def _trimmed(text: str, at_start: bool = False) -> str:
    """The text without the words about a price at its end (or start), up to a comma."""
    pattern = r"^\s*([\w']+)(?=([\s,;.]*))" if at_start else r"([\s,;.]*)\b([\w']+)[\s:-]*$"
    while match := re.search(pattern, text):
        word, gap = (match[1], match[2]) if at_start else (match[2], match[1])
        if word.lower() not in _ABOUT_PRICE:
            break
        text = text[match.end() :] if at_start else text[: match.start()]
        if gap.strip():
            break
    return text.strip(" ,;:.")


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


def _is_list(text: str) -> bool:
    return text.lower().startswith("find me ")


def _listed(text: str) -> tuple[str, list[str]]:
    """The kind of product and the attributes of "Find me A, B lamps with C for D"."""
    plain = _OPENING.sub("", text)
    head, *tails = re.split(r"\s+(?:with|for|that|which|made|in)\s+", plain)
    attributes = []
    owner = _OWNER.search(head)
    cut = owner.start() if owner else len(head)
    first, product = head[:cut], head[cut:]
    pieces = [piece.strip() for piece in first.split(",")]
    if not product:
        words = pieces.pop().split()
        split = 2 if len(words) > 2 else 0
        pieces.append(" ".join(words[:split]))
        product = " ".join(words[split:])
    attributes += pieces
    for tail in tails:
        attributes += re.split(r",| and ", tail)
    return product.strip(), [name.strip() for name in attributes if name.strip()]


def _said_options(text: str) -> list[Choice]:
    """Options that free speech names, such as "in size 10" or "a red color"."""
    found: dict[str, str] = {}
    for pattern in _SAID_OPTION:
        for match in pattern.finditer(text):
            name = match["option"].replace("our", "or")
            found.setdefault(name, match["value"].strip())
    return [Choice(option=name, value=value) for name, value in found.items() if value]
