"""What the data says, ready to be drawn from."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """One way to say that a product has an attribute."""

    form: str
    """How it joins a sentence: "be" ("is gluten free"), "have" ("has a rubber sole") or "for"."""
    phrase: str
    before: str = ""
    """The same before a noun ("gluten free cookies"), where English allows it."""


@dataclass(frozen=True, slots=True)
class Trait:
    """An attribute with the sentences that say it of one kind of product."""

    name: str
    """The attribute of the product and of goals; each of `says` and `frames` contains it."""
    title: str
    claim: Claim
    also: tuple[Claim, ...]
    """Other words for it, for wishes only: shops and shoppers differ in their words."""
    says: tuple[str, ...]
    frames: tuple[str, ...]
    """Sentences of a general kind that say it; those at the same place sound alike."""
    praise: tuple[str, ...]
    """What a happy customer says of it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An option of a kind of product."""

    name: str
    values: tuple[str, ...]
    neighbours: bool
    """Whether a product has values that follow one another, as sizes do."""
    fewest: int
    most: int


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of product: shower curtains, granola bars."""

    category: str
    noun: str
    many: bool
    """Whether it is spoken of as "these" (shoes), or as "this" (a lamp, shampoo)."""
    articles: tuple[str, ...]
    """What may stand before the noun in a wish: "a", "a pair of", or nothing."""
    names: tuple[str, ...]
    """Other nouns for it."""
    query: str
    path: str
    prices: tuple[float, float]
    looks: tuple[str, ...]
    """Words before the noun that promise nothing: "Botanical"."""
    uses: tuple[str, ...]
    """What titles say after "for"."""
    traits: tuple[tuple[Trait, ...], ...]
    """Groups of attributes: a product has at most one of each."""
    choices: tuple[Choice, ...]
    facts: tuple[tuple[str, str], ...]
    """Label and sentence of what is true for every product of the kind."""
    openings: tuple[str, ...]
    closings: tuple[str, ...]
    reviews: tuple["Opinions", ...]
    """By mood, from the worst to the best; only the last one praises."""


@dataclass(frozen=True, slots=True)
class Opinions:
    """What customers of one mood write."""

    stars: tuple[str, ...]
    titles: tuple[str, ...]
    starts: tuple[str, ...]
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TitleForm:
    """The parts of a title and what joins them."""

    head: tuple[str, ...]
    tail: tuple[str, ...]
    joint: str


@dataclass(frozen=True, slots=True)
class WishForm:
    """A sentence pattern: texts and the names of slots in turn."""

    texts: tuple[str, ...]
    slots: tuple[str, ...]
    """One fewer than the texts."""
    price_phrases: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shop:
    """Everything there is to draw from."""

    kinds: Mapping[str, tuple[Kind, ...]]
    """By category."""
    starts: tuple[str, ...]
    ends: tuple[str, ...]
    houses: Mapping[str, tuple[str, ...]]
    """By category, second words of brands."""
    titles: Mapping[str, tuple[TitleForm, ...]]
    noise: Mapping[str, tuple[str, ...]]
    labels: tuple[str, ...]
    """How a bullet joins its label and its sentence."""
    wishes: Mapping[bool, tuple[WishForm, ...]]
    """By whether there are options to name."""
    stories: Mapping[str, tuple[str, ...]]
    """By category, why somebody needs something."""
    option_nouns: Mapping[str, str]
