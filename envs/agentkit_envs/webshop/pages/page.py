"""The shop's pages as values: what stands on each, in reading order."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.goals.reward import Score

Kind = Literal[
    "index", "results", "item", "description", "features", "reviews", "attributes", "done"
]
PartKind = Literal[
    "heading", "label", "instruction", "text", "button", "product", "option_name", "option"
]

SEARCH = "Search"
BACK_TO_SEARCH = "Back to Search"
PREVIOUS = "< Prev"
NEXT = "Next >"
BUY = "Buy Now"
DETAILS = ("Description", "Features", "Reviews")
"""Buttons of a product's page that open more about it."""
ATTRIBUTES = "Attributes"
"""One more, only there when a shop shows what the reward looks at."""

PAGE_SIZE = 10
"""Products on a page of results."""


@dataclass(frozen=True, slots=True)
class Part:
    """One text on a page."""

    kind: PartKind
    text: str
    """As it stands in the page's source, white space included."""
    name: str = ""
    """The option that a value belongs to."""
    pressed: bool = False
    """A value that is chosen, or a product that was opened before."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a shopper has in front of them."""

    kind: Kind
    instruction: str
    parts: tuple[Part, ...]
    """Everything on the page, in reading order."""
    query: str = ""
    """The words of the last search; empty before one."""
    number: int = 1
    """Which page of the results."""
    total: int = 0
    """How many products the search found, 50 at most."""
    products: tuple[Product, ...] = ()
    """The products of a page of results."""
    seen: frozenset[str] = frozenset()
    """Identifiers of the products that were opened since the search page."""
    product: Product | None = None
    """What an item's page and the pages below it are about; on the last page, what was bought."""
    chosen: Mapping[str, str] = field(default_factory=dict)
    """Option values chosen so far, by option name."""
    score: Score | None = None
    """Of the purchase, on the last page."""

    @property
    def clickables(self) -> dict[str, Part]:
        """What can be clicked, by the text that clicks it: buttons, products, option values.

        As in the original, a value that two options share belongs to the last of them, and the
        search button is pressed by searching only.
        """
        links = {
            part.text.lower(): part for part in self.parts if part.kind in ("button", "product")
        }
        values = {part.text: part for part in self.parts if part.kind == "option"}
        return {text: part for text, part in (links | values).items() if text != SEARCH.lower()}


def index_page(instruction: str) -> Page:
    """Where a visit begins: the instruction and a search box."""
    parts = (
        Part("heading", "WebShop"),
        Part("label", "Instruction: "),
        Part("instruction", instruction),
        Part("button", SEARCH),
    )
    return Page("index", instruction, parts)


def results_page(
    instruction: str,
    query: str,
    number: int,
    total: int,
    products: Sequence[Product],
    seen: frozenset[str],
) -> Page:
    """Ten products of those that a search found. There is always a next page, if an empty one."""
    parts = [
        *_head(instruction),
        Part("heading", f"Page {number} (Total results: {total})"),
        *([Part("button", PREVIOUS)] if number > 1 else []),
        Part("button", NEXT),
    ]
    for product in products:
        parts += [
            Part("product", product.asin, pressed=product.asin in seen),
            Part("text", product.title),
            Part("text", product.price_text),
        ]
    return Page(
        "results", instruction, tuple(parts), query, number, total, tuple(products), seen
    )  # fmt: skip


def item_page(results: Page, product: Product, chosen: Mapping[str, str], extra: bool) -> Page:
    """A product with its options; `extra` adds the button that shows its attributes."""
    parts = [*_head(results.instruction), Part("button", PREVIOUS)]
    for name, values in product.options.items():
        parts.append(Part("option_name", name))
        picked = chosen.get(name.lower())
        parts += [Part("option", value, name, value == picked) for value in values]
    parts += [
        Part("heading", product.title),
        Part("text", f"Price: {product.price_text}"),
        Part("text", f"Rating: {product.rating}"),
        *(Part("button", name) for name in DETAILS),
        *([Part("button", ATTRIBUTES)] if extra else []),
        Part("button", BUY),
    ]
    return _about("item", results, product, chosen, parts)


def detail_page(button: str, results: Page, product: Product, chosen: Mapping[str, str]) -> Page:
    """What one of the buttons of a product's page opens."""
    kind: Kind = button.lower()  # type: ignore[assignment]
    head = [*_head(results.instruction), Part("button", PREVIOUS)]
    return _about(kind, results, product, chosen, head + _details(kind, product))


def done_page(results: Page, product: Product, chosen: Mapping[str, str], score: Score) -> Page:
    """The last page. What it says of the goal is empty in the original too."""
    bought = json.dumps(dict(chosen), sort_keys=True)
    for letter in "<>&'":
        bought = bought.replace(letter, f"\\u{ord(letter):04x}")
    texts = [
        *("Your code: ", "None", " (Paste it in your MTurk interface.)", "Purchased"),
        *("asin", product.asin, "options", bought, "attrs", "None", "category", "None"),
        *("query", "None", "product category", "None"),
        *("Target", "asin", "options", "attrs", "price upper", "instuction text", "category"),
        *("product category", "query", "Goal ", "None", "Reward"),
        *("Your score (min 0.0, max 1.0)", str(score.reward), "Reward Details ", "None"),
    ]
    parts = [Part("heading", "Thank you for shopping with us!")]
    parts += [Part("text", text) for text in texts]
    return _about("done", results, product, chosen, parts, score)


def _head(instruction: str) -> list[Part]:
    return [
        Part("label", "Instruction:"),
        Part("instruction", instruction),
        Part("button", BACK_TO_SEARCH),
    ]


def _details(kind: Kind, product: Product) -> list[Part]:
    if kind == "description":
        texts = [product.description]
    elif kind == "features":
        texts = [f" {feature}" for feature in product.features]
    elif kind == "reviews":
        texts = [
            text
            for review in product.reviews
            for text in (f'"{review.title}"', review.score, review.body)
        ]
    else:
        texts = [f" {attribute}" for attribute in product.attributes]
        texts += [product.category, product.query, product.product_category]
    return [Part("text", text) for text in texts]


def _about(
    kind: Kind,
    results: Page,
    product: Product,
    chosen: Mapping[str, str],
    parts: list[Part],
    score: Score | None = None,
) -> Page:
    return Page(
        kind, results.instruction, tuple(parts), results.query, results.number, results.total,
        seen=results.seen, product=product, chosen=dict(chosen), score=score,
    )  # fmt: skip
