"""How much an episode or a run may use at most, and how much was used."""

from dataclasses import dataclass
from math import isfinite
from typing import Final

from agentkit.errors import InputError, plain_number
from agentkit.messages import Usage
from agentkit.program.argument_kinds import check_kind

LOWEST: Final = {"steps": 1, "calls": 1, "tokens": 1, "cost_usd": 0, "seconds": 0}
"""Each limit with the least that it may be; 1 for what is counted in whole numbers."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where an episode, or a whole run, ends at the latest; None is no limit.

    Raises:
        InputError: A limit is below 1 (steps, calls, tokens) or below 0 (cost_usd, seconds).
    """

    steps: int | None = None
    """The most decisions."""
    calls: int | None = None
    """The most calls to models, repeated ones included."""
    tokens: int | None = None
    """The most tokens, read and written."""
    cost_usd: float | None = None
    """The most US dollars."""
    seconds: float | None = None
    """The longest time."""

    def __post_init__(self) -> None:
        for name, lowest in LOWEST.items():
            value = getattr(self, name)
            check_kind(f"the limit {name}", value, (int, float), "a number")
            if value is not None and not (isfinite(value) and value >= lowest):
                raise InputError(f"the limit {name} is {value}: expected {lowest} or more")

    def __str__(self) -> str:
        return ", ".join(f"{name} {plain_number(value)}" for name, value in self.given().items())

    def given(self) -> dict[str, float]:
        """Return the limits that there are, by their names."""
        limits = {name: getattr(self, name) for name in LOWEST}
        return {name: value for name, value in limits.items() if value is not None}


UNLIMITED: Final = Limits()
"""No limit at all."""


def truncated(steps: int) -> str:
    """Return the reason of an episode that ended at the most steps it may have."""
    return f"truncated at {steps:,} step{'s'[: steps > 1]}"


@dataclass(slots=True)
class Spent:
    """What was used."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    steps: int = 0

    @classmethod
    def of(cls, usage: Usage, steps: int = 0) -> "Spent":
        """Return a usage as limits count it: an unknown cost counts nothing."""
        tokens = usage.input_tokens + usage.output_tokens
        return cls(usage.calls, tokens, usage.cost_usd or 0.0, steps)

    def add(self, other: "Spent", times: int = 1) -> None:
        """Count what another used, `times` times."""
        self.calls += other.calls * times
        self.tokens += other.tokens * times
        self.cost_usd += other.cost_usd * times
        self.steps += other.steps * times
