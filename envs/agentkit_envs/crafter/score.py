"""Scores of Crafter episodes: the Crafter paper's score, BALROG's progress.

An episode's successes map the name of each achievement to whether it was unlocked.
"""

import math
from collections.abc import Mapping, Sequence

Successes = Mapping[str, bool]


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


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
