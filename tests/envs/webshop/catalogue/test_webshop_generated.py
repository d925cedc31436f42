"""The generated shop: believable, the same everywhere, with wishes that can be fulfilled."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple
from itertools import islice, pairwise

import pytest
from agentkit_envs.webshop.catalogue.generated import generate
from agentkit_envs.webshop.catalogue.generated.loader import CATEGORIES, shop
from agentkit_envs.webshop.catalogue.product import Product
from hypothesis import given, settings
from hypothesis import strategies as st

DIGEST = """
import hashlib
from agentkit_envs.webshop.catalogue.generated import generate
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
    from agentkit_envs.webshop.catalogue.generated.asins import asin

    names = [asin(position, 3) for position in range(200_000)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("G0[0-9A-Z]{8}", name) for name in names)


def unsaid(products: list[Product]) -> list[tuple[str, str]]:
    """Attributes that a product has in secret."""
    return [(p.asin, name) for p in products for name in p.attributes if name not in said(p)]


def impossible(products: list[Product]) -> list[str]:
    """Wishes that the product itself does not fulfil, or that keep an option to themselves."""
    return [
        wish.text
        for product in products
        for wish in product.instructions
        if not wish.attributes
        or not set(wish.attributes) <= set(product.attributes)
        or not isinstance(wish.options, Mapping)
        or not all(
            value in product.options[name] and value in wish.text
            for name, value in wish.options.items()
        )
    ]


RESIDUE = re.compile(
    r"[{}]|  | [,.;:?!]|\.\.|,,|\bNone\b|^\s|\s$|\ba (?!one)[aeio]|\ban [bcdfgjkpqtvwz]"
)


def blemished(products: list[Product]) -> list[str]:
    """Texts that show how they were put together."""
    return [text for product in products for text in written(product) if RESIDUE.search(text)]


def test_every_attribute_is_said_somewhere(products: list[Product]) -> None:
    assert unsaid(products) == []


def test_every_wish_can_be_fulfilled_and_names_its_options(products: list[Product]) -> None:
    assert impossible(products) == []
    assert not any(wish.human for product in products for wish in product.instructions)


def test_no_text_shows_how_it_was_made(products: list[Product]) -> None:
    assert blemished(products) == []


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**70))
def test_every_seed_keeps_the_promises(seed: int) -> None:
    products = list(generate(60, seed))
    assert unsaid(products) == []
    assert impossible(products) == []
    assert blemished(products) == []
    assert len({product.asin for product in products}) == 60


def test_many_attributes_are_not_in_the_title(products: list[Product]) -> None:
    """Reading titles alone must not be enough, as in the benchmark."""
    inside = [name in p.title.lower() for p in products for name in p.attributes]
    assert 0.2 < sum(inside) / len(inside) < 0.6


def test_most_products_have_wishes_and_none_has_more_than_three(products: list[Product]) -> None:
    counts = [len(product.instructions) for product in products]
    assert sum(count > 0 for count in counts) > 4000
    assert max(counts) == 3


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


def test_importing_reads_no_data() -> None:
    script = "import sys, agentkit_envs.webshop.catalogue.generated; print('yaml' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
