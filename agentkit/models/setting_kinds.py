"""What the settings of models hold: sampling, server and price, each with what is expected."""

from collections.abc import Callable, Iterator, Mapping
from math import inf, isfinite
from typing import Any, Final

from agentkit.models.hosted import Price


def is_text(value: Any) -> bool:
    """Return whether a value is a text."""
    return isinstance(value, str)


def is_texts(value: Any) -> bool:
    """Return whether a value is a list of texts."""
    return isinstance(value, (list, tuple)) and all(isinstance(one, str) for one in value)


def number_in(low: float, high: float = inf, *, whole: bool = False) -> Callable[[Any], bool]:
    """Return what says whether a value is a finite number in a range."""

    def holds(value: Any) -> bool:
        kinds = int if whole else (int, float)
        known = isinstance(value, kinds) and not isinstance(value, bool)
        return known and isfinite(value) and low <= value <= high

    return holds


def _price(value: Any) -> bool:
    return isinstance(value, (Mapping, Price))


Kinds = Mapping[str, tuple[Callable[[Any], bool], str]]

SAMPLING_KINDS: Final[Kinds] = {
    "temperature": (number_in(0), "a number of 0 or more"),
    "top_p": (number_in(0, 1), "a number from 0 to 1"),
    "max_tokens": (number_in(1, whole=True), "a whole number of 1 or more"),
    "stop": (is_texts, "a list of texts"),
    "seed": (number_in(-inf, whole=True), "a whole number"),
}
"""The sampling settings: whether a value can be one, and what is expected."""

PRICE_KINDS: Final[Kinds] = {
    "input": (number_in(0), "a number of 0 or more"),
    "output": (number_in(0), "a number of 0 or more"),
    "cached": (number_in(0), "a number of 0 or more"),
}
"""What tokens cost, in USD per million."""

SERVER_KINDS: Final[Kinds] = {
    "base_url": (is_text, "the address of a server"),
    "timeout_s": (number_in(0.1), "a number of 0.1 or more"),
    "retries": (number_in(0, 20, whole=True), "a whole number from 0 to 20"),
    "max_concurrency": (number_in(1, whole=True), "a whole number of 1 or more"),
    "requests_per_minute": (number_in(0.1), "a number of 0.1 or more"),
    "tokens_per_minute": (number_in(1), "a number of 1 or more"),
    "price": (_price, "a mapping such as {input: 0.25, output: 2}"),
}
"""How a model on a server is called."""
_NEVER_NONE: Final = frozenset({"timeout_s", "retries", "max_concurrency", "input", "output"})


def wrong_kind(value: Any, expected: str) -> str:
    """The message for a value of another kind than expected."""
    return f"expected {expected}, found {value!r:.60}"


def setting_problems(settings: Mapping[str, Any], kinds: Kinds | None = None) -> Iterator[str]:
    """What is wrong with the settings of a model, or with others of known kinds."""
    known = {**SAMPLING_KINDS, **SERVER_KINDS} if kinds is None else kinds
    for name, value in settings.items():
        if name in known and (value is not None or name in _NEVER_NONE):
            holds, expected = known[name]
            if not holds(value):
                yield f"{name}: {wrong_kind(value, expected)}"
