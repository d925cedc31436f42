"""Qualities that shoppers and listings name in different words."""

import re
from functools import cache
from importlib.resources import files

import yaml

_FREE_FROM = re.compile(r"\bfree (?:of|from) ")
_EASY = re.compile(r"\b(?:quick|simple|fast|effortless) to (\w+)")


@cache
def _synonyms() -> dict[str, list[str]]:
    text = files(__package__).joinpath("synonyms.yaml").read_text(encoding="utf-8")
    loaded: dict[str, list[str]] = yaml.safe_load(text)
    return loaded


@cache
def _pattern() -> tuple[re.Pattern[str], dict[str, str]]:
    """What finds any other words for a quality, the longest first, and the quality of each."""
    known: dict[str, str] = {}
    for name, others in _synonyms().items():
        for other in others:
            known.setdefault(other, name)
    words = sorted((re.escape(other) for other in known), key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(words)})(?!\w)"), known


def plainly(text: str) -> str:
    """The text, in lower case, with the qualities that it paraphrases named as listings do."""
    pattern, known = _pattern()
    named = pattern.sub(lambda match: known[match[0]], _FREE_FROM.sub("no ", text))
    return _EASY.sub(r"easy to \1", named)


def ways_to_say(quality: str) -> list[str]:
    """A quality as it is, and the other words for it."""
    return [quality, *_synonyms().get(quality, [])]


def leading_quality(text: str) -> str:
    """A quality that the text begins with, before more words; empty if there is none."""
    return next((name for name in _synonyms() if text.startswith(f"{name} ")), "")
