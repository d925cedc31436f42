"""Small rules of English: articles, lists, capitals, one or many."""

from collections.abc import Mapping, Sequence
from functools import cache

ONE: Mapping[str, str] = {
    **{"This": "This", "this": "this", "It": "It", "it": "it", "its": "its", "Its": "Its"},
    **{"is": "is", "has": "has", "does": "does", "was": "was", "them": "it"},
    **{"s": "s", "es": "es", "brand": "{brand}"},
}
"""What the slots of the data become for a kind that is spoken of as one thing."""
MANY: Mapping[str, str] = {
    **{"This": "These", "this": "these", "It": "They", "it": "they", "its": "their"},
    **{"Its": "Their", "is": "are", "has": "have", "does": "do", "was": "were", "them": "them"},
    **{"s": "", "es": "", "brand": "{brand}"},
}
"""The same for shoes, earbuds and curtains."""

_SMALL = frozenset({"a", "an", "and", "by", "for", "in", "of", "on", "or", "the", "to", "with"})
_UNITS = frozenset({"x", "oz", "fl", "ft", "mm", "ml", "cm"})
_UPPER = frozenset(
    {"4k", "aa", "bpa", "dvr", "gmo", "gps", "hd", "hdmi", "hdr", "lcd", "led", "ms", "pc", "pu"}
    | {"rgb", "spf", "tpu", "tv", "uhd", "upf", "usb", "uv", "xl", "2xl", "3xl"}
)
_AN = ("8", "11", "18", "hdmi", "hd ", "led", "lcd", "spf", "hour", "heir", "honest", "herb")
_A = ("uni", "usb", "use", "uti", "euro", "one", "once", "uhd", "uv")


def an(phrase: str) -> str:
    """The phrase with its article: "an oak desk", "a USB hub"."""
    low = phrase.lower()
    if low.startswith(_A):
        vowel = low.startswith(("unin", "unim"))
    else:
        vowel = low[:1] in "aeiou" or low.startswith(_AN)
    return f"an {phrase}" if vowel else f"a {phrase}"


def listed(phrases: Sequence[str], last: str = "and") -> str:
    """`a, b and c`."""
    if len(phrases) < 2:
        return "".join(phrases)
    return f"{', '.join(phrases[:-1])} {last} {phrases[-1]}"


@cache
def titled(phrase: str) -> str:
    """The phrase as the titles of listings write it: "Easy to Clean", "4K HDMI Cable"."""
    return " ".join(_word(word, first=i == 0) for i, word in enumerate(phrase.split(" ")))


def _word(word: str, *, first: bool) -> str:
    if word in _UPPER:
        return word.upper()
    if word in _UNITS or (word in _SMALL and not first):
        return word
    head = 1 if word[:1] == "(" else 0
    capital = word[: head + 1].upper() + word[head + 1 :]
    return "-".join(part[:1].upper() + part[1:] for part in capital.split("-"))


def sentence(text: str) -> str:
    """The text with a capital at its beginning."""
    return text[:1].upper() + text[1:]
