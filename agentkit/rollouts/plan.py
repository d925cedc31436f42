"""What a run shall do: how many episodes, how many at once, with which seeds and limits."""

from dataclasses import dataclass
from typing import Final

from agentkit.errors import InputError
from agentkit.limits import Limits
from agentkit.program.argument_kinds import check_given, check_kind

MOST_EPISODES: Final = 1_000_000
"""The most episodes of a run: each has a file."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run shall do.

    Raises:
        InputError: It has no episode or more than a million, plays none at a time, its seeds are
            below 0 or too large, or it shall both be shown in a window and be recorded as pictures.
    """

    episodes: int = 1
    """How many episodes to play."""
    parallel: int = 1
    """How many of them at once."""
    seed: int = 0
    """Seed of the first episode; the next has the next number."""
    fresh: bool = False
    """Whether every episode starts from the memory's starting values."""
    limits: Limits | None = None
    """What all episodes together may use; None: what the agent says in `run_limits`."""
    allow_unknown_price: bool = False
    """Whether models of unknown price count as free under a limit on cost."""
    show: bool = False
    """Whether each environment opens a window, to be watched."""
    record: bool = False
    """Whether pictures and a film of each episode are kept in the run's folder."""

    def __post_init__(self) -> None:
        for name in ("episodes", "parallel", "seed"):
            check_given(name, getattr(self, name), int, "a whole number")
        check_kind("limits", self.limits, Limits, "Limits, such as Limits(calls=100)")
        for name, value in (("episodes", self.episodes), ("parallel", self.parallel)):
            if value < 1:
                raise InputError(f"a plan with {name}={value}: expected 1 or more")
            if value > MOST_EPISODES:
                raise InputError(f"a plan with {name}={value}: expected {MOST_EPISODES:,} or fewer")
        highest = 2**63 - self.episodes  # a larger number is recorded as a text
        if not 0 <= self.seed <= highest:
            raise InputError(f"a plan with seed={self.seed}: expected 0 to {highest}")
        if self.show and self.record:
            raise InputError(
                "an environment is either shown in a window or recorded as pictures: choose one of "
                "show and record"
            )


ONE_EPISODE: Final = Plan()
"""One episode with the first seed."""
