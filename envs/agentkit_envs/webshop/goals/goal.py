"""What an episode asks for."""

from collections.abc import Mapping
from dataclasses import dataclass

NO_LIMIT = 1_000_000.0
"""The price limit, in USD, of a goal whose instruction names none."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A wish and what is needed to score a purchase against it."""

    instruction: str
    """What the shopper is told, price limit included."""
    asin: str
    """The product that the instruction was made from; other products may score as well."""
    title: str
    category: str
    query: str
    product_category: str
    attributes: tuple[str, ...]
    """What the product must have."""
    options: Mapping[str, str] | tuple[str, ...]
    """The option values to choose: by name, or values alone."""
    price_upper: float = NO_LIMIT
    """Price limit in USD."""
