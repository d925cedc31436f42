"""A catalogue on disk: written once in one pass, then memory-mapped."""

import hashlib
import json
import mmap
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from agentkit_envs.webshop.catalogue.goal_table import GoalTableWriter
from agentkit_envs.webshop.catalogue.product import Instruction, Product, Review

SEARCH = "search"
"""The folder of the search index within the store."""
_PRODUCTS = "products.jsonl"
_STARTS = "starts.npy"
_ASINS = "asins.npy"
_BY_ASIN = "by_asin.npy"
_DIGEST = "digest.txt"


def contents(product: Product) -> str:
    """The text of a product that is searched: title, description, first bullet point, options."""
    options = ", and ".join(f"{name}: {', '.join(v)}" for name, v in product.options.items())
    first = product.features[0] if product.features else ""
    return f"{product.title} {product.description} {first} {options}".lower()


def write_store(products: Iterable[Product], folder: Path) -> None:
    """Write products, goals and the search index into a folder that is there."""
    from agentkit_envs.webshop.search.index import SearchIndex

    starts = array("q", [0])
    asins: list[bytes] = []
    table = GoalTableWriter()
    digest = hashlib.sha256()

    def written() -> Iterator[tuple[str, str]]:
        with (folder / _PRODUCTS).open("wb") as file:
            for position, read in enumerate(products):
                product, line = _line(read)
                starts.append(starts[-1] + file.write(line))
                digest.update(line)
                asins.append(product.asin.encode())
                table.add(position, product)
                yield product.asin, contents(product)

    (folder / SEARCH).mkdir()
    SearchIndex.build(written(), folder / SEARCH)
    named = np.array(asins, dtype=np.bytes_)
    by_asin = np.argsort(named, kind="stable").astype(np.uint32)
    np.save(folder / _STARTS, np.frombuffer(starts, dtype=np.int64))
    np.save(folder / _ASINS, named[by_asin])
    np.save(folder / _BY_ASIN, by_asin)
    table.write(folder)
    (folder / _DIGEST).write_text(digest.hexdigest(), encoding="utf-8")


class Store:
    """The products of a prepared folder, read where they lie."""

    def __init__(self, folder: Path) -> None:
        self._starts = np.load(folder / _STARTS, mmap_mode="r")
        self._asins = np.load(folder / _ASINS, mmap_mode="r")
        self._by_asin = np.load(folder / _BY_ASIN, mmap_mode="r")
        with (folder / _PRODUCTS).open("rb") as file:
            self._text = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.digest = (folder / _DIGEST).read_text(encoding="utf-8")
        """SHA-256 of all that is stored of the products: the same for the same products."""
        count = len(self._by_asin)
        if not len(self._asins) == len(self._starts) - 1 == count:
            raise ValueError(f"its tables do not agree on how many products there are: {count}?")
        if len(self.digest) != hashlib.sha256().digest_size * 2:
            raise ValueError(f"{_DIGEST} has {len(self.digest)} characters")
        if self._starts[-1] != len(self._text):
            raise ValueError(f"{_PRODUCTS} has {len(self._text)} bytes, not {self._starts[-1]}")

    def __len__(self) -> int:
        return len(self._by_asin)

    def __getitem__(self, position: int) -> Product:
        start, end = self._starts[position : position + 2]
        return _product(orjson.loads(self._text[start:end]))

    def position(self, asin: str) -> int | None:
        """Where a product is in the catalogue's order."""
        wanted = np.bytes_(asin.encode(errors="replace"))
        found = int(np.searchsorted(self._asins, wanted))
        if found == len(self) or self._asins[found] != wanted:
            return None
        return int(self._by_asin[found])


def _line(product: Product) -> tuple[Product, bytes]:
    """A product and how it is stored."""
    try:
        return product, orjson.dumps(product)
    except TypeError:
        # JSON can name half of a character's pair, UTF-8 cannot: it becomes a question mark.
        text = json.dumps(asdict(product), ensure_ascii=False).encode(errors="replace")
        return _product(orjson.loads(text)), text


def _product(record: dict[str, Any]) -> Product:
    record["features"] = tuple(record["features"])
    record["prices"] = tuple(record["prices"])
    record["options"] = {name: tuple(values) for name, values in record["options"].items()}
    record["attributes"] = tuple(record["attributes"])
    record["reviews"] = tuple(Review(**review) for review in record["reviews"])
    record["instructions"] = tuple(_instruction(i) for i in record["instructions"])
    return Product(**record)


def _instruction(record: dict[str, Any]) -> Instruction:
    record["attributes"] = tuple(record["attributes"])
    if isinstance(record["options"], list):
        record["options"] = tuple(record["options"])
    return Instruction(**record)
