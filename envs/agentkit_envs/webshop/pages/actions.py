"""Actions as texts: `search[words]` and `click[text]`."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

_FORGIVING = re.compile(r"(search|click)\s*\[(.*)\]", re.IGNORECASE | re.DOTALL)
_IN_WORDS = re.compile(
    r"(?:(?P<click>click)(?:\s+on)?\b|(?P<search>search)(?:\s+for)?(?=\s*[:(\"'`]))"
    r"\s*(?::\s*(?P<after>[^\[\]]+)|\((?P<inside>[^\[\]]+)\)|(?P<bare>[^\[\]:(][^\[\]]*))",
    re.IGNORECASE,
)
""" "click on 'Buy Now'", "search: red lamp". A search without a mark is refused, because sentences
may begin with this word. What a click names must stand on the page anyway."""
_ANOTHER = re.compile(r"\][\s,;.]*(?:search|click)\s*\[")
_AROUND = "\"'`. "
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Action:
    """An action that was understood."""

    verb: Literal["search", "click"]
    words: str
    """In lower case."""


def parse_exactly(text: str) -> Action | None:
    """Read an action as the original does, which knows one spelling only.

    The words end at the last bracket and begin after the last bracket that opens, so words with
    brackets in them are not understood; text behind the action is left out.
    """
    line = text.partition("\n")[0]
    end = line.rfind("]")
    start = line.rfind("[", 0, max(end - 1, 0))
    verb = line[: max(start, 0)]
    if verb not in ("search", "click"):
        return None
    return Action(verb, line[start + 1 : end].lower())  # type: ignore[arg-type]


def parse_forgiving(text: str) -> Action | None:
    """Read one action whatever its case, white space, quotes, brackets and final full stop."""
    found = _verb_and_words(text)
    if found is None or not found[1] or _ANOTHER.search(found[1]):
        return None
    return Action(*found)  # type: ignore[arg-type]


def _verb_and_words(text: str) -> tuple[str, str] | None:
    said = bare(text)
    if match := _FORGIVING.fullmatch(said):
        return match[1].lower(), tidy(match[2]).lower()
    if match := _IN_WORDS.fullmatch(said):
        words = match["after"] or match["inside"] or match["bare"]
        return (match["click"] or match["search"]).lower(), tidy(bare(words)).lower()
    return None


def bare(text: str) -> str:
    """The text without the quotes, spaces and full stops around it."""
    return text.strip().strip(_AROUND)


def tidy(text: str) -> str:
    """The text on one line, with single spaces."""
    return " ".join(text.split())


def shortened(text: str, longest: int = _LONGEST) -> str:
    """The text on one line, cut off when it is longer than so many characters."""
    line = tidy(text)
    return line if len(line) <= longest else line[: longest - 3] + "..."


def meant(words: str, clickables: Iterable[str]) -> str | None:
    """The clickable text that is the same but for case and white space."""
    wanted = tidy(words).lower()
    return next((text for text in clickables if tidy(text).lower() == wanted), None)


def why_no_action(text: str) -> str:
    """What to say to a text that is no action."""
    found = _verb_and_words(text)
    if found is None:
        return "an action is search[words] or click[text], with nothing around it"
    if not found[1]:
        return "there is nothing between the brackets"
    return "it is more than one action: give one at a time"


def why_no_click(words: str, clickables: Iterable[str], products: Mapping[int, str]) -> str:
    """What to say when nothing on the page has these words; `products` are asins by number."""
    said = f"nothing on this page is called '{shortened(words)}'"
    known = {tidy(text).lower(): tidy(text) for text in clickables}
    number = products.get(int(words)) if words.isdecimal() and len(words) < 9 else None
    near = get_close_matches(words.lower(), known, n=1)
    wish = number or (known[near[0]] if near else None)
    return f"{said}; did you mean click[{wish}]?" if wish else said
