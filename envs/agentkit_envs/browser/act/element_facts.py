"""What was seen of an element, read with care: it was asked of the page, which may lie."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from agentkit_envs.browser.guard.quoting import said

_TAG: Final = re.compile(r"[a-z][a-z0-9-]{0,30}")


@dataclass(frozen=True, slots=True)
class Option:
    """One of a list."""

    words: str
    value: str
    disabled: bool


@dataclass(frozen=True, slots=True)
class Facts:
    """What probe.js says of an element."""

    gone: bool
    what: str
    """Such as `button "Ok"`."""
    covered: str
    """The same of what a click in its middle would hit instead, or ''."""
    out: bool
    """Whether its middle is out of the window, so that it cannot be said what covers it."""
    tag: str
    type: str
    """Of an input."""
    shown: bool
    disabled: bool
    inert: bool
    writable: bool
    readonly: bool
    checkable: bool
    labels: bool
    """Whether it is the label of a field, which the rest is about."""
    beside: tuple[float, float] | None
    """Where in a label to click, if its middle is a link."""
    checked: bool
    radio: bool
    multiple: bool
    options: tuple[Option, ...]


def read_facts(raw: Any) -> Facts:
    """The facts; what is not of the kind that it should be counts as nothing."""
    facts = _mapping(raw)
    options = facts.get("options")
    return Facts(
        gone=facts.get("gone") is True,
        what=_described(facts.get("what")),
        covered=_described(facts.get("covered")) if facts.get("covered") else "",
        out=facts.get("out") is True,
        tag=_text(facts, "tag"),
        type=_text(facts, "type"),
        shown=facts.get("shown") is True,
        disabled=facts.get("disabled") is True,
        inert=facts.get("inert") is True,
        writable=facts.get("writable") is True,
        readonly=facts.get("readonly") is True,
        checkable=facts.get("checkable") is True,
        labels=facts.get("labels") is True,
        beside=_place(facts.get("beside")),
        checked=facts.get("checked") is True,
        radio=facts.get("radio") is True,
        multiple=facts.get("multiple") is True,
        options=tuple(map(_option, options)) if isinstance(options, list) else (),
    )


def _option(raw: Any) -> Option:
    option = _mapping(raw)
    return Option(_text(option, "words"), _text(option, "value"), option.get("disabled") is True)


def _place(raw: Any) -> tuple[float, float] | None:
    match raw:
        case [int() | float() as x, int() | float() as y]:
            return float(x), float(y)
    return None


def _described(raw: Any) -> str:
    described = _mapping(raw)
    tag, words, name = (_text(described, key) for key in ("tag", "words", "id"))
    kind = tag if _TAG.fullmatch(tag) else "element"
    if words:
        return f"{kind} {said(words, 40)}"
    return f"{kind} with the id {said(name, 40)}" if name else kind


def _mapping(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, dict) else {}


def _text(facts: Mapping[str, Any], key: str) -> str:
    value = facts.get(key)
    return value if isinstance(value, str) else ""
