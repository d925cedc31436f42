"""What the shop sells, as frozen values."""

from collections.abc import Mapping
from dataclasses import dataclass, field

PRICE_PHRASE = ", and price lower than {price:.2f} dollars"
"""How the benchmark's instructions state their price limit."""


@dataclass(frozen=True, slots=True)
class Review:
    """One customer's opinion."""

    title: str
    score: str
    """Stars, as the data writes them: "5.0"."""
    body: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """A wish that a product fulfils: what goals are made of."""

    text: str
    """The wish without its price limit (and, where `options` is None, without its options)."""
    attributes: tuple[str, ...]
    """What the product must have, such as "machine wash"."""
    options: Mapping[str, str] | tuple[str, ...] | None = None
    """The option values to choose: by name, or values alone (as people's instructions have them).
    None: every combination of the product's options is a goal of its own."""
    human: bool = False
    """Whether a person wrote it."""
    price_phrase: str = PRICE_PHRASE
    """What is added to the text when there is a price limit; `{price}` is the limit in USD."""


@dataclass(frozen=True, slots=True)
class Product:
    """One product, in the processed form of WebShop (Yao et al. 2022, section 3)."""

    asin: str
    """Its identifier, at most ten characters, upper case."""
    title: str
    description: str
    features: tuple[str, ...]
    """The bullet points."""
    prices: tuple[float, ...]
    """One price in USD, or the lowest and the highest."""
    price_text: str
    """The price as the pages show it: "$10.5", "$16.05 to $40.98"."""
    options: Mapping[str, tuple[str, ...]]
    """Option name to its values, both in lower case, in the order of the page."""
    attributes: tuple[str, ...]
    """Hidden from the shopper; used by the reward."""
    category: str
    """One of five: beauty, electronics, fashion, garden, grocery."""
    query: str
    """The search that found the product, in lower case; used by the reward."""
    product_category: str
    """The path of categories, joined by U+203A with spaces around it; used by the reward."""
    rating: str = "N.A."
    reviews: tuple[Review, ...] = ()
    instructions: tuple[Instruction, ...] = field(default=())
