"""How sure a number measured over episodes is: intervals for any statistic and for a share."""

import math
import random
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import TypeVar

_Episode = TypeVar("_Episode")


def bootstrap(
    statistic: Callable[[Sequence[_Episode]], float],
    episodes: Sequence[_Episode],
    *,
    samples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
) -> tuple[float, float]:
    """A percentile interval for a statistic of episodes, by drawing the episodes anew."""
    if not episodes:
        raise ValueError("no episodes to draw from")
    draw = random.Random(seed)
    values = sorted(
        statistic([draw.choice(episodes) for _ in range(len(episodes))]) for _ in range(samples)
    )
    tail = (1 - confidence) / 2
    last = len(values) - 1
    return values[round(tail * last)], values[round((1 - tail) * last)]


def wilson(successes: int, count: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval for a share: it stays within 0 and 1, and is no point at 0 and 1."""
    if count <= 0:
        raise ValueError("no episodes to draw from")
    if not 0 <= successes <= count:
        raise ValueError(f"expected 0 to {count} successes, found {successes}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = successes / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return (
        0.0 if successes == 0 else middle - reach,
        1.0 if successes == count else middle + reach,
    )
