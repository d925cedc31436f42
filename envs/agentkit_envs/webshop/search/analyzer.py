"""What a text is searched by: the tokens that Lucene's English analyzer makes of it."""

from functools import cache, lru_cache
from typing import TYPE_CHECKING

from agentkit_envs.webshop.search.tokenizer import words

if TYPE_CHECKING:
    from nltk.stem.porter import PorterStemmer

STOP_WORDS = frozenset(
    {
        *("a", "an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is"),
        *("it", "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there"),
        *("these", "they", "this", "to", "was", "will", "with"),
    }
)
"""Words that are not searched; Lucene's own list."""
REMEMBERED = 64
"""Longer pieces of text hardly come again, and many of them would fill the memory."""
_POSSESSIVES = tuple(f"{apostrophe}{s}" for apostrophe in "'\u2019\uff07" for s in "sS")


def tokens(text: str) -> list[str]:
    """The tokens of a text, in its order: words in lower case, without endings and stop words."""
    return [token for piece in text.split() for token in piece_tokens(piece)]


def piece_tokens(piece: str) -> tuple[str, ...]:
    """The tokens of a text without white space; no word goes across white space."""
    return _remembered(piece) if len(piece) <= REMEMBERED else _piece_tokens(piece)


@lru_cache(maxsize=1 << 16)
def _remembered(piece: str) -> tuple[str, ...]:
    return _piece_tokens(piece)


def _piece_tokens(piece: str) -> tuple[str, ...]:
    found = (_lower(_without_possessive(word)) for word in words(piece))
    return tuple(_stem(word) for word in found if word not in STOP_WORDS)


@lru_cache(maxsize=1 << 16)
def _stem(word: str) -> str:
    return str(_porter().stem(word, to_lowercase=False))


@cache
def _porter() -> "PorterStemmer":
    """Porter's stemmer with the changes that Martin Porter made to it later, as in Lucene."""
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer(PorterStemmer.MARTIN_EXTENSIONS)


def _without_possessive(word: str) -> str:
    return word[:-2] if word.endswith(_POSSESSIVES) else word


def _lower(word: str) -> str:
    """In lower case, letter by letter: never more letters, nothing that depends on neighbours."""
    if word.isascii():
        return word.lower()
    return "".join(letter.lower()[0] for letter in word)
