"""Numbers measured over episodes, with how sure they are."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, TypeVar

_Episode = TypeVar("_Episode")
_CONFIDENCE: Final = 0.95
_SAMPLES: Final = 1000


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number measured over episodes, and where it is with 95% confidence.

    An environment's `report` gives it where it has a number; as a text it is a line of the summary.
    """

    value: float
    """The number."""
    low: float
    """The lower end of the interval."""
    high: float
    """The upper end of the interval."""
    episodes: int
    """Over how many episodes it was measured."""
    unit: str = ""
    """What stands behind it: `%`."""
    digits: int = 1
    """Digits behind the point that are shown."""
    successes: int | None = None
    """How many episodes it counts, where it is a share."""
    note: str = ""
    """What is to be said of it, such as how it was measured."""

    def __str__(self) -> str:
        shown, low, high = (f"{one:.{self.digits}f}" for one in (self.value, self.low, self.high))
        if self.episodes == 1:
            return f"{shown}{self.unit} (one episode){self.note}"
        of = "" if self.successes is None else f"{self.successes} of "
        sure = f"95% between {low} and {high}, {of}{self.episodes} episodes"
        return f"{shown}{self.unit} ({sure}){self.note}"

    def as_dict(self) -> dict[str, float]:
        """Return `value`, `low`, `high` and `episodes`."""
        return {name: getattr(self, name) for name in ("value", "low", "high", "episodes")}


def estimate(
    statistic: Callable[[Sequence[_Episode]], float],
    episodes: Sequence[_Episode],
    *,
    unit: str = "",
    digits: int = 1,
    note: str = "",
) -> Estimate:
    """Estimate a statistic of episodes, with a bootstrap interval.

    Args:
        statistic: Gives the number of some episodes, such as `statistics.fmean`.
        episodes: What was measured in each.
        unit: What stands behind the number.
        digits: Digits behind the point that are shown.
        note: What is to be said of it.

    Raises:
        ValueError: There is no episode.
    """
    if not episodes:
        raise ValueError("no episodes to measure")
    value = statistic(episodes)
    low, high = (value, value) if len(episodes) == 1 else bootstrap(statistic, episodes)
    return Estimate(value, low, high, len(episodes), unit, digits, note=note)


def share(successes: int, episodes: int) -> Estimate:
    """Estimate a share of episodes in percent, with Wilson's interval.

    Raises:
        ValueError: There is no episode, or more successes than episodes.
    """
    low, high = wilson(successes, episodes)
    value = 100 * successes / episodes
    return Estimate(value, 100 * low, 100 * high, episodes, "%", successes=successes)


def bootstrap(
    statistic: Callable[[Sequence[_Episode]], float], episodes: Sequence[_Episode]
) -> tuple[float, float]:
    """A percentile interval for a statistic of episodes, by drawing the episodes anew."""
    if not episodes:
        raise ValueError("no episodes to draw from")
    draw = random.Random(0)
    values = sorted(
        statistic([draw.choice(episodes) for _ in range(len(episodes))]) for _ in range(_SAMPLES)
    )
    tail = (1 - _CONFIDENCE) / 2
    last = len(values) - 1
    return values[round(tail * last)], values[round((1 - tail) * last)]


def wilson(successes: int, count: int) -> tuple[float, float]:
    """Wilson's interval for a share: it stays within 0 and 1, and is no point at 0 and 1."""
    if count <= 0:
        raise ValueError("no episodes to draw from")
    if not 0 <= successes <= count:
        raise ValueError(f"expected 0 to {count} successes, found {successes}")
    z = NormalDist().inv_cdf((1 + _CONFIDENCE) / 2)
    share, spread = successes / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return (
        0.0 if successes == 0 else middle - reach,
        1.0 if successes == count else middle + reach,
    )
