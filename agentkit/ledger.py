"""What may be used: reserved before a call is made, settled by what it really took."""

import asyncio
import time
from dataclasses import dataclass, fields
from typing import Final

from agentkit.errors import LimitExceeded
from agentkit.messages import UNSET, Completion, Request, Usage

ASSUMED_OUTPUT: Final = 4096
"""The most tokens of an answer under a limit on tokens or cost, where nobody said another."""
_BYTES_PER_TOKEN: Final = 3
"""Fewer bytes than tokenizers put in a token, so that an estimate is rather too high."""
_MESSAGE_TOKENS: Final = 8
_IMAGE_TOKENS: Final = 1500


@dataclass(frozen=True, slots=True)
class Limits:
    """Where an episode, or a whole run, ends at the latest; None is no limit."""

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

    @property
    def of_calls(self) -> bool:
        """Whether calls have to be watched at all."""
        return any(getattr(self, f.name) is not None for f in fields(self) if f.name != "steps")

    @property
    def of_answers(self) -> bool:
        """Whether the length of an answer counts."""
        return self.tokens is not None or self.cost_usd is not None


UNLIMITED: Final = Limits()
"""No limit at all."""


@dataclass(slots=True)
class Spent:
    """What was used."""

    calls: int = 0
    tokens: int = 0
    cost_usd: float = 0.0

    def add(self, other: "Spent", times: int = 1) -> None:
        """Count what another used, `times` times."""
        self.calls += other.calls * times
        self.tokens += other.tokens * times
        self.cost_usd += other.cost_usd * times


class Ledger:
    """Keeps the account of an episode or of a run.

    A call that does not fit waits for those in flight to settle, since they may take less than
    was reserved for them; when none is left that could, it is refused.

    Args:
        limits: What may be used.
        parent: The ledger of the run that the episode belongs to.
        scope: In front of the limits' names in messages: `run.` for a run.
        used: What was used before, in a run that goes on.
        seconds: How long that took.
    """

    def __init__(
        self,
        limits: Limits,
        parent: "Ledger | None" = None,
        *,
        scope: str = "",
        used: Spent | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.limits = limits
        self.parent = parent
        self._scope = scope
        self._used = used or Spent()
        self._reserved = Spent()
        self._in_flight = 0
        self._stuck = 0
        self._waiting: list[asyncio.Future[None]] = []
        self._started = time.monotonic() - seconds

    @property
    def watches_calls(self) -> bool:
        """Whether this or the run's limits say anything of calls."""
        parent = self.parent
        return self.limits.of_calls or (parent is not None and parent.watches_calls)

    @property
    def watches_answers(self) -> bool:
        """Whether this or the run's limits say anything of tokens or cost."""
        parent = self.parent
        return self.limits.of_answers or (parent is not None and parent.watches_answers)

    def check_time(self) -> None:
        """Refuse to go on when the time is over.

        Raises:
            LimitExceeded: It is.
        """
        for ledger in self._all():
            seconds = ledger.limits.seconds
            if seconds is not None and time.monotonic() - ledger._started >= seconds:
                raise ledger._error("seconds", seconds, "the time is over")

    async def reserve(self, estimate: Spent) -> "Reservation":
        """Reserve what a call may take.

        Raises:
            LimitExceeded: There is no room for it, and nothing in flight that could make some.
        """
        reservation = Reservation(self, estimate)
        await reservation.extend()
        return reservation

    def _all(self) -> "tuple[Ledger, ...]":
        return (self,) if self.parent is None else (self, *self.parent._all())

    def _missing(self, estimate: Spent) -> str | None:
        """The limit under which an estimate does not fit now, if there is one."""
        for name in ("calls", "tokens", "cost_usd"):
            limit = getattr(self.limits, name)
            sums = getattr(self._used, name) + getattr(self._reserved, name)
            if limit is not None and sums + getattr(estimate, name) > limit:
                return name
        return None

    def _error(self, limit: str, value: float, why: str) -> LimitExceeded:
        return LimitExceeded(f"{self._scope}{limit}", value, why)

    def _refuse(self, limit: str, estimate: Spent) -> LimitExceeded:
        used, next_one = getattr(self._used, limit), getattr(estimate, limit)
        why = f"{used:g} used, and the next call may take {next_one:g}"
        return self._error(limit, getattr(self.limits, limit), why)

    async def _wait(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class Reservation:
    """What is set aside for one call, its repeated tries included."""

    def __init__(self, ledger: Ledger, estimate: Spent) -> None:
        self._ledgers = ledger._all()
        self._ledger = ledger
        self._estimate = estimate
        self._tries = 0

    async def extend(self) -> None:
        """Set aside what one more try may take.

        Raises:
            LimitExceeded: There is no room for it, and nothing in flight that could make some.
        """
        while True:
            self._ledger.check_time()
            missing = ((one, one._missing(self._estimate)) for one in self._ledgers)
            tight = next(((one, limit) for one, limit in missing if limit), None)
            if tight is None:
                break
            await self._wait(*tight)
        for ledger in self._ledgers:
            ledger._reserved.add(self._estimate)
            ledger._in_flight += self._tries == 0
        self._tries += 1

    async def _wait(self, ledger: Ledger, limit: str) -> None:
        """Wait until something settles; those that wait themselves will not."""
        held = self._tries > 0
        ledger._stuck += held
        try:
            if ledger._in_flight == ledger._stuck:
                raise ledger._refuse(limit, self._estimate)
            if held:
                ledger._wake()
            await ledger._wait()
        finally:
            ledger._stuck -= held

    def settle(self, completion: Completion | None) -> None:
        """Put what the call took in place of what was set aside; None: it failed."""
        if completion is None:
            spent = Spent(calls=self._tries)
        else:
            spent = spent_on(completion.usage, completion.cost_usd)
        for ledger in self._ledgers:
            ledger._reserved.add(self._estimate, -self._tries)
            ledger._used.add(spent)
            ledger._in_flight -= 1
            ledger._wake()


def spent_on(usage: Usage, cost_usd: float | None) -> Spent:
    """What usage comes to under limits; an unknown cost counts nothing."""
    return Spent(usage.calls, usage.input_tokens + usage.output_tokens, cost_usd or 0.0)


def estimate_input(request: Request) -> int:
    """About how many tokens a request has, rather too many than too few."""
    tokens = 0
    for message in request.messages:
        size = len(message.content.encode("utf-8", "replace"))
        tokens += size // _BYTES_PER_TOKEN + _MESSAGE_TOKENS
        tokens += _IMAGE_TOKENS * len(message.images)
    if request.schema is not None:
        tokens += len(str(request.schema)) // _BYTES_PER_TOKEN
    return tokens


def output_bound(request: Request) -> int:
    """How many tokens the answer may have at most."""
    sampling = request.sampling or UNSET
    return ASSUMED_OUTPUT if sampling.max_tokens is None else sampling.max_tokens
