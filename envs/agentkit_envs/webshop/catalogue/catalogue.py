"""The catalogue of a shop: WebShop's data, or the generated products."""

import logging
import random
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from agentkit_envs.webshop.catalogue.official import read_official
from agentkit_envs.webshop.catalogue.prepared import (
    GENERATING,
    READING,
    STORING,
    cache_folder,
    fingerprint,
    prepared,
    whole,
)
from agentkit_envs.webshop.catalogue.problems import Problems
from agentkit_envs.webshop.catalogue.processed import read_processed
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.catalogue.source import OFFICIAL, Source, find_source
from agentkit_envs.webshop.catalogue.store import SEARCH, Store, write_store

if TYPE_CHECKING:
    from agentkit_envs.webshop.search.index import SearchIndex

GENERATED = 5000
"""Products that are generated unless a number is given."""
LARGE = 200_000_000
"""Bytes of files from which on preparing takes so long that it is announced."""


class Catalogue:
    """Products, their search index and their prices, memory-mapped from a prepared folder."""

    def __init__(self, folder: Path, name: str, remark: str, *, generated: bool, seed: int) -> None:
        """`name` and `remark`: what stands before and within the brackets of its name."""
        self.folder = folder
        """The prepared folder; goals are read from it."""
        self.generated = generated
        """Whether the products are made up: results on them are not the benchmark's."""
        self._store = Store(folder)
        self._seed = seed
        self.name = f"{name} ({_products(len(self))}, {remark}, {self._store.digest[:8]})"
        """For people: which catalogue this is. The last word is made from all its products, so
        it changes when any of them does."""

    @cached_property
    def index(self) -> "SearchIndex":
        """The search index; its positions are those of `catalogue[position]`.

        Raises:
            ValueError: It is damaged.
        """
        from agentkit_envs.webshop.search.index import SearchIndex

        with whole(self.folder):
            return SearchIndex.open(self.folder / SEARCH)

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, position: int) -> Product:
        """The product at a position of the catalogue's order, as searches return them."""
        if not -len(self) <= position < len(self):
            raise IndexError(f"there is no product {position}: {self.name}")
        return self._store[position % len(self)]

    def find(self, asin: str) -> Product:
        """The product with this identifier.

        Raises:
            LookupError: When there is none.
        """
        position = self._store.position(asin)
        if position is None:
            raise LookupError(f"there is no product {asin!r} in {self.name}")
        return self._store[position]

    def price(self, asin: str) -> float:
        """The price in USD: the product's, or one drawn between its lowest and highest."""
        prices = self.find(asin).prices
        if len(prices) == 1:
            return prices[0]
        draw = random.Random(f"price {self._seed} {asin}")
        return round(draw.uniform(prices[0], prices[1]), 2)


def open_catalogue(
    data: str | Path | None = None,
    *,
    products: int | None = None,
    seed: int = 0,
    cache: str | Path | None = None,
) -> Catalogue:
    """Open a catalogue, preparing it first where that was not done yet.

    Args:
        data: A folder with WebShop's official files (items_shuffle*.json, items_ins_v2*.json,
            optionally items_human_ins.json and reviews.json) or with the processed form
            (products*.jsonl, items_ins_v2*.json). None: the generated catalogue.
        products: How many products to generate, or to take from the start of the file.
        seed: Of the generated products, and of the prices drawn from price ranges.
        cache: The folder for prepared catalogues; by default one under the user's cache.

    Raises:
        ValueError: When the data has problems (all are listed) or cannot be prepared.
    """
    if products is not None and (type(products) is not int or products < 1):
        raise ValueError(f"products is {products!r}: expected a whole number from 1")
    if type(seed) is not int:
        raise ValueError(f"the catalogue's seed is {seed!r}: expected a whole number")
    folder = cache_folder(None if cache is None else Path(cache).expanduser())
    if data is None:
        return _open_generated(folder, GENERATED if products is None else products, seed)
    source = find_source(Path(data).expanduser())
    made = prepared(
        folder,
        fingerprint([source.form, products], source.files, STORING + READING),
        lambda made: _write(source, products, made),
    )
    remark = f"{source.form}, prices of seed {seed}" if seed else source.form
    return _opened(made, f"WebShop's data in {source.folder}", remark, seed=seed)


def _write(source: Source, limit: int | None, folder: Path) -> None:
    size = sum(path.stat().st_size for path in source.files)
    if size > LARGE:
        text = "preparing %s (%.1f GB), which is done once; the full catalogue takes minutes"
        logging.getLogger(__name__).warning(text, source.folder, size / 1e9)
    write_store(_read(source, limit, folder), folder)


def _open_generated(folder: Path, count: int, seed: int) -> Catalogue:
    from agentkit_envs.webshop.catalogue.generated import generate

    made = prepared(
        folder,
        fingerprint([count, seed], (), STORING + GENERATING),
        lambda made: write_store(generate(count, seed), made),
    )
    return _opened(made, "the generated catalogue", f"seed {seed}", generated=True, seed=seed)


def _opened(
    folder: Path, name: str, remark: str, *, seed: int, generated: bool = False
) -> Catalogue:
    with whole(folder):
        return Catalogue(folder, name, remark, generated=generated, seed=seed)


def _read(source: Source, limit: int | None, scratch: Path) -> Iterator[Product]:
    """The products of the files; at their end an error, if anything was wrong."""
    problems = Problems()
    read = read_official if source.form == OFFICIAL else read_processed
    count = 0
    for product in read(source, scratch, problems, limit):
        count += 1
        yield product
    if not count and not problems.count:
        problems.add(source.products.name, "there is no product in it")
    problems.check(f"WebShop's data in {source.folder}")


def _products(count: int) -> str:
    return "1 product" if count == 1 else f"{count:,} products"
