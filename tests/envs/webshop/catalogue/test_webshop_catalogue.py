"""A catalogue is prepared once, opened anywhere, and says which it is."""

import ast
import json
import multiprocessing
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from agentkit_envs.webshop.catalogue import prepared
from agentkit_envs.webshop.catalogue.catalogue import Catalogue, open_catalogue
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.catalogue.store import contents
from agentkit_envs.webshop.goals.goal_list import Goals
from agentkit_envs.webshop.goals.shared_goals import shared_goals
from envs.webshop_data import DATA, needs_data
from envs.webshop_files import LAMP, TEA, write_official

HEX = "[0-9a-f]{8}"
"""The end of a catalogue's name."""
MUG: dict[str, Any] = {
    "asin": "B0MUG00003",
    "name": "Stoneware Mug",
    "Title": "Stoneware Mug",
    "Description": "Holds tea.",
    "BulletPoints": ["Big. ", "Blue."],
    "pricing": [4.5, 8.25],
    "Price": "$4.5 to $8.25",
    "options": {"size": ["small", "large"]},
    "Attributes": ["dishwasher safe"],
    "category": "garden",
    "query": "mugs",
    "product_category": "Home > Mugs",
    "Rating": "N.A.",
}
ASKED = {
    "attributes": ["dishwasher safe"],
    "instruction": "Find me a mug that is dishwasher safe",
    "instruction_attributes": ["dishwasher safe"],
}


def write_processed(folder: Path, *products: Any, attributes: object = None) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    lines = [p if isinstance(p, str) else json.dumps(p) for p in products]
    (folder / "products_few.jsonl").write_text("".join(f"{line}\n" for line in lines))
    known = {"B0MUG00003": ASKED} if attributes is None else attributes
    (folder / "items_ins_v2_few.json").write_text(json.dumps(known))
    return folder


@pytest.fixture
def mugs(tmp_path: Path) -> Catalogue:
    return open_catalogue(write_processed(tmp_path / "data", MUG), cache=tmp_path / "cache")


@needs_data
def test_the_processed_form_is_read_whole_and_in_order(tmp_path: Path):
    catalogue = open_catalogue(DATA, cache=tmp_path)
    lines = (DATA / "products_1k.jsonl").read_text().split("\n")
    records = [json.loads(line) for line in lines if line]
    assert len(catalogue) == len(records) == 1000
    named = rf"WebShop's data in {re.escape(str(DATA))} \(1,000 products, processed form, {HEX}\)"
    assert re.fullmatch(named, catalogue.name)
    for product, record in zip(catalogue, records, strict=True):
        assert product.asin == record["asin"]
        assert product.title == record["Title"]
        assert product.description == record["Description"]
        assert list(product.features) == record["BulletPoints"]
        assert list(product.prices) == record["pricing"]
        assert product.price_text == record["Price"]
        assert {k: list(v) for k, v in product.options.items()} == record["options"]
        assert list(product.options) == list(record["options"])
        assert list(product.attributes) == record["Attributes"]
        assert product == catalogue.find(record["asin"])


def test_a_product_is_read_from_the_processed_form(mugs: Catalogue):
    mug = mugs.find("B0MUG00003")
    assert mug.features == ("Big. ", "Blue.")
    assert mug.options == {"size": ("small", "large")}
    assert len(Goals(mugs)) == 2
    assert mugs[0] == mugs[-1] == mug
    assert not mugs.generated
    with pytest.raises(IndexError, match="no product 1"):
        mugs[1]
    with pytest.raises(LookupError, match=r"no product 'B0MUG' in WebShop's data in .*1 product,"):
        mugs.find("B0MUG")


def test_searched_text_is_title_description_first_point_and_options(mugs: Catalogue):
    mug = mugs[0]
    assert contents(mug) == "stoneware mug holds tea. big.  size: small, large"
    assert contents(Product("B", "T", "", (), (1.0,), "$1", {}, (), "", "", "")) == "t   "


def test_a_price_between_two_is_drawn_once_for_each_seed(tmp_path: Path, mugs: Catalogue):
    price = mugs.price("B0MUG00003")
    assert 4.5 <= price <= 8.25
    folder, cache = tmp_path / "data", tmp_path / "cache"
    assert open_catalogue(folder, cache=cache).price("B0MUG00003") == price
    drawn = {open_catalogue(folder, seed=s, cache=cache).price("B0MUG00003") for s in range(9)}
    assert len(drawn) > 1
    assert len([path for path in cache.iterdir() if path.is_dir()]) == 1


def test_price_limits_are_drawn_from_the_nearest_above_the_price(mugs: Catalogue):
    limits = {Goals(mugs, seed=seed)[0].price_upper for seed in range(60)}
    assert limits == {20.0, 30.0, 40.0}
    assert Goals(mugs, seed=1)[0] == Goals(mugs, seed=1)[0]
    assert len({goal.price_upper for goal in Goals(mugs)}) == 1


