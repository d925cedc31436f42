"""WebShop's reward (Yao et al. 2022, section 3): how well a purchase fulfils a goal.

    reward = type_factor * (matched_attributes + matched_options + price_ok)
                         / (attributes + options + 1)

Everything is computed from the arguments; nothing is read, drawn or remembered between calls.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.goals.goal import Goal
from agentkit_envs.webshop.goals.nouns import Nouns, get_nouns
from agentkit_envs.webshop.goals.text_matching import alike, alike_any, colour_of, colour_of_pair

CATEGORY_SEPARATOR = "\u203a"
SHARED_CATEGORIES = 2
"""Parts of the category path that products of one type share."""
ENOUGH_NOUNS = 0.2
FEW_NOUNS = 0.1
UNKNOWN_NOUNS = 0.2
"""The title score where the goal's title has no nouns."""


@dataclass(frozen=True, slots=True)
class Score:
    """A purchase's reward and what it is made of."""

    reward: float
    """0 to 1."""
    type_factor: float
    """1, 0.5, 0.1 or 0: whether this is the kind of product that was asked for."""
    matched_attributes: int
    attributes: int
    """Attributes that the goal asks for."""
    matched_options: int
    options: int
    """Options that the goal asks for."""
    price_ok: bool
    """Whether the price is within the goal's limit."""
    query_match: bool
    """Whether product and goal were found by the same search when the data were made."""
    category_match: bool
    """Whether their category paths share two parts or more."""
    title_score: float
    """Share of the nouns of the goal's title that the product's title has."""
    nouns: str
    """Which tagger found the nouns; scores of different taggers are not the same measure."""


def score_purchase(
    product: Product,
    goal: Goal,
    price: float,
    options: Mapping[str, str],
    nouns: Nouns | None = None,
) -> Score:
    """Score one purchase.

    Args:
        product: What was bought.
        goal: What was asked for.
        price: What it cost, in USD.
        options: The values that were chosen, by option name.
        nouns: Finds the nouns of a title; our rules if None.
    """
    tagger = nouns or get_nouns()
    title_score = _title_score(product.title, goal.title, tagger)
    query_match = product.query == goal.query
    category_match = _shared(product.product_category, goal.product_category) >= SHARED_CATEGORIES
    factor = _type_factor(title_score, query_match or category_match)
    matched_attributes = count_attributes(product, goal.attributes)
    matched_options = count_options(options, goal.options)
    price_ok = price <= goal.price_upper
    asked = len(goal.attributes) + len(goal.options) + 1
    return Score(
        reward=(matched_attributes + matched_options + price_ok) / asked * factor,
        type_factor=factor,
        matched_attributes=matched_attributes,
        attributes=len(goal.attributes),
        matched_options=matched_options,
        options=len(goal.options),
        price_ok=price_ok,
        query_match=query_match,
        category_match=category_match,
        title_score=title_score,
        nouns=tagger.name,
    )


def count_attributes(product: Product, wanted: tuple[str, ...]) -> int:
    """How many of the wanted attributes the product has, in its own list or in what it says."""
    missing = [name for name in wanted if not alike_any(product.attributes, name)]
    if not missing:
        return len(wanted)
    said = (
        product.title.lower(),
        " ".join(product.features).lower(),
        product.description.lower(),
    )
    return len(wanted) - sum(not any(name in text for text in said) for name in missing)


def count_options(chosen: Mapping[str, str], wanted: Mapping[str, str] | tuple[str, ...]) -> int:
    """How many of the wanted options are like one of the chosen values, whatever their names."""
    values = [colour_of(value) for value in chosen.values()]
    if isinstance(wanted, Mapping):
        asked = [colour_of_pair(name, value) for name, value in wanted.items()]
    else:
        asked = [colour_of(value) for value in wanted]
    return sum(any(alike(value, wish) for value in values) for wish in asked)


def _title_score(title: str, wanted: str, nouns: Nouns) -> float:
    asked = nouns(wanted)
    if not asked:
        return UNKNOWN_NOUNS
    # The shared nouns are counted once each and the wanted ones as often as they stand there, so
    # that a title that repeats its nouns scores below 1 even against itself: so does the original.
    return len(set(nouns(title)) & set(asked)) / len(asked)


def _type_factor(title_score: float, same_kind: bool) -> float:
    if title_score == 0:
        return 0.0
    if title_score < FEW_NOUNS:
        return 0.1
    return 1.0 if same_kind or title_score > ENOUGH_NOUNS else 0.5


def _shared(path: str, other: str) -> int:
    return len(_parts(path) & _parts(other))


def _parts(path: str) -> set[str]:
    return {part.strip() for part in path.split(CATEGORY_SEPARATOR)}
