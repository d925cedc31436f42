"""Draws that come out the same in every process and in every version of Python."""

import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Draw:
    """A generator of our own.

    Only `random.Random(int).random()` is used: Python promises its sequence for all versions,
    and promises nothing for `choice`, `sample` and `shuffle`.
    """

    def __init__(self, seed: int) -> None:
        self.share = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """True in that share of the draws."""
        return self.share() < probability

    def between(self, low: int, high: int) -> int:
        """A whole number, both ends included."""
        return low + int(self.share() * (high - low + 1))

    def one(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.share() * len(items))]

    def some(self, items: Sequence[T], count: int) -> list[T]:
        """`count` different items, in the order in which they stand; all when there are fewer."""
        size = len(items)
        if count >= size:
            return list(items)
        places: set[int] = set()
        while len(places) < count:
            places.add(int(self.share() * size))
        return [items[place] for place in sorted(places)]

    def run(self, items: Sequence[T], count: int) -> Sequence[T]:
        """`count` neighbours; all when there are fewer."""
        start = int(self.share() * (len(items) - count + 1)) if count < len(items) else 0
        return items[start : start + count]

    def mixed(self, items: Sequence[T]) -> list[T]:
        """All items in a random order."""
        result = list(items)
        for last in range(len(result) - 1, 0, -1):
            other = int(self.share() * (last + 1))
            result[last], result[other] = result[other], result[last]
        return result
