"""The processed form of WebShop's catalogue: one product a line."""

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path

from agentkit_envs.webshop.catalogue.accepted_records import AcceptedRecords
from agentkit_envs.webshop.catalogue.extras import (
    ExtraFiles,
    Extras,
    human_instructions,
    reviews_of,
)
from agentkit_envs.webshop.catalogue.official import NO_PRICE
from agentkit_envs.webshop.catalogue.problems import Problems
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.catalogue.records import HumanEntry, ProcessedProduct
from agentkit_envs.webshop.catalogue.source import Source


def read_processed(
    source: Source, scratch: Path, problems: Problems, limit: int | None = None
) -> Iterator[Product]:
    """The products in the file's order; of its first `limit` lines when there is a limit.

    What is wrong goes into `problems`; after the first problem no product is yielded any more,
    the rest is only checked.
    """
    extras = ExtraFiles(source.attributes, None, None, scratch, problems)
    accepted = AcceptedRecords(problems)
    with closing(extras), source.products.open("rb") as file:
        for number, line in enumerate(islice(file, limit), 1):
            if not line.strip():
                continue
            where = f"{source.products.name}, line {number}"
            product = _read(line, where, extras, accepted, problems)
            if product is not None and not problems.count:
                yield product


def _read(
    line: bytes, where: str, extras: ExtraFiles, accepted: AcceptedRecords, problems: Problems
) -> Product | None:
    """The product of a line; None when it is left out or wrong."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        problems.add(where, f"broken JSON: {error}")
        return None
    record = accepted.take(value, ProcessedProduct, where)
    return None if record is None else _product(record, extras.of(record.asin))


def _product(record: ProcessedProduct, extras: Extras) -> Product:
    written = human_instructions(HumanEntry(instructions=record.instructions))
    return Product(
        asin=record.asin,
        title=record.Title,
        description=record.Description,
        features=tuple(record.BulletPoints),
        prices=tuple(record.pricing[:2]) or (NO_PRICE,),
        price_text=record.Price,
        options={name: tuple(values) for name, values in record.options.items()},
        attributes=tuple(record.Attributes),
        category=record.category,
        query=record.query.lower().strip(),
        product_category=record.product_category,
        rating=str(record.Rating),
        reviews=reviews_of(record.Reviews),
        instructions=(*extras.instructions, *written),
    )
