"""Words of pages and models in what is written for a model: in quotes that they cannot end."""

import json
import re

_UNSEEN = re.compile(
    "[\x7f-\x9f\u2028\u2029\ud800-\udfff"
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f]"
)
"""What breaks a line, and what Unicode calls format characters (Cf): they turn the direction of the
text around, or hide words that only a model reads. Only the two joiners stay, which scripts and
emoji are written with."""


def quote(text: str) -> str:
    """The text as a JSON string on one line, with every letter as it is that can be seen."""
    if text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return _UNSEEN.sub(_escape, json.dumps(text, ensure_ascii=False))


def unquote(text: str) -> str:
    """What `quote` was given."""
    return str(json.loads(text))


def said(text: str, longest: int = 60) -> str:
    """Words in one of our sentences: in quotes, on one line, cut off when long."""
    return quote(cut(" ".join(text.split()), longest))


def cut(text: str, most: int) -> str:
    """The text, or so many of its first characters that with … it has no more than told."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _escape(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
