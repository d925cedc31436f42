"""Where words begin and end, as in Lucene's StandardTokenizer (Unicode's UAX #29, with emoji)."""

import re
from collections.abc import Iterator

import regex

LONGEST = 255
"""Longer words are cut into pieces of this many characters."""

# Of Unicode's emoji data 11.0, as in Lucene; later versions took some of these out, such as the
# black star that sellers like.
_PICTURE = (
    r"[\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u2199\u21a9\u21aa\u231a\u231b\u2328\u2388\u23cf"
    r"\u23e9-\u23f3\u23f8-\u23fa\u24c2\u25aa\u25ab\u25b6\u25c0\u25fb-\u25fe\u2600-\u2605\u2607-\u2612"
    r"\u2614-\u2685\u2690-\u2705\u2708-\u2712\u2714\u2716\u271d\u2721\u2728\u2733\u2734\u2744\u2747"
    r"\u274c\u274e\u2753-\u2755\u2757\u2763-\u2767\u2795-\u2797\u27a1\u27b0\u27bf\u2934\u2935"
    r"\u2b05-\u2b07\u2b1b\u2b1c\u2b50\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001f0ff"
    r"\U0001f10d-\U0001f10f\U0001f12f\U0001f16c-\U0001f171\U0001f17e\U0001f17f\U0001f18e"
    r"\U0001f191-\U0001f19a\U0001f1ad-\U0001f1e5\U0001f201-\U0001f20f\U0001f21a\U0001f22f"
    r"\U0001f232-\U0001f23a\U0001f23c-\U0001f23f\U0001f249-\U0001f3fa\U0001f400-\U0001f53d"
    r"\U0001f546-\U0001f64f\U0001f680-\U0001f6ff\U0001f774-\U0001f77f\U0001f7d5-\U0001f7ff"
    r"\U0001f80c-\U0001f80f\U0001f848-\U0001f84f\U0001f85a-\U0001f85f\U0001f888-\U0001f88f"
    r"\U0001f8ae-\U0001f8ff\U0001f90c-\U0001f93a\U0001f93c-\U0001f945\U0001f947-\U0001fffd]"
)
_SKIN = r"\U0001f3fb-\U0001f3ff"
# Unicode 9, again as in Lucene: signs such as the cedilla were no letters, skin tones no accents.
_LETTER = r"[\p{WB=ALetter}--\p{Sk}]"
_HEBREW = r"\p{WB=Hebrew_Letter}"
_DIGIT = r"\p{WB=Numeric}\uff10-\uff19"
_KANA = r"\p{WB=Katakana}"
_IN_WORD = r"[\p{WB=MidLetter}\p{WB=MidNumLet}\p{WB=Single_Quote}]"
_IN_NUMBER = r"[\p{WB=MidNum}\p{WB=MidNumLet}\p{WB=Single_Quote}]"
_MARK = rf"[[\p{{WB=Extend}}\p{{WB=Format}}\p{{WB=ZWJ}}]--[{_SKIN}]]"
_M = f"[{_MARK}]*"
_ACCENTS = rf"[[{_MARK}]--[\ufe0e\ufe0f]]*"
_JOINERS = rf"(?:\p{{WB=ExtendNumLet}}{_M})"

_RUN = rf"""(?:
    [{_LETTER}][{_LETTER}{_MARK}]*+ (?: {_IN_WORD}{_M} (?=[{_LETTER}{_HEBREW}]) )?
  | [{_DIGIT}][{_DIGIT}{_MARK}]*+ (?: {_IN_NUMBER}{_M} (?=[{_DIGIT}]) )?
  | [{_HEBREW}]{_M}
    (?: ["]{_M} (?=[{_HEBREW}]) | [']{_M} | {_IN_WORD}{_M} (?=[{_LETTER}{_HEBREW}]) )?
)"""
_GROUP = rf"(?: {_RUN}+ | [{_KANA}][{_KANA}{_MARK}]* )"
# What a match can begin with is only tried where it begins: else a long line of underscores would
# be gone through from each of them.
_WORD = rf"""
    (?: (?<!\p{{WB=ExtendNumLet}}) {_JOINERS}++ )?
    {_GROUP} (?: {_JOINERS}++ {_GROUP} )* {_JOINERS}*
"""
_ZWJ = r"(?: (?<!\u200d) \u200d++ )?"
_EMOJI = rf"""(?:
    (?: {_ZWJ} \p{{Emoji_Modifier_Base}}{_ACCENTS} )? [{_SKIN}]{_ACCENTS}
  | {_ZWJ} {_PICTURE}{_ACCENTS} \ufe0f?
)"""
_ALTERNATIVES = (
    _WORD,
    rf"{_EMOJI} (?: \u200d* (?<=\u200d) {_EMOJI} )*",
    rf"[\#*]{_ACCENTS} \ufe0f? \u20e3 {_ACCENTS}",
    rf"(?: \p{{WB=Regional_Indicator}}{_M} ){{2}}",
    rf"(?: \p{{LB=SA}}{_M} )+",
    rf"[\p{{Script=Han}}\p{{Script=Hiragana}}]{_M}",
)
_ANY = regex.compile("|".join(_ALTERNATIVES), regex.VERBOSE | regex.VERSION1)
_NO_LETTERS = regex.compile(rf"[\p{{WB=ExtendNumLet}}{_MARK}]*+", regex.VERSION1)
_RUN_OF_ASCII = r"(?:[A-Za-z]+(?:[.:'](?=[A-Za-z]))?|[0-9]+(?:[.,;'](?=[0-9]))?)"
_ASCII = re.compile(rf"(?:(?<!_)_++)?{_RUN_OF_ASCII}(?:{_RUN_OF_ASCII}|_)*")


def words(text: str) -> list[str]:
    """The words of a text, as they are written there."""
    found: list[str] = (_ASCII if text.isascii() else _ANY).findall(text)
    if max(map(len, found), default=0) > LONGEST:
        return list(_cut(text))
    return found


def _cut(text: str) -> Iterator[str]:
    """The words of a text that has one that is too long: what is cut off is looked at anew.

    A long word is never looked at to its end, which would be done again for each of its pieces.
    """
    start, window = 0, LONGEST
    while start < len(text):
        match = _ANY.search(text[start : start + window])
        if match is None:
            if start + window >= len(text):
                return
            window *= 2
        elif match.start():
            start, window = start + match.start(), LONGEST
        elif window > LONGEST:
            # The word has so much before its first letter that it does not fit: less is taken.
            before = _NO_LETTERS.match(text, start + 1)
            letter = before.end() if before else start
            start, window = max(start + 1, letter + 1 - LONGEST), LONGEST
        else:
            yield match.group()
            start += match.end()
