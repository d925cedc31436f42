"""The generated products make sense: sizes fit, nothing contradicts itself, the data is whole."""

import re

import pytest
from agentkit_envs.webshop.catalogue.generated import generate
from agentkit_envs.webshop.catalogue.generated.loader import CATEGORIES, read
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.goals.reward import count_options


@pytest.fixture(scope="module")
def products() -> list[Product]:
    return list(generate())


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


def test_the_reward_knows_every_option_again(products: list[Product]) -> None:
    """WebShop's reward finds colours inside words: "cashews" has "ash", and never matched."""
    options = {
        (name, value)
        for product in products
        for name, values in product.options.items()
        for value in values
    }
    lost = [pair for pair in options if count_options(dict([pair]), dict([pair])) != 1]
    assert lost == []
