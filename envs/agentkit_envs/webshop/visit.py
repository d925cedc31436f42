"""One shopper's visit: which page they see, and where each click leads."""

from dataclasses import replace

from agentkit_envs.webshop.catalogue.catalogue import Catalogue
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.goals.goal import Goal
from agentkit_envs.webshop.goals.nouns import Nouns
from agentkit_envs.webshop.goals.reward import Score, score_purchase
from agentkit_envs.webshop.pages.page import (
    ATTRIBUTES,
    BACK_TO_SEARCH,
    BUY,
    DETAILS,
    NEXT,
    PAGE_SIZE,
    PREVIOUS,
    Page,
    Part,
    detail_page,
    done_page,
    index_page,
    item_page,
    results_page,
)

RESULTS = 50
"""How many products a search finds at most."""

_DETAILS = {name.lower(): name for name in (*DETAILS, ATTRIBUTES)}


class Visit:
    """A visit to the shop, from its search page to a purchase.

    It follows the original's rules, the odd ones included: a search works from every page; opening
    results forgets the chosen options; the search page forgets everything; a next page of results
    is always offered.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        goal: Goal,
        nouns: Nouns | None = None,
        show_attributes: bool = False,
    ) -> None:
        self.catalogue = catalogue
        self.goal = goal
        self.instruction = goal.instruction
        self._nouns = nouns
        self._show_attributes = show_attributes
        self._query = ""
        self._hits: list[int] = []
        """Where the found products stand in the catalogue."""
        self._chosen: dict[str, str] = {}
        self.page: Page = index_page(self.instruction)
        """What the shopper sees."""

    @property
    def chosen(self) -> dict[str, str]:
        """Option values chosen so far, by option name in lower case."""
        return dict(self._chosen)

    @property
    def score(self) -> Score | None:
        """Of the purchase; None before one."""
        return self.page.score

    def search(self, words: str) -> bool:
        """Show what is found for some words. False when the visit is over."""
        if self.score is not None:
            return False
        self._hits = [position for position, _ in self.catalogue.index.search(words, RESULTS)]
        self._query = words
        self._show_results(1)
        return True

    def click(self, text: str) -> bool:
        """Press what has this text; False where nothing has, and then nothing changes."""
        name = text.lower()
        part = self.page.clickables.get(name)
        if part is None:
            return False
        product = self.page.product
        if product is None:
            self._click_outside(name, part)
        elif name == BUY.lower():
            self._buy(product)
        elif name == BACK_TO_SEARCH.lower():
            self._forget()
        elif name == PREVIOUS.lower():
            if self.page.kind == "item":
                self._show_results(self.page.number)
            else:
                self._show_item(product)
        elif name in _DETAILS:
            self.page = detail_page(_DETAILS[name], self.page, product, self._chosen)
        else:
            self._chosen[part.name.lower()] = name
            self._show_item(product)
        return True

    def _click_outside(self, name: str, part: Part) -> None:
        """A click on a page of results; the search page has nothing to click."""
        if name == BACK_TO_SEARCH.lower():
            self._forget()
        elif name == NEXT.lower():
            self._show_results(self.page.number + 1)
        elif name == PREVIOUS.lower():
            self._show_results(self.page.number - 1)
        else:
            product = next(item for item in self.page.products if item.asin == part.text)
            self.page = replace(self.page, seen=self.page.seen | {product.asin})
            self._show_item(product)

    def _forget(self) -> None:
        self._query, self._hits, self._chosen = "", [], {}
        self.page = index_page(self.instruction)

    def _show_results(self, number: int) -> None:
        self._chosen = {}
        hits = self._hits[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
        products = [self.catalogue[position] for position in hits]
        self.page = results_page(
            self.instruction, self._query, number, len(self._hits), products, self.page.seen
        )

    def _show_item(self, product: Product) -> None:
        self.page = item_page(self.page, product, self._chosen, self._show_attributes)

    def _buy(self, product: Product) -> None:
        price = self.catalogue.price(product.asin)
        score = score_purchase(product, self.goal, price, self._chosen, self._nouns)
        self.page = done_page(self.page, product, self._chosen, score)
