"""A `prompt` observation turned back into the view it says."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace

from agentkit_envs.webshop.pages.page import Kind
from agentkit_envs.webshop.pages.prompt_text import (
    ACTIONS,
    CHOSEN,
    HEADS,
    INSTRUCTION,
    LAST,
    LEFT,
    NO_STEPS,
    NONE,
    OPTIONS,
    OVER,
    PRODUCTS,
    SEEN,
)
from agentkit_envs.webshop.pages.view import LastAction, Listing, Option, View

_PAGE = re.compile(
    r"Page: (?:results, page (?P<number>\d+) of \d+, "
    r"(?P<total>\d+) products found for (?P<query>\".*\")"
    r"|(?P<simple>search|product|order placed)"
    r"|(?P<detail>description|features|reviews|attributes) of the product)"
)
_SIMPLE: dict[str, Kind] = {"search": "index", "product": "item", "order placed": "done"}
_DONE = re.compile(r" (worked|changed nothing): (.*)")
_LISTING = re.compile(rf"\d+\. (\S+?)({re.escape(SEEN)})? \| (.*?) \| (.*)")
_PRODUCT = re.compile(r"Product (\S+): (.*)")
_SCORE = re.compile(r"Score: (\S+) of 1")
_BUTTON = re.compile(r"click\[([^\]]*)\]")
_BOUGHT = "Bought with: "


class ReadingError(ValueError):
    """A text that is not a prompt observation of the shop."""


def read(text: str) -> View:
    """The view that `describe(view)` says in these words."""
    lines = text.split("\n")
    if len(lines) < 6 or not lines[0].startswith(INSTRUCTION) or lines[4]:
        raise ReadingError(f"not a prompt observation of WebShop: {text[:200]!r}")
    page = _match(_PAGE, lines[1])
    view = View(
        kind=_kind(page),
        instruction=lines[0].removeprefix(INSTRUCTION),
        last=_last(lines[2]),
        steps_left=_left(lines[3]),
        buttons=_buttons(lines[-1]),
    )
    body = lines[5:-2]
    if view.kind == "results":
        return replace(
            view,
            query=json.loads(page["query"]),
            number=int(page["number"]),
            total=int(page["total"]),
            products=tuple(_listings(body)),
        )
    return view if view.kind == "index" else _about(view, body)


def _match(pattern: re.Pattern[str], line: str) -> re.Match[str]:
    match = pattern.fullmatch(line)
    if match is None:
        raise ReadingError(f"not a line of a prompt observation: {line!r}")
    return match


def _after(prefix: str, line: str) -> str:
    if not line.startswith(prefix):
        raise ReadingError(f"expected a line that begins with {prefix!r}, found {line!r}")
    return line.removeprefix(prefix)


def _kind(page: re.Match[str]) -> Kind:
    if page["simple"]:
        return _SIMPLE[page["simple"]]
    return page["detail"] or "results"  # type: ignore[return-value]


def _last(line: str) -> LastAction | None:
    told = _after(LAST, line)
    if told == NONE:
        return None
    text, end = _decode(told, 0)
    done = _match(_DONE, told[end:])
    return LastAction(text, done[1] == "worked", done[2])


def _left(line: str) -> int | None:
    told = _after(LEFT, line)
    return int(told) if told.isdigit() else None


def _buttons(line: str) -> tuple[str, ...]:
    if line in (OVER, NO_STEPS):
        return ()
    return tuple(
        name
        for name in _BUTTON.findall(_after(ACTIONS, line))
        if name not in ("identifier of a product", "value of an option")
    )


def _listings(body: list[str]) -> Iterator[Listing]:
    if not body or body[0] != PRODUCTS:
        raise ReadingError(f"expected {PRODUCTS!r}, found {body[:1]!r}")
    for line in body[1:]:
        if line != NONE:
            asin, seen, price, title = _match(_LISTING, line).groups()
            yield Listing(asin, price, title, seen is not None)


def _about(view: View, body: list[str]) -> View:
    if len(body) < 3:
        raise ReadingError(f"a page about a product has more lines than {body!r}")
    asin, title = _match(_PRODUCT, body[0]).groups()
    view = replace(view, asin=asin, title=title)
    if view.kind == "item":
        return replace(
            view,
            price=_after("Price: ", body[1]),
            rating=_after("Rating: ", body[2]),
            options=tuple(_option(_after("- ", line)) for line in body[3:] if line != OPTIONS),
        )
    if view.kind == "done":
        bought = _after(_BOUGHT, body[1])
        pairs = () if bought == "no options" else tuple(_pairs(bought))
        return replace(view, bought=pairs, reward=float(_match(_SCORE, body[2])[1]))
    _after(HEADS[view.kind], body[1])
    return replace(view, details=tuple(_after("- ", line) for line in body[2:] if line != NONE))


def _option(line: str) -> Option:
    name, _, at = _word(line, 0, ": ")
    values: list[str] = []
    chosen = None
    while at < len(line):
        value, marked, at = _word(line, at, "; ")
        values.append(value)
        chosen = value if marked else chosen
    return Option(name, tuple(values), chosen)


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(line):
        name, _, at = _word(line, at, ": ")
        value, _, at = _word(line, at, "; ")
        yield name, value


def _word(line: str, at: int, end: str) -> tuple[str, bool, int]:
    """A word that may be in quotes, whether it is marked as chosen, where the next one begins."""
    text, start = _decode(line, at) if line.startswith('"', at) else ("", at)
    rest, found, _ = line[start:].partition(end)
    marked = rest.endswith(CHOSEN)
    return text + rest.removesuffix(CHOSEN), marked, start + len(rest) + len(found)


def _decode(line: str, at: int) -> tuple[str, int]:
    try:
        text, end = json.JSONDecoder().raw_decode(line, at)
    except json.JSONDecodeError as error:
        raise ReadingError(f"no text in quotes at {at} of {line!r}") from error
    return str(text), end
