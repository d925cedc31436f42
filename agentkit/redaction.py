"""Texts made fit to be shown, logged and sent as spans: no keys, no answers, and not too long."""

import re
from typing import Final

_LONGEST: Final = 300
_BRIEFLY: Final = 200
_OWN_WORDS: Final = 1_000
"""Characters of an exception's own words."""
_QUOTED: Final = re.compile(r"""(?<!\w)(['"]).+?\1(?!\w)""", re.DOTALL)
_KEY: Final = re.compile(
    r"""
      \b(?:sk|pk|rk|gsk|xai|hf|key)[-_](?=[\w*.-]*[\d*]|[\w.-]{16})[\w*.-]{4,}  # of many providers
    | \bAIza[\w-]{4,}                                                          # of Google
    | \b(?:AKIA|ASIA)[A-Z0-9]{12,}                                             # of Amazon
    | \beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?                                      # a JSON web token
    | (?<=Bearer[ ])\S+
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""What looks like a key: it has a digit or a star, or is long, as words such as `sk-learn` are not.
"""


_NAMED: Final = re.compile(
    r"""
      (?P<before>(?:api_?key|token|secret|password)["']?\s*[:=]\s*["']?
                |[?&][\w-]*(?:key|auth|code|sig|signature|pass|passwd|pwd|credentials?)=
                )(?P<value>[^\s"'}&]+)
    | (?P<scheme>://)(?P<user>[^@/\s]+)(?=@)
    """,
    re.VERBOSE | re.IGNORECASE,
)
"""A value that is called a key, also in the query of an address, and what stands before its `@`."""


def masked(line: str) -> str:
    """A line of a user's file with stars in place of keys; columns stay where they are."""
    line = _KEY.sub(lambda key: "*" * len(key[0]), line)
    return _NAMED.sub(
        lambda found: (
            (found["before"] or found["scheme"]) + "*" * len(found["value"] or found["user"])
        ),
        line,
    )


def redacted(text: str, key: str | None = None) -> str:
    """A text without keys, on one line, and not too long.

    Args:
        text: What was said.
        key: A key that is known.
    """
    if key and len(key) < _SHORT:
        text = text.replace(key, "[key]")
    elif key:
        text = _WORD.sub(lambda word: _part_of_key(word[0], key), text.replace(key, "[key]"))
    return _on_a_line(text, _LONGEST)


_WORD: Final = re.compile(r"[\w-]{4,}")
_SHORT: Final = 16
"""Characters of a key from which on its parts are hidden too: `local-key` has plain words."""
_PART: Final = 8
"""Characters of a key in a row that are enough to hide a word."""


def _part_of_key(word: str, key: str) -> str:
    """A word, or what stands for one that shows a part of a key."""
    parts = (word[i : i + _PART] for i in range(max(1, len(word) - _PART + 1)))
    return "[key]" if any(part in key for part in parts) else word


def words_of(error: BaseException) -> str:
    """Return the words of a program's exception: without keys, and not too long."""
    try:
        words = str(error)
    except Exception:  # of a class of the program's own
        return "(its words cannot be shown)"
    cut = "..." if len(words) > _OWN_WORDS else ""
    return masked(words[: 2 * _OWN_WORDS])[:_OWN_WORDS] + cut  # a key may lie across the cut


def brief(text: str) -> str:
    """The first line of an error's text, without what it quotes and without keys.

    What is quoted may come from a prompt, an answer or a value.
    """
    unquoted = _QUOTED.sub(lambda quotation: quotation[1] + "..." + quotation[1], text)
    return _on_a_line(next(iter(unquoted.strip().splitlines()), ""), _BRIEFLY)


def _on_a_line(text: str, longest: int) -> str:
    text = _KEY.sub("[key]", text)
    text = _NAMED.sub(lambda found: (found["before"] or found["scheme"]) + "[key]", text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= longest else f"{line[: longest - 3]}..."
