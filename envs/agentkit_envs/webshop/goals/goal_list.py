"""The goals of a catalogue, made when they are asked for."""

import random
from collections.abc import Sequence
from typing import overload

from agentkit_envs.webshop.catalogue.catalogue import Catalogue
from agentkit_envs.webshop.catalogue.goal_table import KINDS, GoalTable
from agentkit_envs.webshop.catalogue.prepared import whole
from agentkit_envs.webshop.catalogue.product import Instruction, Product
from agentkit_envs.webshop.goals.goal import NO_LIMIT, Goal

PRICE_LIMITS = tuple(10.0 * step for step in range(1, 100))
"""Limits in USD that an instruction can name."""
_NEAREST = 4
"""How many limits above the price are drawn from."""
SPLITS = {"test": (0, 500), "validation": (500, 1500), "train": (1500, None), "all": (0, None)}
"""First goal and the one after the last, as the benchmark divides its goals."""


class Goals(Sequence[Goal]):
    """The goals of one kind in the benchmark's order: session i is goal i.

    A synthetic instruction makes one goal for each combination of the product's options. Price
    limits are drawn by a generator of our own, seeded by `seed` and the product, so that the same
    number is the same goal in every process.
    """

    def __init__(self, catalogue: Catalogue, kind: str = "synthetic", seed: int = 0) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown kind of goals {kind!r}: expected 'synthetic' or 'human'")
        self.kind = kind
        self._catalogue = catalogue
        self._seed = seed
        with whole(catalogue.folder):
            self._table = GoalTable(catalogue.folder, kind)
        if not len(self._table):
            raise ValueError(_none(catalogue, kind))

    def __len__(self) -> int:
        return len(self._table)

    @overload
    def __getitem__(self, number: int) -> Goal: ...
    @overload
    def __getitem__(self, number: slice) -> list[Goal]: ...
    def __getitem__(self, number: int | slice) -> Goal | list[Goal]:
        if isinstance(number, slice):
            return [self[i] for i in range(*number.indices(len(self)))]
        if not -len(self) <= number < len(self):
            raise IndexError(f"goal {number} is not there: the goals are 0 to {len(self) - 1}")
        position, which, combination = self._table.row(number % len(self))
        product = self._catalogue[position]
        limit = self._limit(product, which)
        return _goal(product, product.instructions[which], combination, limit)

    def _limit(self, product: Product, which: int) -> float:
        """The price limit, in USD: the higher of two drawn from the nearest above the price."""
        price = self._catalogue.price(product.asin)
        nearest = [limit for limit in PRICE_LIMITS if limit > price][:_NEAREST]
        if len(nearest) < 2:
            return NO_LIMIT
        draw = random.Random(f"limit {self._seed} {product.asin} {which}")
        return max(draw.sample(nearest, 2))


def split_of(name: str, count: int) -> range:
    """The numbers of the goals in a split, when there are `count` goals."""
    if name not in SPLITS:
        raise ValueError(f"unknown split {name!r}: expected one of {', '.join(SPLITS)}")
    first, end = SPLITS[name]
    split = range(min(first, count), count if end is None else min(end, count))
    if not split:
        raise ValueError(
            f"the split {name!r} starts at goal {first}, but there are only {count} goals; "
            "use split='all'"
        )
    return split


def _goal(product: Product, instruction: Instruction, combination: int, limit: float) -> Goal:
    options = instruction.options
    text = instruction.text.strip(".") if instruction.human else instruction.text
    if options is None:
        options = _combination(product, combination)
        said = ", and ".join(f"{name}: {value}" for name, value in options.items())
        text += f" with {said}" if said else ""
    if limit < NO_LIMIT:
        text += instruction.price_phrase.format(price=limit)
    return Goal(
        instruction=text,
        asin=product.asin,
        title=product.title,
        category=product.category,
        query=product.query,
        product_category=product.product_category,
        attributes=instruction.attributes,
        options=options,
        price_upper=limit,
    )


def _combination(product: Product, number: int) -> dict[str, str]:
    """One value of each option, names sorted; the last name's values change fastest."""
    chosen = {}
    for name in sorted(product.options, reverse=True):
        values = product.options[name]
        number, place = divmod(number, len(values))
        chosen[name] = values[place]
    return dict(reversed(chosen.items()))


def _none(catalogue: Catalogue, kind: str) -> str:
    if kind == "synthetic":
        return f"{catalogue.name} has no synthetic instructions, so there are no goals"
    files = "items_human_ins.json (official files) or 'instructions' (processed form)"
    return (
        f"{catalogue.name} has no instructions written by people: they come from {files}. "
        "Use the goals 'synthetic'"
    )
