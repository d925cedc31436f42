"""How fast WebShop's purchases are scored: `python tests/bench/webshop_reward.py [--data DIR]`.

It also shows how far the type factor depends on the tagger: shares of each factor among pairs of
different products that the same search found, with the tagger's nouns and with every word.
"""

import argparse
import random
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

from agentkit_envs.webshop.catalogue.catalogue import open_catalogue
from agentkit_envs.webshop.catalogue.product import Product
from agentkit_envs.webshop.goals.goal import Goal
from agentkit_envs.webshop.goals.nouns import Nouns, get_nouns
from agentkit_envs.webshop.goals.reward import score_purchase


class EveryWord:
    """Takes every word for a noun."""

    name = "every word"

    def __call__(self, text: str) -> tuple[str, ...]:
        return tuple(re.findall(r"\w+", text.lower()))


def goal_of(product: Product, draw: random.Random) -> Goal:
    """A wish for a product, with some of its options."""
    return Goal(
        instruction="",
        asin=product.asin,
        title=product.title,
        category=product.category,
        query=product.query,
        product_category=product.product_category,
        attributes=product.attributes,
        options=choice_of(product, draw),
        price_upper=product.prices[0] + draw.choice([-5.0, 5.0]),
    )


def choice_of(product: Product, draw: random.Random) -> dict[str, str]:
    """One value of each option."""
    return {name: draw.choice(values) for name, values in product.options.items() if values}


def pairs(products: list[Product], draw: random.Random) -> Iterator[tuple[Product, Product]]:
    """Each product with another one that the same search found."""
    found: dict[str, list[Product]] = defaultdict(list)
    for product in products:
        found[product.query].append(product)
    for product in products:
        others = [other for other in found[product.query] if other.asin != product.asin]
        if others:
            yield draw.choice(others), product


def purchases_per_second(
    products: list[Product], draw: random.Random, rounds: int
) -> tuple[float, float]:
    """Purchases a second: the first time, and again for goals and titles that are known."""
    cases = [
        (bought, goal_of(wanted, draw), bought.prices[0], choice_of(bought, draw))
        for bought, wanted in pairs(products, draw)
    ]
    speeds = []
    for times in (1, rounds):
        start = time.perf_counter()
        for _ in range(times):
            for case in cases:
                score_purchase(*case)
        speeds.append(times * len(cases) / (time.perf_counter() - start))
    return speeds[0], speeds[1]


def factors(products: list[Product], draw: random.Random, nouns: Nouns) -> list[float]:
    """The type factor of each pair."""
    return [
        score_purchase(bought, goal_of(wanted, draw), 1.0, {}, nouns).type_factor
        for bought, wanted in pairs(products, draw)
    ]


def shares(found: list[float]) -> str:
    """How often each type factor came out."""
    counts = Counter(found)
    return ", ".join(
        f"{factor:g}: {100 * counts[factor] / len(found):.1f}%" for factor in (1.0, 0.5, 0.1, 0.0)
    )


def main() -> None:
    """Read the arguments, measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a folder with WebShop's files; else the generated products")
    parser.add_argument("--products", type=int, help="take only so many")
    arguments = parser.parse_args()
    try:
        catalogue = open_catalogue(arguments.data, products=arguments.products)
    except ValueError as error:
        parser.error(str(error))
    products = [catalogue[position] for position in range(len(catalogue))]
    print(catalogue.name)
    score_purchase(products[0], goal_of(products[0], random.Random(0)), 1.0, {})
    first, again = purchases_per_second(products, random.Random(0), rounds=10)
    print(f"purchases a second     {first:,.0f} at first sight, {again:,.0f} again")
    rules = factors(products, random.Random(0), get_nouns())
    words = factors(products, random.Random(0), EveryWord())
    print(f"type factor by rules   {shares(rules)} of {len(rules):,} pairs")
    print(f"type factor by words   {shares(words)}")
    differ = sum(one != other for one, other in zip(rules, words, strict=True))
    print(f"they differ            for {100 * differ / len(rules):.1f}% of the pairs")


if __name__ == "__main__":
    main()
