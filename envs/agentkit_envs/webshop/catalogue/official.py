"""The benchmark's official files, turned into products as the original turns them."""

import math
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from agentkit_envs.webshop.catalogue.accepted_records import AcceptedRecords, named
from agentkit_envs.webshop.catalogue.extras import ExtraFiles, Extras
from agentkit_envs.webshop.catalogue.json_stream import BrokenJsonError, elements
from agentkit_envs.webshop.catalogue.problems import Problems, shown
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.catalogue.records import OfficialProduct
from agentkit_envs.webshop.catalogue.source import Source

NO_PRICE = 100.0
"""USD; what the original asks for a product without a price."""


def read_official(
    source: Source, scratch: Path, problems: Problems, limit: int | None = None
) -> Iterator[Product]:
    """The products in the file's order; of its first `limit` elements when there is a limit.

    As in the original, a product is left out when its asin is "nan", has more than ten
    characters, or was there before. What is wrong goes into `problems`; after the first problem
    no product is yielded any more, the rest is only checked.
    """
    extras = ExtraFiles(source.attributes, source.human, source.reviews, scratch, problems)
    accepted = AcceptedRecords(problems)
    with closing(extras):
        try:
            for number, element in enumerate(elements(source.products, "["), 1):
                if limit is not None and number > limit:
                    return
                where = f"{source.products.name}, line {element.line}, product {number}"
                product = _read(element.value, where, extras, accepted, problems)
                if product is not None and not problems.count:
                    yield product
        except BrokenJsonError as error:
            problems.add(source.products.name, str(error))


def _read(
    value: Any, where: str, extras: ExtraFiles, accepted: AcceptedRecords, problems: Problems
) -> Product | None:
    """The product of a record; None when it is left out or wrong."""
    record = accepted.take(value, OfficialProduct, where)
    if record is None:
        return None
    try:
        prices, price_text = parse_pricing(record.pricing)
    except ValueError as error:
        problems.add(named(where, record.asin), f"'pricing' is {shown(record.pricing)}: {error}")
        return None
    return _product(record, extras.of(record.asin), prices, price_text)


def parse_pricing(pricing: str | None) -> tuple[tuple[float, ...], str]:
    """Prices in USD (one, or lowest and highest) and how the pages show them.

    Raises:
        ValueError: When there is a text without a price in dollars.
    """
    if not pricing:
        return (NO_PRICE,), f"${NO_PRICE}"
    prices = tuple(_dollars(part) for part in pricing.split("$")[1:][:2])
    if not prices:
        raise ValueError("expected prices in dollars such as '$10.50' or '$5.00 to $9.99'")
    return prices, " to ".join(f"${price}" for price in prices)


def _dollars(text: str) -> float:
    digits = re.sub(r"[^\d.]", "", text)
    try:
        price = float(digits)
    except ValueError:
        raise ValueError(f"{text.strip()!r} after '$' is no number") from None
    if not math.isfinite(price):
        raise ValueError(f"{text.strip()!r} after '$' is too large")
    return price


def _product(
    record: OfficialProduct, extras: Extras, prices: tuple[float, ...], price_text: str
) -> Product:
    return Product(
        asin=record.asin,
        title=record.name,
        description=record.full_description,
        features=tuple(record.small_description),
        prices=prices,
        price_text=price_text,
        options=_options(record),
        attributes=extras.attributes,
        category=record.category,
        query=record.query.lower().strip(),
        product_category=record.product_category,
        rating=extras.rating,
        reviews=extras.reviews,
        instructions=extras.instructions,
    )


def _options(record: OfficialProduct) -> dict[str, tuple[str, ...]]:
    return {
        name.lower(): tuple(c.value.strip().replace("/", " | ").lower() for c in contents)
        for name, contents in record.customization_options.items()
        if contents is not None
    }
