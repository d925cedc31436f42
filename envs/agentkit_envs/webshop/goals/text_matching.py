"""When two short texts mean the same thing to WebShop's reward.

thefuzz drops everything but letters and digits, lowers capitals, and rounds to whole percents; all
three decide cases at the threshold.
"""

from collections.abc import Iterable
from functools import cache, lru_cache
from pathlib import Path

import yaml
from thefuzz import fuzz, utils

THRESHOLD = 85
"""Texts match when their token set ratio, in whole percents, is above this."""


@cache
def colours() -> tuple[str, ...]:
    """WebShop's colour words in its order, which decides between two colours in one text."""
    return tuple(
        yaml.safe_load(Path(__file__).with_name("colours.yaml").read_text("utf-8")).split()
    )


@lru_cache(maxsize=1 << 16)
def colour_of(text: str) -> str:
    """The first of the colours that is a part of the text (also of a word), or else the text."""
    return next((colour for colour in colours() if colour in text), text)


@lru_cache(maxsize=1 << 16)
def colour_of_pair(name: str, value: str) -> str:
    """What a goal's named option is compared as: a colour that is its whole value (or its name).

    Otherwise it is the text of the pair as Python writes a tuple, because the original hands the
    pair itself to thefuzz. Python's escapes in that text count.
    """
    return next((colour for colour in colours() if colour in (name, value)), str((name, value)))


@lru_cache(maxsize=1 << 16)
def _processed(text: str) -> str:
    return str(utils.full_process(text, force_ascii=True))


@lru_cache(maxsize=1 << 16)
def alike(first: str, second: str) -> bool:
    """Whether the token set ratio of two texts is above the threshold."""
    one, other = _processed(first), _processed(second)
    return bool(fuzz.token_set_ratio(one, other, full_process=False) > THRESHOLD)


def alike_any(texts: Iterable[str], wanted: str) -> bool:
    """Whether any of the texts is like the wanted one."""
    return any(alike(text, wanted) for text in texts)
