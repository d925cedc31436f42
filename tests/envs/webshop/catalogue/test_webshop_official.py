"""WebShop's official files become the products that the original makes of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from agentkit_envs.webshop.catalogue.catalogue import Catalogue, open_catalogue
from agentkit_envs.webshop.catalogue.official import parse_pricing, read_official
from agentkit_envs.webshop.catalogue.problems import Problems
from agentkit_envs.webshop.catalogue.product import Instruction, Review
from agentkit_envs.webshop.catalogue.source import find_source
from agentkit_envs.webshop.goals.goal_list import Goals
from envs.webshop_files import ATTRIBUTES, HUMAN, LAMP, REVIEWS, TEA, without, write_official
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st


def opened(tmp_path: Path, **files: Any) -> Catalogue:
    return open_catalogue(write_official(tmp_path / "data", **files), cache=tmp_path / "cache")


def refused(tmp_path: Path, **files: Any) -> str:
    with pytest.raises(ValueError, match="problem") as caught:
        opened(tmp_path, **files)
    return str(caught.value)


def test_every_field_is_read_as_the_original_reads_it(tmp_path: Path):
    lamp = opened(tmp_path).find("B0LAMP0001")
    assert lamp.title == "Glimmerhaus Desk Lamp, Brass"
    assert lamp.description == "A lamp for a desk."
    assert lamp.features == ("Warm light. ", "Folds flat. ")
    assert lamp.prices == (1019.99, 1249.5)
    assert lamp.price_text == "$1019.99 to $1249.5"
    assert lamp.options == {"color": ("brass | black", "white"), "size": ("s", "m", "l")}
    assert lamp.attributes == ("easy assemble", "warm light")
    assert (lamp.category, lamp.query) == ("garden", "desk lamps")
    assert lamp.product_category == "Home & Kitchen > Lighting > Desk Lamps"
    assert (lamp.rating, lamp.reviews) == ("N.A.", ())
    assert lamp.instructions == (Instruction("Find me a lamp with warm light", ("warm light",)),)


def test_what_a_product_lacks_is_filled_in(tmp_path: Path):
    tea = opened(tmp_path).find("B0TEA00002")
    assert tea.description == ""
    assert tea.features == ("Twenty bags.",)
    assert (tea.prices, tea.price_text) == ((100.0,), "$100.0")
    assert tea.options == {}
    assert tea.attributes == ("DUMMY_ATTR",)
    assert tea.rating == "4.5"
    assert tea.reviews == (Review("Fine", "5.0", "Good tea."), Review("Bland", "2.0", ""))


def test_human_instructions_without_attributes_are_left_out(tmp_path: Path):
    goals = Goals(opened(tmp_path), "human")
    assert len(goals) == 1
    assert goals[0].instruction.startswith("i want nettle tea, and price lower than ")
    assert goals[0].options == ("20 bags",)
    assert goals[0].price_upper in {110.0, 120.0, 130.0, 140.0}


def test_every_combination_of_options_is_a_goal_with_names_sorted(tmp_path: Path):
    goals = Goals(opened(tmp_path))
    assert len(goals) == 6
    said = {goal.instruction for goal in goals}
    assert "Find me a lamp with warm light with color: brass | black, and size: m" in said
    assert {tuple(goal.options.items()) for goal in goals} == {
        (("color", color), ("size", size)) for color in ("brass | black", "white") for size in "sml"
    }
    assert {goal.price_upper for goal in goals} == {1_000_000.0}


def test_odd_and_repeated_asins_are_left_out_unread(tmp_path: Path):
    again = {**LAMP, "name": 7}
    nan, long = {**TEA, "asin": "nan", "query": None}, {**TEA, "asin": "B0123456789"}
    catalogue = opened(tmp_path, products=[nan, LAMP, again, long, TEA])
    assert [product.asin for product in catalogue] == ["B0LAMP0001", "B0TEA00002"]


def test_the_first_products_are_counted_before_any_is_left_out(tmp_path: Path):
    folder = write_official(tmp_path / "data", products=[{**TEA, "asin": "nan"}, LAMP, TEA])
    catalogue = open_catalogue(folder, products=2, cache=tmp_path / "cache")
    assert [product.asin for product in catalogue] == ["B0LAMP0001"]


def test_files_of_people_and_reviews_may_be_missing(tmp_path: Path):
    catalogue = opened(tmp_path, human=None, reviews=None)
    assert catalogue.find("B0TEA00002").rating == "N.A."
    with pytest.raises(ValueError, match="has no instructions written by people"):
        Goals(catalogue, "human")


@pytest.mark.parametrize(
    ("pricing", "prices", "text"),
    [
        ("$9.00", (9.0,), "$9.0"),
        ("$16.05 to $40.98", (16.05, 40.98), "$16.05 to $40.98"),
        ("$5 $6 $7", (5.0, 6.0), "$5.0 to $6.0"),
        ("from $1,234.50 each", (1234.5,), "$1234.5"),
        (None, (100.0,), "$100.0"),
        ("", (100.0,), "$100.0"),
    ],
)
def test_prices_are_what_follows_a_dollar_sign(
    pricing: str | None, prices: tuple[float, ...], text: str
):
    assert parse_pricing(pricing) == (prices, text)


def test_every_problem_is_listed_with_file_line_and_product(tmp_path: Path):
    misspelt = {**without(LAMP, "query"), "asin": "B0BAD00001", "qeury": "lamps"}
    typed = {**TEA, "asin": "B0BAD00002", "name": 7, "customization_options": {"Size": [{}]}}
    dear = {**TEA, "asin": "B0BAD00003", "pricing": "call us"}
    products = [LAMP, misspelt, typed, without(TEA, "asin"), "tea", dear, TEA]
    text = refused(tmp_path, products=products, human={"B0TEA00002": [{"instruction": 3}]})
    lines = text.splitlines()
    assert lines[0].endswith("data: 9 problems")
    prefix = "  items_shuffle_1000.json, line "
    assert all(line.startswith((prefix, "  items_human_ins.json")) for line in lines[1:])
    assert lines[1].endswith(
        "product 2 ('B0BAD00001'): the field 'query' is missing. "
        "Did you mean 'qeury', which is there?"
    )
    assert lines[2].endswith("product 3 ('B0BAD00002'): 'name' is 7: expected text")
    assert lines[3].endswith("the field 'customization_options.Size.0.value' is missing")
    assert lines[4].endswith("product 4: the field 'asin' is missing")
    assert lines[5].endswith("product 5: the record is 'tea': expected an object with names")
    assert "('B0BAD00003'): 'pricing' is 'call us': expected prices in dollars" in lines[6]
    assert lines[7] == (
        "  items_human_ins.json, line 2, product 'B0TEA00002': "
        "'instructions.0.instruction' is 3: expected text"
    )
    number = int(lines[2].removeprefix(prefix).split(",")[0])
    written = (tmp_path / "data" / "items_shuffle_1000.json").read_text().splitlines()
    assert '"asin": "B0BAD00002"' in written[number]


def test_many_problems_are_counted_after_the_first_twenty(tmp_path: Path):
    products = [{**TEA, "asin": f"B0{i:08}", "query": None} for i in range(33)]
    lines = refused(tmp_path, products=products).splitlines()
    assert lines[0].endswith(": 33 problems")
    assert len(lines) == 22
    assert lines[-1] == "  and 13 more"


def test_broken_json_is_told_with_its_line(tmp_path: Path):
    folder = write_official(tmp_path / "data")
    path = folder / "items_shuffle_1000.json"
    whole = path.read_text()
    path.write_text(whole.replace('"query": "herbal tea",', '"query": "herbal tea"'))
    with pytest.raises(ValueError, match=r"1 problem\n.*shuffle_1000.json: line \d+: broken JSON"):
        open_catalogue(folder, cache=tmp_path / "cache")
    path.write_text(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="broken JSON"):
        open_catalogue(folder, cache=tmp_path / "cache")
    path.write_text('{"asin": "B0TEA00002"}')
    with pytest.raises(ValueError, match=r"line 1: broken JSON: expected '\[', found '\{'"):
        open_catalogue(folder, cache=tmp_path / "cache")
    path.write_bytes(b'[{"asin": "\xff"}]')
    with pytest.raises(ValueError, match="not UTF-8"):
        open_catalogue(folder, cache=tmp_path / "cache")


def test_nothing_is_left_in_the_cache_by_data_that_was_refused(tmp_path: Path):
    refused(tmp_path, products=[{**TEA, "name": None}])
    assert [p.name for p in (tmp_path / "cache").iterdir() if p.is_dir()] == []


def test_missing_files_are_named(tmp_path: Path):
    with pytest.raises(ValueError, match=r"the data folder .*nowhere is not there"):
        open_catalogue(tmp_path / "nowhere", cache=tmp_path / "cache")
    folder = write_official(tmp_path / "data", attributes=None)
    with pytest.raises(ValueError, match=r"expected items_ins_v2\*\.json; it has items_human"):
        open_catalogue(folder, cache=tmp_path / "cache")
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(ValueError, match=r"expected items_shuffle\*\.json .* the folder has noth"):
        open_catalogue(empty, cache=tmp_path / "cache")


def test_a_file_without_suffix_is_taken_before_the_small_one(tmp_path: Path):
    folder = write_official(tmp_path / "data")
    (folder / "items_shuffle.json").write_text(json.dumps([TEA]))
    assert len(open_catalogue(folder, cache=tmp_path / "cache")) == 1
    (folder / "items_shuffle.json").rename(folder / "items_shuffle_7.json")
    with pytest.raises(
        ValueError, match=r"files: items_shuffle_1000\.json, items_shuffle_7\.json\."
    ):
        open_catalogue(folder, cache=tmp_path / "cache")


def test_attributes_are_taken_from_the_file_with_the_suffix_of_the_products(tmp_path: Path):
    folder = write_official(tmp_path / "data")
    (folder / "items_ins_v2.json").write_text("{}")
    catalogue = open_catalogue(folder, cache=tmp_path / "cache")
    assert catalogue.find("B0LAMP0001").attributes == ("easy assemble", "warm light")
    (folder / "items_ins_v2_1000.json").unlink()
    catalogue = open_catalogue(folder, cache=tmp_path / "cache")
    assert catalogue.find("B0LAMP0001").attributes == ("DUMMY_ATTR",)


def test_an_instruction_that_asks_for_no_attribute_makes_no_goal(tmp_path: Path):
    entry = {**ATTRIBUTES["B0LAMP0001"], "instruction_attributes": []}
    for number, said in enumerate((entry, without(entry, "instruction_attributes"))):
        catalogue = opened(tmp_path / str(number), attributes={"B0LAMP0001": said})
        assert catalogue.find("B0LAMP0001").attributes == ("easy assemble", "warm light")
        assert catalogue.find("B0LAMP0001").instructions == ()


def test_half_a_character_does_not_stop_the_catalogue(tmp_path: Path):
    """JSON can name half of a pair; no file in UTF-8 can hold it."""
    catalogue = opened(tmp_path, products=[{**TEA, "name": "tea \ud83d!"}])
    assert catalogue[0].title == "tea ?!"


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(field=st.sampled_from(sorted(LAMP)), value=ANYTHING, entry=ANYTHING, review=ANYTHING)
def test_whatever_the_files_hold_is_read_or_told(
    tmp_path: Path, field: str, value: Any, entry: Any, review: Any
):
    """A surprise in the data is never a bare Python error."""
    write_official(
        tmp_path,
        products=[{**LAMP, field: value}],
        attributes={LAMP["asin"]: entry},
        human={LAMP["asin"]: [entry]},
        reviews=[review, {"asin": LAMP["asin"], "average_rating": review, "reviews": [entry]}],
    )
    problems = Problems()
    products = list(read_official(find_source(tmp_path), tmp_path, problems))
    assert len(products) <= 1
    assert not (products and problems.count)


def test_the_last_of_repeated_entries_counts(tmp_path: Path):
    folder = write_official(tmp_path / "data", human=HUMAN, reviews=[*REVIEWS, *REVIEWS[:0]])
    text = '{"B0TEA00002": {"attributes": ["a"]}, "B0TEA00002": {"attributes": ["b"]}}'
    (folder / "items_ins_v2_1000.json").write_text(text)
    catalogue = open_catalogue(folder, cache=tmp_path / "cache")
    assert catalogue.find("B0TEA00002").attributes == ("b",)
