"""A shop of a few products in memory, so that pages are tried without files or an index."""

import json
from dataclasses import replace

from agentkit_envs.webshop.catalogue.product import Product, Review
from agentkit_envs.webshop.goals.goal import Goal
from agentkit_envs.webshop.visit import Visit
from hypothesis import strategies as st

# Texts as listings have them: marks of HTML, quotes, brackets, separators, odd white space.
ODD = "a b<>&\"'[];:|/\n\t\u00a0\u2028é中(1)"
texts = st.text(st.sampled_from(ODD), max_size=8) | st.sampled_from(
    ["Buy Now", "search", "< prev", "reviews", "next >", " ", "\n", "pink (chosen)", "none"]
)
words = texts.map(lambda text: " ".join(text.lower().split())).filter(bool)
reviews = st.builds(Review, texts, st.sampled_from(["5.0", "1"]), texts)
prices = st.sampled_from(["$10.5", "$16.05 to $40.98"])


@st.composite
def products(draw):
    """A product with odd texts and any options."""
    return Product(
        asin="B0000",
        title=draw(texts),
        description=draw(texts),
        features=tuple(draw(st.lists(texts, max_size=3))),
        prices=(10.5,),
        price_text=draw(prices),
        options=draw(st.dictionaries(words, st.lists(words, max_size=4).map(tuple), max_size=3)),
        attributes=tuple(draw(st.lists(words, max_size=2))),
        category="garden",
        query=draw(words),
        product_category=draw(texts),
        reviews=tuple(draw(st.lists(reviews, max_size=2))),
    )


@st.composite
def shelves(draw):
    """A shop with one to 23 products, at most two of them different."""
    odd = draw(st.lists(products(), min_size=1, max_size=2))
    count = draw(st.integers(1, 23))
    return Shelf([replace(odd[n % len(odd)], asin=f"B{n:04}") for n in range(count)])


goals = st.builds(
    Goal,
    instruction=texts,
    asin=st.just("B0000"),
    title=st.just("a lamp"),
    category=st.just("garden"),
    query=st.just("lamps"),
    product_category=st.just(""),
    attributes=st.lists(words, max_size=2).map(tuple),
    options=st.lists(words, max_size=2).map(tuple),
    price_upper=st.just(20.0),
)


class Shelf:
    """Stands in for a catalogue. A search finds every product, or for "nothing" none."""

    name = "a shelf"
    generated = True

    def __init__(self, items):
        self.items = items
        self.index = self

    def __len__(self):
        return len(self.items)

    def __getitem__(self, position):
        return self.items[position]

    def search(self, query, limit):
        found = [] if query == "nothing" else range(len(self.items))[:limit]
        return [(position, 1.0) for position in found]

    def price(self, asin):
        return next(item.prices[0] for item in self.items if item.asin == asin)


GOAL = Goal(
    instruction="a red lamp, and price lower than 20.00 dollars",
    asin="B01",
    title="desk lamp",
    category="garden",
    query="lamps",
    product_category="",
    attributes=("bright",),
    options={"color": "red"},
    price_upper=20.0,
)
LAMP = Product(
    asin="B01",
    title="Desk Lamp",
    description="A bright lamp.",
    features=("It's <bright>", "small "),
    prices=(10.5,),
    price_text="$10.5",
    options={"color": ("red", "blue"), "size": ("s", "l")},
    attributes=("bright",),
    category="garden",
    query="lamps",
    product_category="Home",
    rating="4.5",
    reviews=(Review("Good", "5.0", "I like it."),),
)


def shop(count=1, **arguments):
    """A visit to a shop that sells the lamp, and others like it."""
    others = [replace(LAMP, asin=f"B{n:02}") for n in range(2, count + 1)]
    return Visit(Shelf([LAMP, *others]), GOAL, **arguments)


def after(visit, *clicks, search="lamp"):
    """The same visit after a search and some clicks, each of which does something."""
    visit.search(search)
    for click in clicks:
        assert visit.click(click), click
    return visit


def write_shop(folder):
    """A folder with 12 lamps in the processed form of WebShop's data, and 24 goals."""
    lamps = [
        {
            "asin": f"B{number:02}",
            "name": f"Desk Lamp {number}",
            "Title": f"Desk Lamp {number}",
            "Description": "A bright lamp.",
            "BulletPoints": ["It's <bright>", "Fits [every] desk"],
            "pricing": [10.0 * number, 10.0 * number + 4.5],
            "Price": f"${10.0 * number} to ${10.0 * number + 4.5}",
            "options": {"color": ["red", "navy  [dark]"]},
            "Attributes": ["bright"],
            "category": "garden",
            "query": "lamps",
            "product_category": "Home",
            "Rating": "N.A.",
        }
        for number in range(1, 13)
    ]
    wish = {"instruction": "Find me a lamp", "instruction_attributes": ["bright"]}
    asked = {lamp["asin"]: {"attributes": ["bright"], **wish} for lamp in lamps}
    (folder / "products_12.jsonl").write_text("".join(f"{json.dumps(lamp)}\n" for lamp in lamps))
    (folder / "items_ins_v2_12.json").write_text(json.dumps(asked))
    return folder
