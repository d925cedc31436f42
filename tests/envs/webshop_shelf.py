"""A shop of a few products in memory, so that pages are tried without files or an index."""

from agentkit_envs.webshop.goal import Goal
from agentkit_envs.webshop.product import Product, Review
from agentkit_envs.webshop.shop import Visit
from hypothesis import strategies as st

# Texts as listings have them: marks of HTML, quotes, brackets, separators, odd white space.
ODD = "a b<>&\"'[];:|/\n\t\u00a0\u2028é中(1)"
texts = st.text(st.sampled_from(ODD), max_size=8) | st.sampled_from(
    ["Buy Now", "search", "< prev", "reviews", "next >", " ", "\n", "pink (chosen)", "none"]
)
words = texts.map(lambda text: " ".join(text.lower().split())).filter(bool)
reviews = st.builds(Review, texts, st.sampled_from(["5.0", "1"]), texts)
prices = st.sampled_from(["$10.5", "$16.05 to $40.98"])
ids = st.lists(st.from_regex(r"B[0-9A-Z]{4}", fullmatch=True), min_size=1, max_size=23, unique=True)


@st.composite
def products(draw, asin="B0000"):
    """A product with odd texts and any options."""
    return Product(
        asin=asin,
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
    """A shop with one to 23 products."""
    return Shelf([draw(products(asin)) for asin in draw(ids)])


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
    others = [Product(**{**fields(LAMP), "asin": f"B{n:02}"}) for n in range(2, count + 1)]
    return Visit(Shelf([LAMP, *others]), GOAL, **arguments)


def fields(product):
    return {name: getattr(product, name) for name in product.__slots__}


def after(visit, *clicks, search="lamp"):
    """The same visit after a search and some clicks, each of which does something."""
    visit.search(search)
    for click in clicks:
        assert visit.click(click), click
    return visit