def test_goals_are_a_sequence(mugs: Catalogue):
    goals = Goals(mugs)
    assert goals[-1] == goals[1] == goals[:][1]
    assert [goal.options for goal in goals] == [goals[0].options, goals[1].options]
    with pytest.raises(IndexError, match="goal 2 is not there: the goals are 0 to 1"):
        goals[2]
    with pytest.raises(ValueError, match="unknown kind of goals 'robot'"):
        Goals(mugs, "robot")


def test_problems_of_the_processed_form_are_listed_with_their_lines(tmp_path: Path):
    bad = {**MUG, "pricing": ["4"], "options": {"size": "small"}, "asin": "B0BAD"}
    nan = json.dumps({**MUG, "asin": "B0NAN"}).replace("8.25]", "NaN]")
    folder = write_processed(tmp_path / "data", MUG, '{"asin": ', "", bad, "[]", nan)
    with pytest.raises(ValueError, match="5 problems") as caught:
        open_catalogue(folder, cache=tmp_path / "cache")
    told = str(caught.value).splitlines()[1:]
    assert told[0].startswith("  products_few.jsonl, line 2: broken JSON: ")
    assert told[1:] == [
        "  products_few.jsonl, line 4 ('B0BAD'): 'pricing.0' is '4': expected a number",
        "  products_few.jsonl, line 4 ('B0BAD'): 'options.size' is 'small': expected a list",
        "  products_few.jsonl, line 5: the record is []: expected an object with names",
        "  products_few.jsonl, line 6 ('B0NAN'): 'pricing.1' is nan: expected a number that is "
        "not NaN or infinite",
    ]


def test_a_file_without_products_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"products_few\.jsonl: there is no product in it"):
        open_catalogue(write_processed(tmp_path / "data"), cache=tmp_path / "cache")


def test_instructions_of_no_product_make_no_goals(tmp_path: Path):
    folder = write_processed(tmp_path / "data", MUG, attributes={"B0OTHER": ASKED})
    catalogue = open_catalogue(folder, cache=tmp_path / "cache")
    with pytest.raises(ValueError, match="no synthetic instructions, so there are no goals"):
        Goals(catalogue)


def test_too_many_combinations_are_refused_before_they_are_counted_out(tmp_path: Path):
    options = {f"option {i}": [str(n) for n in range(100)] for i in range(9)}
    folder = write_processed(tmp_path / "data", {**MUG, "options": options})
    with pytest.raises(ValueError, match="'B0MUG00003' has too many options"):
        open_catalogue(folder, cache=tmp_path / "cache")


def test_what_is_prepared_is_not_prepared_again_until_a_file_changes(tmp_path: Path):
    folder, cache = write_processed(tmp_path / "data", MUG), tmp_path / "cache"
    first = open_catalogue(folder, cache=cache).folder
    written = (first / "products.jsonl").stat().st_mtime_ns
    assert open_catalogue(folder, cache=cache).folder == first
    assert (first / "products.jsonl").stat().st_mtime_ns == written
    write_processed(folder, {**MUG, "Title": "A changed mug"})
    assert open_catalogue(folder, cache=cache)[0].title == "A changed mug"


def test_the_cache_is_under_the_users_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    folder = write_processed(tmp_path / "data", MUG)
    assert open_catalogue(folder).folder.parent == tmp_path / "xdg" / "agentkit" / "webshop"


def test_a_cache_that_cannot_be_written_says_which_argument_helps(tmp_path: Path):
    folder = write_processed(tmp_path / "data", MUG)
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"prepared in .*file/cache: .*the argument 'cache'"):
        open_catalogue(folder, cache=tmp_path / "file" / "cache")


def test_what_a_killed_process_left_is_written_anew(tmp_path: Path):
    folder, cache = write_processed(tmp_path / "data", MUG), tmp_path / "cache"
    made = open_catalogue(folder, cache=cache).folder
    partial = made.with_name(f"{made.name}.partial")
    made.rename(partial)
    (partial / "products.jsonl").write_text("half")
    assert open_catalogue(folder, cache=cache)[0].asin == "B0MUG00003"
    assert not partial.exists()


def test_a_damaged_folder_says_what_to_remove(tmp_path: Path):
    folder, cache = write_processed(tmp_path / "data", MUG), tmp_path / "cache"
    made = open_catalogue(folder, cache=cache).folder
    (made / "products.jsonl").write_text("{}")
    with pytest.raises(ValueError, match=r"is damaged .* remove that folder"):
        open_catalogue(folder, cache=cache)


