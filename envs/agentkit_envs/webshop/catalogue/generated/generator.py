"""The products, one after another."""

from collections.abc import Iterator
from itertools import islice

from agentkit_envs.webshop.catalogue.generated.asins import asin
from agentkit_envs.webshop.catalogue.generated.design import Design, invent, sibling
from agentkit_envs.webshop.catalogue.generated.draw import Draw
from agentkit_envs.webshop.catalogue.generated.instructions import wishes
from agentkit_envs.webshop.catalogue.generated.kinds import Shop
from agentkit_envs.webshop.catalogue.generated.listing import texts, title
from agentkit_envs.webshop.catalogue.generated.loader import CATEGORIES, shop
from agentkit_envs.webshop.catalogue.generated.reviews import opinions
from agentkit_envs.webshop.catalogue.product import Product

_SIBLINGS = (0, 0, 0, 0, 0, 0, 1, 1, 2, 3)
"""How many products almost the same follow a product, as often as they stand here."""


def generate(count: int = 5000, seed: int = 0) -> Iterator[Product]:
    """The first `count` products of the shop with this seed, in little memory.

    The same seed gives the same products in every process and version of Python; a longer
    catalogue begins with a shorter one. Raises ValueError when a number is below 0.
    """
    problems = [
        f"{name} is {value!r}, but must be a whole number from 0 up"
        for name, value in (("count", count), ("seed", seed))
        if isinstance(value, bool) or not isinstance(value, int) or value < 0
    ]
    if problems:
        raise ValueError("The generated catalogue: " + "; ".join(problems))
    return islice(_products(shop(), seed), count)


def _products(shop: Shop, seed: int) -> Iterator[Product]:
    draw = Draw(seed)
    for position, design in enumerate(_designs(draw, shop)):
        yield _product(draw, shop, design, asin(position, seed))


def _designs(draw: Draw, shop: Shop) -> Iterator[Design]:
    while True:
        design = invent(draw, shop, draw.one(CATEGORIES))
        yield design
        for _ in range(draw.one(_SIBLINGS)):
            yield sibling(draw, design)


def _product(draw: Draw, shop: Shop, design: Design, name: str) -> Product:
    features, description = texts(draw, shop, design)
    rating, reviews = opinions(draw, design)
    return Product(
        asin=name,
        title=title(draw, design),
        description=description,
        features=features,
        prices=design.prices,
        price_text=" to ".join(f"${price}" for price in design.prices),
        options=design.options,
        attributes=tuple(trait.name for trait in design.traits),
        category=design.kind.category,
        query=design.kind.query,
        product_category=design.kind.path,
        rating=rating,
        reviews=reviews,
        instructions=wishes(draw, shop, design),
    )
