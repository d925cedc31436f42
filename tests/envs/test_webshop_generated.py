"""The generated shop: believable, the same everywhere, with wishes that can be fulfilled."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import astuple
from itertools import islice, pairwise

import pytest
from agentkit_envs.webshop.generated import generate
from agentkit_envs.webshop.generated.load import CATEGORIES, read, shop
from agentkit_envs.webshop.product import Product
from hypothesis import given, settings
from hypothesis import strategies as st

DIGEST = """
import hashlib
from agentkit_envs.webshop.generated import generate
print(hashlib.sha256(repr(list(generate(300, 7))).encode()).hexdigest())
"""


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return list(generate())


def said(product: Product) -> str:
    return "\n".join((product.title, product.description, *product.features)).lower()


def written(product: Product) -> list[str]:
    """Every text of a product that somebody reads."""
    return [
        product.title,
        product.description,
        *product.features,
        *(text for review in product.reviews for text in (review.title, review.body)),
        *(wish.text + wish.price_phrase.format(price=50) for wish in product.instructions),
    ]


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_same_seed_gives_the_same_products_in_every_process(hash_seed: str) -> None:
    digest = hashlib.sha256(repr(list(generate(300, 7))).encode()).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == digest


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**70), count=st.integers(0, 60), more=st.integers(0, 60))
def test_a_longer_catalogue_begins_with_a_shorter_one(seed: int, count: int, more: int) -> None:
    short = list(generate(count, seed))
    assert len(short) == count
    assert list(islice(generate(count + more, seed), count)) == short


def test_another_seed_gives_other_products() -> None:
    assert {p.asin for p in generate(200, 1)}.isdisjoint(p.asin for p in generate(200, 2))
    assert {p.title for p in generate(200, 1)} != {p.title for p in generate(200, 2)}


@pytest.mark.parametrize(
    ("count", "seed", "named"),
    [(-1, 0, ["count"]), (3, -2, ["seed"]), (-1, True, ["count", "seed"])],
)
def test_bad_numbers_are_refused_by_name_all_at_once(
    count: int, seed: int, named: list[str]
) -> None:
    with pytest.raises(ValueError, match="whole number") as caught:
        generate(count, seed)
    assert all(name in str(caught.value) for name in named)


def test_five_thousand_products_differ_and_every_category_has_its_share(
    products: list[Product],
) -> None:
    assert len(products) == 5000
    assert len({product.asin for product in products}) == 5000
    assert len({astuple(p)[1:4] for p in products}) == 5000  # title, description, features
    share = Counter(product.category for product in products)
    assert set(share) == set(CATEGORIES)
    assert min(share.values()) > 800
    assert len({product.query for product in products}) >= 60


def test_asins_look_like_asins_and_do_not_meet_in_a_large_catalogue() -> None:
    from agentkit_envs.webshop.generated.asins import asin

    names = [asin(position, 3) for position in range(200_000)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("G0[0-9A-Z]{8}", name) for name in names)


def test_every_attribute_is_said_somewhere(products: list[Product]) -> None:
    silent = [
        (product.asin, name)
        for product in products
        for name in product.attributes
        if name not in said(product)
    ]
    assert silent == []


def test_many_attributes_are_not_in_the_title(products: list[Product]) -> None:
    """Reading titles alone must not be enough, as in the benchmark."""
    inside = [name in p.title.lower() for p in products for name in p.attributes]
    assert 0.2 < sum(inside) / len(inside) < 0.6


def test_every_wish_can_be_fulfilled_and_names_its_options(products: list[Product]) -> None:
    for product in products:
        for wish in product.instructions:
            assert wish.attributes
            assert set(wish.attributes) <= set(product.attributes)
            assert wish.options is not None
            assert isinstance(wish.options, dict)
            for name, value in wish.options.items():
                assert value in product.options[name]
                assert value in wish.text
            assert not wish.human


def test_most_products_have_wishes_and_none_has_more_than_three(products: list[Product]) -> None:
    counts = [len(product.instructions) for product in products]
    assert sum(count > 0 for count in counts) > 4000
    assert max(counts) == 3


def test_no_text_shows_how_it_was_made(products: list[Product]) -> None:
    residue = re.compile(
        r"[{}]|  | [,.;:?!]|\.\.|,,|\bNone\b|^\s|\s$|\ba (?!one)[aeio]|\ban [bcdfgjkpqtvwz]"
    )
    found = [text for product in products for text in written(product) if residue.search(text)]
    assert found == []


def test_wishes_come_in_many_sentence_patterns(products: list[Product]) -> None:
    texts = [wish.text for product in products for wish in product.instructions]
    used = set()
    for forms in shop().wishes.values():
        for form in forms:
            pattern = "(.+)".join(map(re.escape, form.texts))
            if len(form.texts[0]) > 3 and any(re.fullmatch(pattern, text) for text in texts):
                used.add(form.texts)
    assert len(used) >= 40
    assert len({" ".join(text.split()[:3]) for text in texts}) >= 40


def test_wishes_state_their_price_limit_in_several_ways(products: list[Product]) -> None:
    phrases = {wish.price_phrase for product in products for wish in product.instructions}
    assert len(phrases) >= 8
    assert all(re.search(r"\$40|40(\.00)? dollars", phrase.format(price=40)) for phrase in phrases)


def test_some_products_are_almost_the_same(products: list[Product]) -> None:
    """Choosing well matters only where products differ in one thing."""
    pairs = [
        (a, b)
        for a, b in pairwise(products)
        if a.query == b.query and len(set(a.attributes) ^ set(b.attributes)) == 2
    ]
    assert len(pairs) > 400
    assert any(a.options == b.options and a.prices == b.prices for a, b in pairs)


def test_prices_are_positive_in_order_and_shown(products: list[Product]) -> None:
    for product in products:
        assert 1 <= len(product.prices) <= 2
        assert 0 < product.prices[0] <= product.prices[-1]
        assert list(product.prices) == sorted(set(product.prices))
        assert product.price_text == " to ".join(f"${price}" for price in product.prices)
    assert any(len(product.prices) == 2 for product in products)


def test_options_are_lower_case_and_without_repetition(products: list[Product]) -> None:
    for product in products:
        for name, values in product.options.items():
            assert name == name.lower()
            assert len(set(values)) == len(values) > 0
            assert all(value == value.lower().strip() for value in values)
    without = sum(not product.options for product in products)
    assert 50 < without < 2500


def test_each_query_belongs_to_one_category_and_one_path(products: list[Product]) -> None:
    places: dict[str, set[tuple[str, str]]] = {}
    for product in products:
        places.setdefault(product.query, set()).add((product.category, product.product_category))
        assert product.query == product.query.lower()
        assert product.product_category.count(" \u203a ") >= 2
    assert all(len(where) == 1 for where in places.values())


LETTERS = r"(xx-small|x-small|small|medium|large|x-large|xx-large|[34]x-large)"
SIZES = {
    "men's t-shirts & tanks": LETTERS,
    "women's dresses": LETTERS,
    "men's jeans": r"\d\dw x \d\dl",
    "men's boots": r"\d{1,2}(\.5)?",
    "women's sandals": r"\d{1,2}(\.5)?",
    "window coverings": r'\d\d" x \d{2,3}"',
    "area rugs": r"\d ft x \d{1,2} ft",
    "bedframes": r"twin|twin xl|full|queen|king|california king",
    "shampoos": r"\d+ fl oz \(pack of \d\)",
    "coffee": r"\d+ (ounce|pound) \(pack of \d\)",
    "snack bars": r"\d+ count \(pack of \d\)",
    "hdmi cables": r"[\d.]+ feet",
}
APART = [
    ("long sleeve", "short sleeve"),
    ("short sleeve", "sleeveless"),
    ("slim fit", "relaxed fit"),
    ("machine washable", "hand wash only"),
    ("genuine leather", "faux leather"),
    ("100 percent cotton", "polyester spandex"),
    ("solid wood", "engineered wood"),
    ("easy to assemble", "fully assembled"),
    ("dark roast", "light roast"),
    ("dry skin", "oily skin"),
    ("4k resolution", "1080p full hd"),
    ("waterproof", "water resistant"),
]


@pytest.mark.parametrize("query", SIZES)
def test_sizes_are_those_of_the_kind_of_product(products: list[Product], query: str) -> None:
    sizes = {
        size
        for product in products
        if product.query == query
        for size in product.options.get("size", ())
    }
    assert len(sizes) >= 3
    assert [size for size in sizes if not re.fullmatch(SIZES[query], size)] == []


@pytest.mark.parametrize("pair", APART)
def test_no_product_contradicts_itself(products: list[Product], pair: tuple[str, str]) -> None:
    assert any(set(pair) & set(product.attributes) for product in products)
    assert not any(set(pair) <= set(product.attributes) for product in products)


def test_attributes_stay_in_the_categories_where_they_make_sense(products: list[Product]) -> None:
    of = {
        category: {name for p in products if p.category == category for name in p.attributes}
        for category in CATEGORIES
    }
    assert "gluten free" in of["grocery"]
    assert not any(
        "gluten free" in of[category] for category in CATEGORIES if category != "grocery"
    )
    assert "rubber sole" in of["fashion"]
    assert not any(
        "rubber sole" in of[category] for category in CATEGORIES if category != "fashion"
    )
    assert not of["grocery"] & of["garden"]


def test_the_data_has_nothing_that_is_never_drawn() -> None:
    """A misspelt name in a kind is an error at once; forgotten ones are found here."""
    files = {name: read(name) for name in (*CATEGORIES, "shared")}
    kinds = [kind for name in CATEGORIES for kind in files[name]["kinds"]]
    groups = [group for kind in kinds for group in kind["traits"]]
    used = {name for group in groups for name in ([group] if isinstance(group, str) else group)}
    assert {name for file in files.values() for name in file["traits"]} - used == set()
    pools = {pool for kind in kinds for pool in kind["options"].values()}
    assert set(read("options")) == pools


def test_the_data_is_text_where_text_is_meant() -> None:
    """YAML reads True, No and 10 as something else: "True" wireless earbuds once were a bool."""

    def odd(value: object, path: str) -> list[str]:
        if isinstance(value, dict):
            return [p for k, v in value.items() for p in (*odd(k, path), *odd(v, f"{path} {k}"))]
        if isinstance(value, list):
            return [p for v in value for p in odd(v, path)]
        if isinstance(value, str) and value == value.strip():
            return []
        known = path.endswith((" price", " count", " many", " neighbours"))
        return [] if known or value in ("", ", ", " - ", " | ", " ") else [f"{path}: {value!r}"]

    for name in (*CATEGORIES, "shared", "options", "brands", "listings", "reviews"):
        assert odd(read(name), name) == []


def test_importing_reads_no_data() -> None:
    script = "import sys, agentkit_envs.webshop.generated; print('yaml' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