@pytest.mark.parametrize(
    "name",
    [
        *("products.jsonl", "starts.npy", "asins.npy", "by_asin.npy", "digest.txt"),
        *("synthetic_order.npy", "synthetic_ends.npy", "search/search.json"),
        *("search/search_documents.bin",),
    ],
)
@pytest.mark.parametrize("how", ["missing", "empty", "cut off"])
def test_whatever_is_damaged_the_folder_to_remove_is_named(tmp_path: Path, name: str, how: str):
    """Goal tables that were cut off said 'mmap length is greater than file size'."""
    folder, cache = write_processed(tmp_path / "data", MUG), tmp_path / "cache"
    made = open_catalogue(folder, cache=cache).folder
    whole = (made / name).read_bytes()
    (made / name).unlink()
    if how != "missing":
        (made / name).write_bytes(b"" if how == "empty" else whole[:-5])
    arguments = {"products": None, "seed": 0, "kind": "synthetic", "cache": cache}
    with pytest.raises(ValueError, match=r"catalogue .* is damaged (?s:.*): remove that") as caught:
        shared_goals(folder, **arguments)
    assert str(made) in str(caught.value)
    shutil.rmtree(made)
    assert len(shared_goals(folder, **arguments)[1]) == 2


@contextmanager
def another_user() -> Iterator[None]:
    """Nobody, who may read nothing; whoever is no root is somebody else already."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        (".", r"the data folder .*/data cannot be read: Permission denied"),
        ("data", r"the data folder .*/data cannot be read: Permission denied"),
        ("cache", r"cannot be prepared in .*: Permission denied.*the argument 'cache'"),
        ("prepared", r"prepared .* cannot be read: Permission denied.*the argument 'cache'"),
    ],
)
def test_folders_that_cannot_be_read_are_named_with_what_helps(hidden: str, told: str):
    # pytest's folders are all closed to others.
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        here.chmod(0o755)
        folder, cache = write_processed(here / "data", MUG), here / "cache"
        made = open_catalogue(folder, cache=cache).folder
        locked = here / hidden if hidden != "prepared" else made
        locked.chmod(0)
        try:
            with another_user(), pytest.raises(ValueError, match=told):
                open_catalogue(folder, cache=cache)
        finally:
            locked.chmod(0o755)


def test_the_name_changes_with_any_product_and_with_nothing_else(tmp_path: Path):
    def name(*products: Any, **arguments: Any) -> str:
        folder = write_processed(tmp_path / "data", *products)
        return open_catalogue(folder, cache=tmp_path / "cache", **arguments).name

    first = name(MUG)
    assert re.search(rf"\(1 product, processed form, {HEX}\)$", first)
    assert name({**MUG, "Description": "Holds coffee."}) != first
    assert name(MUG) == first
    assert name(MUG, seed=3) == first.replace("form,", "form, prices of seed 3,")


def _open_elsewhere(folder: Path, cache: Path) -> tuple[str, int]:
    catalogue = open_catalogue(folder, cache=cache)
    return str(catalogue.folder), len(catalogue)


def test_processes_that_open_it_at_once_share_one_folder(tmp_path: Path):
    folder = write_official(tmp_path / "data", [LAMP, TEA] * 200)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        asked = [(folder, tmp_path / "cache")] * 6
        found = pool.starmap(_open_elsewhere, asked, chunksize=1)
    assert len(set(found)) == 1
    assert found[0][1] == 2
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 1


@pytest.mark.parametrize("products", [0, -1, True, 2.0, "5"])
def test_a_number_of_products_that_is_none_is_refused(tmp_path: Path, products: Any):
    with pytest.raises(ValueError, match="expected a whole number from 1"):
        open_catalogue(products=products, cache=tmp_path)


def test_reading_takes_what_is_asked_for_from_the_disk(mugs: Catalogue):
    """The tables are mapped, so that a big catalogue opens in little memory."""
    assert isinstance(vars(mugs._store)["_starts"], np.memmap)
    assert isinstance(vars(Goals(mugs)._table)["_order"], np.memmap)


def test_all_code_that_prepares_counts_in_the_name_of_what_is_prepared():
    """A changed reader must not meet what the old one prepared."""
    here = Path(prepared.__file__).parents[1]
    missing = []
    for name in PREPARING:
        package = here / name
        files = list(package.rglob("*.py")) if package.is_dir() else [here / f"{name}.py"]
        assert files, name
        for path in files:
            for node in ast.walk(ast.parse(path.read_text())):
                module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
                used = module.removeprefix("agentkit_envs.webshop.").replace(".", "/")
                if module.startswith("agentkit_envs.webshop.") and not used.startswith(ALLOWED):
                    missing.append(f"{path.name} imports {module}")
    assert not missing


PREPARING = (*prepared.STORING, *prepared.READING, *prepared.GENERATING)
ALLOWED = (*PREPARING, "catalogue/problems", "catalogue/source")
"""`problems` and `source` decide what is told and which files are read, not what is stored."""
