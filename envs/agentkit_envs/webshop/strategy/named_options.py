"""Options that free speech names, such as "in the color navy", "a 9 inch size"."""

import re
from typing import TypedDict


class Choice(TypedDict):
    """A value of an option."""

    option: str
    """The option's name, such as "color"."""
    value: str


_NOUN = r"""
(?:flavou?r|colou?r|size|scent|style|pattern|quantity|shape|fit|length|width)(?:\ name|\ type)?
"""
_LEAD = r"\b(?:in|the|an?|with|and|take|choose|pick|like|of)\s+"
_ASKING = r"""
(?:take|choose|pick|like|buy|find|get|give|looking|need|order|purchase|search|show|want|me|us)
"""
_SIZE_LAST = re.compile(
    r"""
    \b(?P<option>size)\s+
    (?P<value>\d[\w.]*\b | (?:x+-?|extra[\ -])?(?:small|large) | medium | x*[sml])
    (?=\s*(?:[,;!?]|\.(?:\s|$)|$))
    """,
    re.VERBOSE,
)
""" "black shoes size 10", where no comma stands before the size."""
_NOUN_FIRST = re.compile(
    rf"""
    (?:^ | [,.:;?!]\s* | {_LEAD} | \b(?:want|need|has)\s+)
    (?P<option>{_NOUN})\b
    (?:\s+(?:should|must|has\ to|needs\ to)\ be | \s+is | \s+of(?!\ the\b))?
    (?::\s* | \s+)
    (?!(?:and|or|in|of|the)\b)
    (?P<value>\S.*?)
    (?=
        (?:,?\ and|,)\ (?:the\ )? (?:(?!and\b)[^\s,]+\ ){{0,4}} {_NOUN}\b
        | ,?\ (?:please|for|that|which|with\ (?:an?|the|no))\b
        | [.?!;,](?:\s|$)
        | $
    )
    """,
    re.VERBOSE,
)
""" "color navy", "size: 10", "the scent should be vanilla"."""
_VALUE_FIRST = re.compile(
    rf"""
    (?: {_LEAD} | \b{_ASKING}\s+ | ,\s* | ^)
    (?P<value>
        (?!(?:travel|plus|life)\b)
        (?: (?!(?:in|the|an?|some|any|with|for|that|to|is|and\ the|and\ a|{_ASKING})\ )
            [^\s,;?!]+\s+ ){{1,6}}?
    )
    (?P<option>(?!(?:fit|length|width)\b){_NOUN})\b
    """,
    re.VERBOSE,
)
""" "navy color", "a 9 inch size"; not "travel size", which is a quality. No value goes across a
word of asking: "buy me black shoes, size 10" names no size "buy me black shoes".
"""
_VALUE_LEFT = re.compile(r"^(?:an?|the|in|with|of|and)\s+")


def named_options(text: str) -> tuple[list[Choice], str]:
    """The options that a text names, and the text without them. The text is in lower case."""
    choices: dict[str, str] = {}
    while match := _next(text):
        name = match["option"].replace("our", "or")
        choices[name] = _VALUE_LEFT.sub("", match["value"].strip(" ,"))
        rest = text[match.end() :]
        text = f"{text[: match.start()]} {',' if rest.strip() else ''} {rest}"
    return [Choice(option=name, value=value) for name, value in choices.items() if value], text


def _next(text: str) -> re.Match[str] | None:
    patterns = (_NOUN_FIRST, _SIZE_LAST, _VALUE_FIRST)
    found = [match for pattern in patterns if (match := pattern.search(text))]
    return min(found, key=lambda match: match.start("option"), default=None)
