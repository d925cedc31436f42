"""From an address to the visit that it tells of: the same clicks as in the text environment."""

from agentkit.errors import suggest
from agentkit_envs.webshop.catalogue.catalogue import Catalogue
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.goals.goal_list import Goals
from agentkit_envs.webshop.goals.nouns import Nouns
from agentkit_envs.webshop.pages.page import NEXT, PAGE_SIZE
from agentkit_envs.webshop.visit import Visit
from agentkit_envs.webshop.web.address import Address
from agentkit_envs.webshop.web.refusal import Refusal


class Shop:
    """A catalogue with goals, through which shoppers walk.

    Args:
        catalogue: What is sold.
        goals: What can be asked for.
        nouns: Finds the nouns of titles, for the reward.
    """

    def __init__(self, catalogue: Catalogue, goals: Goals, nouns: Nouns) -> None:
        self.catalogue = catalogue
        self.goals = goals
        self._nouns = nouns

    def enter(self, address: Address) -> Visit:
        """A visit that begins."""
        return Visit(self.catalogue, self.goals[address.session], nouns=self._nouns)

    def search(self, address: Address) -> Visit:
        """A visit on a page of results.

        Raises:
            Refusal: The search found too little for this page.
        """
        visit = self.enter(address)
        visit.search(address.query)
        last = last_page(visit.page.total)
        if address.number > last:
            told = f"The search for '{address.query}' has {last} page{'s' if last > 1 else ''} of "
            told += f"results; there is no page {address.number:,}."
            raise Refusal(404, "No such page of results", told, address.results(1))
        for _ in range(address.number - 1):
            visit.click(NEXT)
        return visit

    def open(self, address: Address) -> Visit:
        """A visit on a product's page, with its options chosen.

        A value that two options share is chosen for the last of them, as in the text environment.

        Raises:
            Refusal: The product is not among the results, or has no such options.
        """
        visit = self.search(address)
        product = next((p for p in visit.page.products if p.asin == address.asin), None)
        if product is None:
            told = f"Page {address.number} of the results for '{address.query}' has no product "
            told += f"'{address.asin}'." if address.asin else "without a number."
            raise Refusal(404, "No such product here", told, address.results())
        visit.click(product.asin)
        for name, value in address.options.items():
            visit.click(_value(address, product, name, value))
        return visit


def last_page(total: int) -> int:
    """How many pages the results of a search fill, one at least."""
    return max(1, -(-total // PAGE_SIZE))


def _value(address: Address, product: Product, name: str, value: str) -> str:
    values = product.options.get(name)
    if values is None:
        known = ", ".join(product.options) or "none"
        near = suggest(name, set(product.options))
        told = f"This product has no option '{name}'.{near} Its options: {known}."
        raise Refusal(400, "No such option", told, address.item(product.asin))
    if value not in values:
        near = suggest(value, set(values))
        told = f"The option '{name}' has no value '{value}'.{near} Choose one on its page."
        raise Refusal(400, "No such value", told, address.item(product.asin))
    return value
