"""WebShop's two numbers over many episodes: score and success rate.

An episode counts with the reward of its purchase, and with 0 where nothing was bought.
"""

import math
from collections.abc import Sequence

from agentkit_envs.intervals import bootstrap, wilson


def score(rewards: Sequence[float]) -> float:
    """The mean reward of the episodes, times 100."""
    if not rewards:
        raise ValueError("no episodes to score")
    return 100 * math.fsum(rewards) / len(rewards)


def successes(rewards: Sequence[float]) -> int:
    """How many episodes had the whole reward."""
    return sum(reward == 1 for reward in rewards)


def success_rate(rewards: Sequence[float]) -> float:
    """The percentage of episodes with the whole reward."""
    if not rewards:
        raise ValueError("no episodes to score")
    return 100 * successes(rewards) / len(rewards)


def score_interval(rewards: Sequence[float]) -> tuple[float, float]:
    """Where the score is with 95% confidence: a bootstrap over the episodes."""
    return bootstrap(score, rewards)


def success_interval(rewards: Sequence[float]) -> tuple[float, float]:
    """Where the success rate, in percent, is with 95% confidence (Wilson)."""
    low, high = wilson(successes(rewards), len(rewards))
    return 100 * low, 100 * high
