"""Tries that failed: how long to wait before the next one, and what to say when there is none."""

import random
from typing import Final

from agentkit.errors import ModelError

_FIRST_WAIT_S: Final = 0.5
_GROWTH: Final = 3.0
_LONGEST_OWN_WAIT_S: Final = 15.0
_DAY_S: Final = 86_400
LONGEST_WAIT_S: Final = 60.0
"""A server that wants a longer pause than this gets none: the call fails and says so."""


class Retryable(Exception):
    """A try that failed in a way that another try may mend.

    Args:
        reason: What happened, in plain words and without secrets.
        wait_s: How long the server asked to wait; None: it did not say.
        pause: Whether the server is overloaded, so that other calls shall wait as well.
        changed: Whether the next try asks in another way, so that it counts as the first.
        late: Whether its time was over.
    """

    def __init__(
        self,
        reason: str,
        wait_s: float | None = None,
        *,
        pause: bool = False,
        changed: bool = False,
        late: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s
        self.pause = pause
        self.changed = changed
        self.late = late


def wait_before_next(name: str, error: Retryable, tries: int, retries: int) -> float:
    """Return how long to wait before the next try, in seconds.

    Args:
        name: The model's name, for messages.
        error: Why the last try failed.
        tries: How many were made.
        retries: How many may follow the first.

    Raises:
        ModelError: There is no next one.
    """
    times = "1 try" if tries == 1 else f"{tries} tries"
    if tries > retries:
        raise ModelError(f"{name}: {error.reason} ({times}). {_advice(error)}") from None
    if not error.wait_s:  # a wait of 0 would be all tries at once
        longest = min(_LONGEST_OWN_WAIT_S, _FIRST_WAIT_S * _GROWTH ** (tries - 1))
        return longest * random.uniform(0.5, 1.0)
    if error.wait_s > LONGEST_WAIT_S:
        raise ModelError(
            f"{name}: {error.reason}. The server wants a pause of "
            f"{_seconds(error.wait_s)}, and the longest wait is {LONGEST_WAIT_S:.0f} s "
            f"({times}). {_advice(error)}"
        ) from None
    return error.wait_s


def _seconds(wait_s: float) -> str:
    return f"{wait_s:.0f} s" if wait_s <= _DAY_S else "more than a day"


def _advice(error: Retryable) -> str:
    if error.late:
        return "Raise 'timeout_s', or lower 'max_tokens', of the model."
    if error.pause:
        return "Try later, or lower 'max_concurrency' or 'requests_per_minute' of the model."
    return "Try later, or raise 'retries' or 'timeout_s' of the model."
