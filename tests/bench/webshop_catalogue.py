"""How long WebShop's catalogues take to prepare and to open, and how much memory.

`python tests/bench/webshop_catalogue.py [--data DIR] [--products 100000]` measures the small
catalogue in DIR, the generated one of 5,000 products and of so many, and so many products written
in the form of the official files: also read alone, and only their first hundredth, to show how
little memory grows with the file. Each measurement has a process and a cache of its own.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from agentkit_envs.webshop.catalogue.catalogue import open_catalogue
from agentkit_envs.webshop.catalogue.generated import generate
from agentkit_envs.webshop.catalogue.official import read_official
from agentkit_envs.webshop.catalogue.problems import Problems
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.catalogue.source import find_source
from agentkit_envs.webshop.goals.goal_list import Goals

COLUMNS = "catalogue | prepare, s | its peak, MB | on disk, MB | open, ms | memory, MB | goal, ms"


def peak_mb() -> float:
    """The most memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def official(product: Product) -> dict[str, Any]:
    """A product as items_shuffle.json writes it, with as much text around it as there."""
    about = " ".join(product.features)
    return {
        "asin": product.asin,
        "name": product.title,
        "product_information": {"About": about, "More": about, "And more": about},
        "full_description": f"{product.description} {about} {about}",
        "small_description": list(product.features),
        "category": product.category,
        "query": product.query,
        "product_category": product.product_category,
        "pricing": product.price_text,
        "images": [f"https://example.invalid/{product.asin}-{i}.jpg" for i in range(6)],
        "customization_options": {
            name: [
                {"is_selected": False, "value": value, "price_string": "", "image": None}
                for value in values
            ]
            for name, values in product.options.items()
        },
    }


def write_official(folder: Path, count: int) -> None:
    """Write generated products as official files, one by one."""
    with (folder / "items_shuffle.json").open("w") as file:
        for i, product in enumerate(generate(count, 0)):
            file.write(("," if i else "[") + json.dumps(official(product)))
        file.write("]")
    with (folder / "items_ins_v2.json").open("w") as file:
        for i, product in enumerate(generate(count, 0)):
            entry: dict[str, Any] = {"attributes": product.attributes}
            if product.instructions and product.attributes:
                entry["instruction"] = f"Find me {product.query}"
                entry["instruction_attributes"] = product.attributes[:2]
            file.write(("," if i else "{") + f"{json.dumps(product.asin)}: {json.dumps(entry)}")
        file.write("}")


def opened(data: str | None, products: int | None, cache: str) -> dict[str, float | str]:
    """Open a catalogue, and take goals from all over it."""
    start = time.perf_counter()
    catalogue = open_catalogue(data, products=products, cache=cache)
    taken = time.perf_counter() - start
    goals = Goals(catalogue)
    numbers = range(0, len(goals), max(1, len(goals) // 1000))
    start = time.perf_counter()
    for number in numbers:
        goals[number]
    each = (time.perf_counter() - start) / len(numbers)
    return {"name": catalogue.name, "open": taken, "peak": peak_mb(), "goal": each}


def read(data: str, products: int | None) -> dict[str, float | str]:
    """Read official files and keep nothing."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        found = read_official(find_source(Path(data)), Path(scratch), Problems(), products)
        count = sum(1 for _ in found)
    return {"count": count, "seconds": time.perf_counter() - start, "peak": peak_mb()}


def elsewhere(*arguments: object) -> dict[str, Any]:
    """What this program measures in a process of its own."""
    command = [sys.executable, __file__, "--alone", json.dumps(arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        # It has said why.
        raise SystemExit(done.returncode)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def row(data: str | None, products: int | None) -> str:
    """Prepare a catalogue, then open it in another process."""
    with tempfile.TemporaryDirectory() as cache:
        first = elsewhere("opened", data, products, cache)
        size = sum(path.stat().st_size for path in Path(cache).rglob("*") if path.is_file())
        again = elsewhere("opened", data, products, cache)
    return (
        f"{again['name']} | {first['open']:.1f} | {first['peak']:.0f} | {size / 1e6:.0f} | "
        f"{1000 * again['open']:.0f} | {again['peak']:.0f} | {1000 * again['goal']:.2f}"
    )


def main() -> None:
    """Read the arguments, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a folder with WebShop's files")
    parser.add_argument("--products", type=int, default=100_000)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.alone:
        what, *rest = json.loads(arguments.alone)
        try:
            print(json.dumps(opened(*rest) if what == "opened" else read(*rest)))
        except ValueError as error:
            parser.error(str(error))
        return
    print(COLUMNS)
    if arguments.data:
        print(row(arguments.data, None), flush=True)
    print(row(None, None), flush=True)
    print(row(None, arguments.products), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        write_official(Path(folder), arguments.products)
        size = (Path(folder) / "items_shuffle.json").stat().st_size / 1e6
        print(row(folder, None), flush=True)
        print(f"reading official files alone ({size:,.0f} MB):")
        for count in (arguments.products // 100, None):
            found = elsewhere("read", folder, count)
            line = f"  {found['count']:,} products | {found['seconds']:.1f} s"
            print(f"{line} | {found['peak']:.0f} MB", flush=True)


if __name__ == "__main__":
    main()
