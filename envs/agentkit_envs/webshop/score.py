"""WebShop's two numbers over many episodes: score and success rate.

An episode counts with the reward of its purchase, and with 0 where nothing was bought.
"""

import math
from collections.abc import Sequence


def score(rewards: Sequence[float]) -> float:
    """The mean reward of the episodes, times 100."""
    if not rewards:
        raise ValueError("no episodes to score")
    return 100 * math.fsum(rewards) / len(rewards)


def successes(rewards: Sequence[float]) -> int:
    """How many episodes had the whole reward."""
    return sum(reward == 1 for reward in rewards)
