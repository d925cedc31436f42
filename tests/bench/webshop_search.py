"""WebShop's search beside Lucene, tantivy and bm25s: speed, memory, and do they find the same?

    python tests/bench/webshop_search.py [--products 100000] [--short] [--queries 500]
    python tests/bench/webshop_search.py --data ../shared/data/webshop

Documents are the texts of products, generated ones or those of --data. Queries are instructions,
or what people typed (goal_query_map.json of --data). Each engine builds its index in a process of
its own and is asked in another one, with 50 results, as the shop does. Times are the processor's;
each query is asked twice, and the second time is measured. bm25s and one tantivy are given our
tokens; making those is not timed.
"""

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import quantiles

from agentkit_envs.webshop.catalogue.catalogue import open_catalogue
from agentkit_envs.webshop.catalogue.generated import generate
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.catalogue.store import contents
from agentkit_envs.webshop.search.analyzer import tokens
from peers import venvs
from peers.processes import EngineFailed, options, running
from rich.console import Console
from rich.table import Table

ENGINES = (
    venvs.OUR_SEARCH,
    venvs.LUCENE,
    venvs.TANTIVY,
    venvs.TANTIVY_TOKENS,
    venvs.BM25S,
)
COLUMNS = ("build, s", "MB", "size, MB", "p50, ms", "p95, ms", "MB")
"""Time and peak memory of building, size on disk, time and peak memory of searching."""
LIMIT = 50
HITS = (50, 10, 1)
"""How many of the first hits are compared."""


@dataclass(frozen=True)
class Measured:
    """What one engine did."""

    label: str
    cells: tuple[str, ...]
    found: list[list[int]]
    """For each query, where the found products stand, best first."""


def write_texts(products: Iterable[Product], folder: Path) -> Iterator[str]:
    """Write the documents with our tokens; gives an instruction of each product that has one."""
    with (folder / "texts.jsonl").open("w", encoding="utf-8") as file:
        for product in products:
            text = contents(product)
            print(json.dumps([product.asin, text, " ".join(tokens(text))]), file=file)
            yield product.instructions[0].text if product.instructions else ""


def write_generated(count: int, short: bool, queries: int, folder: Path) -> None:
    """Write generated products, and instructions from all over the catalogue."""
    asked: list[str] = []
    for position, wish in enumerate(write_texts(products_of(count, short), folder)):
        if wish and len(asked) * count <= position * queries:
            asked.append(wish)
    write_queries(asked, folder)


def write_data(data: Path, folder: Path) -> int:
    """Write the products of a folder and what people typed; gives the number of products."""
    catalogue = open_catalogue(data)
    for _ in write_texts((catalogue[i] for i in range(len(catalogue))), folder):
        pass
    typed = json.loads((data / "goal_query_map.json").read_text(encoding="utf-8"))
    write_queries([text for wish, found in typed.items() for text in (wish, *found)], folder)
    return len(catalogue)


def write_queries(texts: Sequence[str], folder: Path) -> None:
    """Write queries, each with our tokens."""
    lines = [" ".join(text.split()) for text in texts]
    queries = [{"text": line, "tokens": tokens(line)} for line in lines]
    (folder / "queries.json").write_text(json.dumps(queries), encoding="utf-8")


def products_of(count: int, short: bool) -> Iterator[Product]:
    """Generated products; short ones have a title and options."""
    for product in generate(count):
        yield replace(product, description="", features=()) if short else product


def measure(engine: venvs.Engine, folder: Path, peers: Path) -> Measured:
    """Let one engine build its index and answer the queries."""
    index = Path(tempfile.mkdtemp(dir=folder))
    with running(engine, peers) as process:
        version = f" {process.version}" if process.version and not engine.alone else ""
        built = process.ask(measure="build", texts=str(folder / "texts.jsonl"), folder=str(index))
    size = sum(path.stat().st_size for path in index.rglob("*") if path.is_file())
    with running(engine, peers) as process:
        queries = str(folder / "queries.json")
        asked = process.ask(measure="ask", folder=str(index), queries=queries, limit=LIMIT)
    times = quantiles(asked["seconds"], n=20)
    cells = (
        f"{built['cpu_seconds']:.1f}",
        f"{built['peak_mb']:,.0f}",
        f"{size / 1e6:,.0f}",
        f"{times[9] * 1e3:.2f}",
        f"{times[18] * 1e3:.2f}",
        f"{asked['peak_mb']:,.0f}",
    )
    return Measured(engine.label + version, cells, asked["found"])


def agreement(found: Sequence[Sequence[int]], with_: Sequence[Sequence[int]], hits: int) -> str:
    """The share of queries whose first hits are the same products in the same order."""
    same = sum(mine[:hits] == its[:hits] for mine, its in zip(found, with_, strict=True))
    return f"{100 * same / len(found):.1f}%"


def main() -> None:
    """Read the arguments, measure, and print."""
    parser = options(__doc__, repeat=1)
    parser.add_argument("--products", type=int, default=100_000, help="how many to generate")
    parser.add_argument("--data", type=Path, help="a folder of WebShop's data to take instead")
    parser.add_argument("--short", action="store_true", help="products of a title and options")
    parser.add_argument("--queries", type=int, default=500, help="how many to ask")
    chosen = parser.parse_args()
    console = Console(width=120)
    measured, failures = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count, kind = chosen.products, "short products" if chosen.short else "products"
        if chosen.data:
            try:
                count, kind = write_data(chosen.data, folder), f"products of {chosen.data}"
            except (OSError, ValueError) as error:
                parser.error(str(error))
        else:
            write_generated(count, chosen.short, chosen.queries, folder)
        for engine in ENGINES:
            try:
                measured.append(measure(engine, folder, chosen.venvs))
            except (EngineFailed, venvs.NotInstalled) as error:
                failures.append(f"{engine.label}: {error}")
    judge = next((one for one in measured if one.label == venvs.LUCENE.label), measured[0])
    title = f"{count:,} {kind}, {len(judge.found):,} queries; same as {judge.label}"
    table = Table(title=title)
    for column in ("engine", *COLUMNS, *(f"same {n}" for n in HITS)):
        table.add_column(column, justify="left" if column == "engine" else "right")
    for one in measured:
        same = [agreement(one.found, judge.found, hits) for hits in HITS]
        table.add_row(one.label, *one.cells, *same)
    console.print(table)
    for failure in failures:
        console.print(failure, markup=False)


if __name__ == "__main__":
    main()
