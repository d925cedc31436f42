"""Scores of Crafter episodes: the Crafter paper's score, BALROG's progress, and how sure they are.

An episode's successes map the name of each achievement to whether it was unlocked.
"""

import math
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

Successes = Mapping[str, bool]
_Episode = TypeVar("_Episode")


def success_rates(successes: Sequence[Successes]) -> dict[str, float]:
    """Percentage of episodes in which each achievement was unlocked."""
    if not successes:
        raise ValueError("no episodes to score")
    names = list(successes[0])
    return {name: 100 * _mean([float(s[name]) for s in successes]) for name in names}


def crafter_score(successes: Sequence[Successes]) -> float:
    """The Crafter paper's score in percent: `exp(mean(ln(1 + s_i))) - 1` over success rates s_i."""
    rates = success_rates(successes).values()
    return math.exp(_mean([math.log1p(rate) for rate in rates])) - 1


def progress(successes: Sequence[Successes]) -> float:
    """BALROG's progress in percent: the share of achievements unlocked, averaged over episodes."""
    return _mean([100 * sum(map(bool, s.values())) / len(s) for s in successes])


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


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
