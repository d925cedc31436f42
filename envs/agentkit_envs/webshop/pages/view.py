"""What a `prompt` observation says, as a value."""

from dataclasses import dataclass

from agentkit_envs.webshop.pages.actions import shortened, tidy
from agentkit_envs.webshop.pages.page import SEARCH, Kind, Page

_LONGEST_QUERY = 500
"""Characters; longer than any instruction of the benchmark, so those can be searched for."""


@dataclass(frozen=True, slots=True)
class LastAction:
    """What became of the last action text."""

    text: str
    """As it was given; shortened when it is long."""
    worked: bool
    """Whether anything was done."""
    told: str
    """What was done, or why nothing was."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A product on a page of results."""

    asin: str
    price: str
    """As the page shows it: "$10.5", "$16.05 to $40.98"."""
    title: str
    seen: bool = False
    """Whether it was opened before."""


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a product."""

    name: str
    values: tuple[str, ...]
    chosen: str | None = None


@dataclass(frozen=True, slots=True)
class View:
    """A page and where the episode stands. White space in texts is single spaces."""

    kind: Kind
    instruction: str
    last: LastAction | None = None
    steps_left: int | None = None
    """Decisions before the episode is cut off; None for no limit."""
    query: str = ""
    """The words of the last search, on a page of results; shortened when they are very long."""
    number: int = 1
    """Which page of the results."""
    total: int = 0
    """How many products were found."""
    products: tuple[Listing, ...] = ()
    asin: str = ""
    """Of the product that the page is about."""
    title: str = ""
    price: str = ""
    rating: str = ""
    options: tuple[Option, ...] = ()
    details: tuple[str, ...] = ()
    """Description, features, reviews or attributes; one entry for each."""
    bought: tuple[tuple[str, str], ...] = ()
    """Options that were chosen, on the last page."""
    reward: float | None = None
    """On the last page, to four digits."""
    buttons: tuple[str, ...] = ()
    """What can be clicked besides products and option values; nothing when no steps are left."""


def view_of(page: Page, last: LastAction | None, steps_left: int | None) -> View:
    """What a prompt observation says of a page."""
    product = page.product
    on_item = page.kind == "item"
    return View(
        kind=page.kind,
        instruction=tidy(page.instruction),
        last=last,
        steps_left=steps_left,
        query=shortened(page.query, _LONGEST_QUERY) if page.kind == "results" else "",
        number=page.number if page.kind == "results" else 1,
        total=page.total if page.kind == "results" else 0,
        products=_listings(page),
        asin=product.asin if product else "",
        title=tidy(product.title) if product else "",
        price=tidy(product.price_text) if product and on_item else "",
        rating=tidy(product.rating) if product and on_item else "",
        options=_options(page) if on_item else (),
        details=_details(page),
        bought=tuple((tidy(name), tidy(value)) for name, value in page.chosen.items())
        if page.kind == "done"
        else (),
        reward=round(page.score.reward, 4) if page.score else None,
        buttons=() if steps_left == 0 else _buttons(page),
    )


def _buttons(page: Page) -> tuple[str, ...]:
    return tuple(part.text for part in page.parts if part.kind == "button" and part.text != SEARCH)


def _listings(page: Page) -> tuple[Listing, ...]:
    return tuple(
        Listing(item.asin, tidy(item.price_text), tidy(item.title), item.asin in page.seen)
        for item in page.products
    )


def _options(page: Page) -> tuple[Option, ...]:
    if page.product is None:
        return ()
    options = []
    for name, values in page.product.options.items():
        chosen = page.chosen.get(name.lower())
        told = tuple(tidy(value) for value in values)
        options.append(Option(tidy(name), told, None if chosen is None else tidy(chosen)))
    return tuple(options)


def _details(page: Page) -> tuple[str, ...]:
    product = page.product
    if product is None:
        return ()
    texts: tuple[str, ...] = ()
    if page.kind == "description":
        texts = (product.description,)
    elif page.kind == "features":
        texts = product.features
    elif page.kind == "reviews":
        texts = tuple(f"{r.score} of 5, {r.title}: {r.body}" for r in product.reviews)
    elif page.kind == "attributes":
        texts = (*product.attributes, product.category, product.query, product.product_category)
    return tuple(told for text in texts if (told := tidy(text)))
