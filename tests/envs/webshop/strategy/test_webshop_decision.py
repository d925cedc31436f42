"""What the rule-based shopper does next, decision by decision."""

import pytest
from agentkit_envs.webshop.strategy.decision import Situation, decide
from agentkit_envs.webshop.strategy.expected_reward import worth
from agentkit_envs.webshop.strategy.options import pick
from agentkit_envs.webshop.strategy.wish_parser import parse_wish
from agentkit_envs.webshop.strategy.word_matching import support

WORDS = "I need a dimmable lamp with a glass shade in the color red under $20"
WISH = parse_wish(WORDS)


def product(title="Lamp", place=0, **changes):
    """A product of the first search, not opened yet."""
    known = {"title": title, "price": "$18.0", "places": [["red lamp", place]], "options": None}
    return known | {"description": None, "features": None} | changes


def opened(title="Lamp", place=0, values=("red", "blue"), **changes):
    """A product that was opened and read."""
    read = {"options": {"color": list(values)}, "features": "", "description": ""}
    return product(title, place, **{**read, **changes})


GOOD = opened("Dimmable Lamp with Glass Shade")
FAIR = opened("Dimmable Lamp")
POOR = opened("Rug", values=("blue",))


def doing(products, kind="item", here="A", left=15, **notes):
    """The action in a situation; every product is on the last page of results."""
    now = {
        "kind": kind, "steps": 3, "steps_left": left, "searches": ["red lamp", "lamp"],
        "listed": list(products), "fresh": [], "product": here, "chosen": {},
        "products": products,
    }  # fmt: skip
    return decide(Situation(now | notes, WISH, WORDS)).action


RED = {"color": "red"}


@pytest.mark.parametrize(
    ("products", "situation", "action"),
    [
        ({"A": GOOD}, {}, "click[red]"),
        ({"A": GOOD}, {"chosen": RED}, "click[Buy Now]"),
        ({"A": GOOD}, {"left": 1}, "click[Buy Now]"),
        ({"A": GOOD}, {"left": 2}, "click[red]"),
        # A product that meets everything ends the search; one that misses something does not.
        ({"A": GOOD, "B": product("Dimmable Lamp with Glass Shade, red")}, {}, "click[red]"),
        ({"A": FAIR, "B": product("Dimmable Lamp, Glass Shade", 1)}, {}, "click[< Prev]"),
        ({"A": FAIR, "B": product("Dimmable Lamp, Glass Shade", 1)},
         {"kind": "results", "here": None}, "click[B]"),
        ({"A": FAIR, "B": product("Dimmable Lamp, Glass Shade", 1)},
         {"chosen": RED}, "click[Buy Now]"),
        # After one search another one may find a better product; after two it is enough.
        ({"A": FAIR}, {"searches": ["x"]}, "search[lamp color red color red]"),
        ({"A": FAIR}, {"searches": ["x"], "chosen": RED}, "click[Buy Now]"),
        ({"A": FAIR}, {"searches": ["x"], "left": 5}, "click[red]"),
        ({"A": FAIR}, {}, "click[red]"),
        # What was not read may settle a doubt, while there is time.
        ({"A": opened(features=None)}, {}, "click[Features]"),
        ({"A": opened(features=None)}, {"left": 3}, "click[red]"),
        ({"A": opened(features=None)}, {"chosen": RED}, "click[Buy Now]"),
        # Back to the best of those that were opened, and not when the steps are too few for it.
        ({"A": POOR, "B": GOOD}, {"left": 4}, "click[< Prev]"),
        ({"A": POOR, "B": GOOD}, {"left": 4, "kind": "results", "here": None}, "click[B]"),
        ({"A": POOR, "B": GOOD}, {"left": 3}, "click[< Prev]"),
        ({"A": POOR, "B": GOOD}, {"left": 2}, "click[Buy Now]"),
        ({"A": POOR, "B": GOOD}, {"listed": [], "left": 9}, "search[red lamp]"),
        # Texts of a product lead back to its page.
        ({"A": GOOD}, {"kind": "features"}, "click[< Prev]"),
        # Nothing found yet.
        ({}, {"kind": "index", "here": None, "searches": []}, "search[lamp color red color red]"),
    ],
)  # fmt: skip
def test_what_is_done_next(products, situation, action):
    assert doing(products, **situation) == action


@pytest.mark.parametrize(("steps", "action"), [(3, "click[< Prev]"), (24, "click[Buy Now]")])
def test_without_a_limit_it_shops_for_25_steps(steps, action):
    assert doing({"A": POOR, "B": GOOD}, left=None, steps=steps) == action


def test_another_kind_of_product_is_worth_less():
    assert worth(opened("Dimmable Rug"), WISH, WORDS).value < worth(FAIR, WISH, WORDS).value


def test_a_price_far_below_the_limit_is_a_sign_of_another_product():
    wish = parse_wish("a lamp in the color red under $90")
    near, far = (worth(opened(price=price), wish, "").value for price in ("$60.0", "$40.0"))
    assert far < near


def test_a_value_that_hardly_fits_is_not_chosen():
    assert pick({"color": ("zzz",)}, WISH, "").values == {}


def test_a_value_of_two_options_is_chosen_for_the_one_that_the_click_chooses():
    options = {"color": ("red", "blue"), "shade": ("red", "white")}
    assert pick(options, WISH, "").values == {"shade": "red"}


def test_numbers_between_two_words_do_not_part_them():
    assert support("glass shade", "glass 2 4 6 8 shade") == 1.0
    assert support("glass shade", "glass or a very fine other kind of shade") < 1.0
