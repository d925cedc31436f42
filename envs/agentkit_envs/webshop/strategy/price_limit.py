"""The price limit in an instruction, and the instruction without the words about it."""

import re

_MONEY = re.compile(
    r"(?:us\s?\$|usd|\$)\s?(?P<before>\d[\d,]*(?:\.\d+)?)"
    r"|(?<!\d)(?<!\d,)(?P<after>\d[\d,]*(?:\.\d+)?)\s?(?:us dollars?|dollars?|usd|bucks|\$)"
    r"|(?:under|below|than|most|more|to|budget|maximum|max|limit|cap|price|is|of|within|at)[:\s]+"
    r"(?P<bare>\d[\d,]*\.\d\d)(?![\w.])(?!\s?(?:us |dollar|usd|bucks|\$))",
    re.IGNORECASE,
)
_PRICE_WORDS = """
    a about afford all altogether an and any anything around as at be below beyond budget but by
    can cannot cap ceiling cheaper cost costing costs do don't dont exceed exceeding exceeds for
    from go going got has have i i'd i'll if in is it it's its keep keeping less limit limited
    lower max maximum me more most must my near need needs no not of or over pay paying please
    price priced prices prefer preferably ranging remain should smaller spend spending stay staying
    stays than that the them these they this to total under up want which willing with within would
    you
"""
_ABOUT_PRICE = frozenset(_PRICE_WORDS.split())
_FIRST = re.compile(r"^\s*([\w']+)(?=([\s,;.]*))")
_LAST = re.compile(r"([\s,;.]*)\b([\w']+)[\s:-]*$")


def without_price(instruction: str) -> tuple[float | None, str]:
    """The price limit in USD, or None, and the instruction without the words about it."""
    text = " ".join(instruction.split())
    found = list(_MONEY.finditer(text))
    if not found:
        return None, text
    last = found[-1]
    amount = float((last["before"] or last["after"] or last["bare"]).replace(",", ""))
    before, after = _trimmed_end(text[: last.start()]), _trimmed_start(text[last.end() :])
    return amount, f"{before}, {after}" if before and after else before + after


def _trimmed_end(text: str) -> str:
    """The text without the words about a price at its end, up to the comma before them."""
    while match := _LAST.search(text):
        gap, word = match.groups()
        if word.lower() not in _ABOUT_PRICE:
            break
        text = text[: match.start()]
        if gap.strip():
            break
    return text.strip(" ,;:.")


def _trimmed_start(text: str) -> str:
    """The text without the words about a price at its start, up to the comma behind them."""
    while match := _FIRST.search(text):
        word, gap = match.groups()
        if word.lower() not in _ABOUT_PRICE:
            break
        text = text[match.end() :]
        if gap.strip():
            break
    return text.strip(" ,;:.")
