"""Texts that a goal tells to write: what it quotes, dates, numbers, names."""

import re
from collections.abc import Iterator
from typing import Final

_QUOTED = re.compile(r'"(.*?)"(?=[\s.,?)]|$)')
_DATE = re.compile(r"\b(\d\d?)/(\d\d?)/(\d{4})\b")
_TIME = re.compile(r"\b(\d\d?):(\d\d) ?([AP]M)\b")
_OTHERS: Final = (
    re.compile(r"#[0-9a-fA-F]{6}\b"),  # a colour
    re.compile(r"(?<=[a-z]: ).+?(?= [a-z]+: | on | and |[.;]|$)"),  # what follows a colon
    re.compile(r"(?<![\w/:#.-])-?\d+(?:\.\d+)?(?![\w/:])(?!\.\d)"),  # a number
    re.compile(r"(?<=[a-z,] )[A-Z]\w*(?: [A-Z]\w*)*"),  # a name
)


def texts_of(goal: str) -> list[str]:
    """Return the texts that a goal names, the quoted ones first.

    Dates and times come in the goal's spelling and in that of fields: 2026-01-31, 21:37.
    """
    goal = " ".join(goal.split())
    found = [*_QUOTED.findall(goal)]
    rest = _QUOTED.sub("", goal)
    for date in _DATE.finditer(rest):
        found += [date[0], f"{date[3]}-{int(date[1]):02}-{int(date[2]):02}"]
    for time in _TIME.finditer(rest):
        hour = int(time[1]) % 12 + (12 if time[3] == "PM" else 0)
        found += [time[0], f"{hour:02}:{time[2]}"]
    rest = _TIME.sub("", _DATE.sub("", rest))
    found += [match[0].strip() for kind in _OTHERS for match in kind.finditer(rest)]
    if re.search(r"\bupper\b", rest):
        found = [text.upper() for text in found]
    if re.search(r"\blower\b", rest):
        found = [text.lower() for text in found]
    return list(dict.fromkeys(found))


def mentions(goal: str, name: str) -> Iterator[int]:
    """Yield the places where a goal has a name as a word of its own; capitals do not matter."""
    words = " ".join(name.split()).casefold()
    if words:
        pattern = rf"(?<!\w){re.escape(words)}(?!\w)"
        for match in re.finditer(pattern, " ".join(goal.split()).casefold()):
            yield match.start()
