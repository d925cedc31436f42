"""Which words of a product's title are nouns: the taggers of the reward's type factor.

The original asks spaCy's model `en_core_web_lg`. That model is no package of a registry, so the
default is a rule-based tagger of our own, and every score names the tagger that it was made with.
"""

import difflib
import importlib
import re
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Protocol

import yaml

SPACY_MODEL = "en_core_web_lg"
SPACY_TAGS = ("NOUN", "PROPN")
_WORD = re.compile(r"[^\W_]+(?:'(?!s\b)[^\W\d_]+)*")
"""Letters and digits, with the apostrophe of "don't", without that of "women's"."""
_REMEMBERED = 1 << 16


class Nouns(Protocol):
    """Finds nouns in a text."""

    @property
    def name(self) -> str:
        """What the tagger is called in scores."""

    def __call__(self, text: str) -> tuple[str, ...]:
        """Nouns and names in lower case, in order, each as often as the text has it."""


class RuleNouns:
    """Nouns by lists of words that are none and by endings; everything else is a noun.

    Numbers, single letters and words that begin with a digit are none. Units written as words
    ("ounce", "pack") are nouns, as grammar has it. A word on a list is no noun whatever its
    capitals; spaCy's models often take a capitalised adjective for a name.
    """

    name = "rules"

    def __init__(self) -> None:
        data = yaml.safe_load(Path(__file__).with_name("title_words.yaml").read_text("utf-8"))
        self._none = frozenset(
            word for words in data["not_nouns"].values() for word in words.split()
        )
        self._endings = {end: frozenset(words.split()) for end, words in data["endings"].items()}
        self._tag = lru_cache(_REMEMBERED)(self._find)

    def __call__(self, text: str) -> tuple[str, ...]:
        """Nouns and names in lower case, in order, each as often as the text has it."""
        return self._tag(text)

    def _find(self, text: str) -> tuple[str, ...]:
        words = _WORD.findall(text.lower().replace("\u2019", "'"))
        return tuple(word for word in words if self._is_noun(word))

    def _is_noun(self, word: str) -> bool:
        if len(word) == 1 or word[0].isdigit() or word in self._none:
            return False
        return not any(
            word.endswith(end) and word not in nouns for end, nouns in self._endings.items()
        )


class SpacyNouns:
    """Nouns by one of spaCy's models, as the original finds them."""

    def __init__(self, model: str = SPACY_MODEL) -> None:
        self._model = _load_spacy(model)
        self.name = f"spacy:{model}"
        self._tag = lru_cache(_REMEMBERED)(self._find)

    def __call__(self, text: str) -> tuple[str, ...]:
        """Nouns and names in lower case, in order, each as often as the text has it."""
        return self._tag(text)

    def _find(self, text: str) -> tuple[str, ...]:
        return tuple(token.text.lower() for token in self._model(text) if token.pos_ in SPACY_TAGS)


def get_nouns(name: str = "rules") -> Nouns:
    """The tagger of a name: `rules` (ours), `spacy` (en_core_web_lg) or `spacy:MODEL`."""
    return _made(name)


@cache
def _made(name: str) -> Nouns:
    kind, _, model = name.partition(":")
    if name == "rules":
        return RuleNouns()
    if kind == "spacy" and (model or name == "spacy"):
        return SpacyNouns(model or SPACY_MODEL)
    near = difflib.get_close_matches(kind, ["rules", "spacy"], n=1)
    hint = f" Did you mean '{near[0]}'?" if near else ""
    raise ValueError(f"nouns: expected 'rules', 'spacy' or 'spacy:MODEL', found {name!r}.{hint}")


def _load_spacy(model: str) -> Any:
    try:
        spacy = importlib.import_module("spacy")
    except ImportError as error:
        raise ValueError(
            f"nouns: 'spacy:{model}' needs spaCy, which is not installed. Install it with "
            f"`pip install spacy` and `python -m spacy download {model}`, or use nouns='rules'."
        ) from error
    try:
        return spacy.load(model)
    except OSError as error:
        raise ValueError(
            f"nouns: spaCy has no model {model!r}. Install it with "
            f"`python -m spacy download {model}`, or use nouns='rules'."
        ) from error
