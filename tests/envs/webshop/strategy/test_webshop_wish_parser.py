"""What the rule-based shopper understands of an instruction."""

import time
from itertools import islice

import pytest
from agentkit_envs.webshop.catalogue.catalogue import open_catalogue
from agentkit_envs.webshop.catalogue.generated import generate
from agentkit_envs.webshop.goals.goal_list import Goals
from agentkit_envs.webshop.strategy.price_limit import without_price
from agentkit_envs.webshop.strategy.synonyms import ways_to_say
from agentkit_envs.webshop.strategy.wish_parser import parse_wish, queries
from envs.webshop_data import DATA, needs_data
from hypothesis import given
from hypothesis import strategies as st

NAMES = {"flavor name": "flavor", "fit type": "fit", "pattern name": "pattern"}
NAMES |= {"item shape": "shape", "number of items": "quantity"}
"""How people call an option."""


def options_of(wish) -> dict[str, str]:
    return {choice["option"]: choice["value"] for choice in wish["options"]}


@pytest.mark.parametrize(
    ("said", "limit", "rest"),
    [
        ("a lamp, and price lower than 30.00 dollars", 30, "a lamp"),
        ("a lamp for less than $1,200", 1200, "a lamp"),
        ("a lamp under 30 usd", 30, "a lamp"),
        ("a lamp. I can spend up to $30", 30, "a lamp"),
        ("a lamp. The price should not exceed 30 dollars", 30, "a lamp"),
        ("a lamp, max 30 bucks, in red", 30, "a lamp, in red"),
        ("a lamp, budget: 29.99", 29.99, "a lamp"),
        ("a 5 dollar bill lamp below $30", 30, "a 5 dollar bill lamp"),
        ("a 40 inch lamp", None, "a 40 inch lamp"),
        ("a rug, size: 2 ft x 7 ft 4 in, and price lower than 80.00 dollars", 80,
         "a rug, size: 2 ft x 7 ft 4 in"),
        ('pillows, size: 40" x 40", and price lower than 30.00 dollars', 30,
         'pillows, size: 40" x 40"'),
    ],
)  # fmt: skip
def test_the_price_limit_is_found_and_leaves_the_rest_as_it_is(said, limit, rest):
    assert without_price(said) == (limit, rest)


def test_a_list_is_taken_apart():
    wish = parse_wish(
        "Find me machine wash, hand wash women's tops, tees & blouses with long sleeve for teen "
        "girls with color: a01#black, and fit type: slim, and size: x-large, "
        "and price lower than 40.00 dollars"
    )
    assert wish == {
        "product": "women's tops, tees & blouses",
        "attributes": ["machine wash", "hand wash", "long sleeve", "teen girls"],
        "options": [
            {"option": "color", "value": "a01#black"},
            {"option": "fit type", "value": "slim"},
            {"option": "size", "value": "x-large"},
        ],
        "price_limit": 40.0,
    }


@pytest.mark.parametrize(
    ("said", "product", "attributes", "options"),
    [
        ("I'm looking for a waterproof, easy to clean lamp with a glass shade in the color navy "
         "and the size 9 inch, for less than $40",
         "lamp", ["waterproof", "easy to clean", "glass shade"],
         {"color": "navy", "size": "9 inch"}),
        ("My cellar is dark. We need a pair of lamps that are dimmable and have a remote control. "
         "Pick navy color, 9 inch size",
         "lamps", ["dimmable", "remote control"], {"color": "navy", "size": "9 inch"}),
        ("My shelf is almost empty. It's time for dimmable lamps with a remote control in size 9",
         "lamps", ["dimmable", "remote control"], {"size": "9"}),
        ("Do you have sugar free cookies? I would choose flavor: salt and pepper, size: 12 count "
         "(pack of 2)",
         "cookies", ["sugar free"], {"flavor": "salt and pepper", "size": "12 count (pack of 2)"}),
        ("i want a women's coat that is free from wool. the color should be blue and the size "
         "should be large. my limit is 90 dollars",
         "women's coat", ["no wool"], {"color": "blue", "size": "large"}),
        ("buy me black shoes size 10.00", "black shoes", [], {"size": "10.00"}),
        ("please show me a wine red color dress size medium", "dress", [],
         {"color": "wine red", "size": "medium"}),
        ("i want some travel size toothpaste. get navy color", "toothpaste", ["travel size"],
         {"color": "navy"}),
        ("a wooden 1,000 piece puzzle", "wooden 1,000 piece puzzle", [], {}),
    ],
)  # fmt: skip
def test_free_speech_is_understood(said, product, attributes, options):
    wish = parse_wish(said)
    assert (wish["product"], wish["attributes"]) == (product, attributes)
    assert options_of(wish) == options


def test_other_words_for_a_quality_are_taken_for_it():
    wish = parse_wish("I need a soap that is never tested on animals and free of gluten")
    assert wish["attributes"] == ["cruelty free", "gluten free"]
    assert "never tested on animals" in ways_to_say("cruelty free")


@needs_data
def test_webshops_own_instructions_are_understood_almost_all(tmp_path):
    goals = Goals(open_catalogue(DATA, cache=tmp_path))
    wishes = [(goals[index], parse_wish(goals[index].instruction)) for index in range(500, 1500)]
    right = sum(options_of(wish) == dict(goal.options) for goal, wish in wishes)
    assert right / len(wishes) > 0.99
    assert all(
        (wish["price_limit"] or goal.price_upper) == goal.price_upper for goal, wish in wishes
    )
    same = sum(set(wish["attributes"]) == set(goal.attributes) for goal, wish in wishes)
    assert same / len(wishes) > 0.93


def test_the_options_of_generated_instructions_are_understood_almost_all():
    products = islice(generate(600, seed=5), 600)
    wishes = [wish for product in products for wish in product.instructions]
    right = sum(
        options_of(parse_wish(wish.text))
        == {NAMES.get(name, name): value for name, value in wish.options.items()}
        for wish in wishes
    )
    assert right / len(wishes) > 0.97


def test_searches_say_rare_words_twice_and_are_all_different():
    wish = parse_wish("Find me soft pillows with printing technology with size: 20x20")
    tried = queries(wish, "Find me soft pillows with printing technology with size: 20x20")
    assert tried[0] == "soft pillows size 20x20 size 20x20"
    assert tried[1] == "soft pillows with printing technology with size: 20x20"
    assert len(set(tried)) == len(tried)


@given(st.text())
def test_any_text_is_a_wish(text):
    wish = parse_wish(text)
    assert all(choice["option"] and choice["value"] for choice in wish["options"])
    assert all(wish["attributes"])


@pytest.mark.parametrize(
    "part", ["i want ", "and ", "size size ", "in the ", "a, ", "color: ", "$1 ", "easy to ", "'' "]
)
def test_a_long_instruction_takes_no_long_time(part):
    """Patterns that try every way to split a text take exponential time."""
    start = time.process_time()
    parse_wish(part * 300)
    assert time.process_time() - start < 2


@pytest.mark.parametrize("digits", ["1", "1,"])
def test_a_long_number_is_read_once(digits):
    start = time.process_time()
    assert without_price(digits * 10_000 + "x")[0] is None
    assert time.process_time() - start < 1
