"""How often experts were chosen: what counts are believed, and how they are made of choices."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import Any, Final

from agentkit.messages import MOST_COUNTED

MOST_LAYERS: Final = 1024
"""The most layers of experts that are believed."""
MOST_EXPERTS: Final = 4096
"""The most experts of a layer that are believed."""


def check_experts(experts: Any) -> None:
    """Refuse what are no counts of experts by layer.

    Raises:
        ValueError: They are none: not whole numbers from 0 on in lists, or too many.
    """
    if not isinstance(experts, (list, tuple)) or len(experts) > MOST_LAYERS:
        raise ValueError(f"its experts are {experts!r:.80}, expected up to {MOST_LAYERS:,} layers")
    for layer in experts:
        if not isinstance(layer, (list, tuple)) or len(layer) > MOST_EXPERTS:
            expected = f"expected up to {MOST_EXPERTS:,} counts"
            raise ValueError(f"a layer of its experts is {layer!r:.80}, {expected}")
        for count in layer:
            if type(count) is not int or not 0 <= count <= MOST_COUNTED:
                expected = "expected a whole number from 0 on"
                raise ValueError(f"a count of its experts is {count!r:.80}, {expected}")


def count_experts(layers: Iterable[Iterable[int]]) -> tuple[tuple[int, ...], ...]:
    """Count how often each expert was chosen.

    Args:
        layers: The numbers of the experts that were chosen, for each layer in turn.

    Returns:
        The counts by layer, up to the highest number in any of them.

    Raises:
        ValueError: A number is below 0, or too high for an expert.
    """
    counts = [Counter(chosen) for chosen in layers]
    numbers = {number for one in counts for number in one}
    if numbers and not 0 <= min(numbers) <= max(numbers) < MOST_EXPERTS:
        expected = f"expected experts from 0 to {MOST_EXPERTS - 1:,}"
        raise ValueError(f"the numbers {min(numbers):,} to {max(numbers):,}, {expected}")
    experts = max(numbers, default=-1) + 1
    return tuple(tuple(one[number] for number in range(experts)) for one in counts)


def add_experts(
    one: Sequence[Sequence[int]], other: Sequence[Sequence[int]]
) -> tuple[tuple[int, ...], ...]:
    """Add counts up, layer by layer and expert by expert."""
    layers = zip_longest(one, other, fillvalue=())
    return tuple(tuple(map(sum, zip_longest(*pair, fillvalue=0))) for pair in layers)
