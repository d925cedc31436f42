"""What may be used: reserved before a call is made, settled by what it really took."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from agentkit.errors import LimitExceeded
from agentkit.limits import Limits, Spent

_CLOSE: Final = 1e-9
"""Sums of prices are a little off: so much more than a limit still fits, as a share of it."""


class Ledger:
    """Keeps the account of an episode or of a run.

    A call that does not fit waits for those in flight to settle, since they may take less than
    was reserved for them. The waiting calls stand in one line: nobody overtakes, except that
    one in flight which needs room for a further try stands in front. When nothing is left that
    could make room, the limit is reached: whoever waits is refused, and so is every later call.

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
        self.used = Spent()
        self.used.add(used or Spent())
        self.watches_calls = any(ledger.limits.of_calls for ledger in self.chain)
        """Whether this or the run's limits say anything of calls."""
        self.watches_answers = any(ledger.limits.of_answers for ledger in self.chain)
        """Whether this or the run's limits say anything of tokens or cost."""
        self.watches_cost = any(ledger.limits.cost_usd is not None for ledger in self.chain)
        """Whether this or the run's limits say anything of cost."""
        self._scope = scope
        self._started = time.monotonic() - seconds
        self._reserved = Spent()
        self._in_flight = 0
        self._stuck = 0
        """How many of those in flight wait for a further try, here or in the line of an episode
        of this run: they will not settle by themselves."""
        self._line: deque[Reservation] = deque()
        self._again: list[Reservation] = []
        """Those in flight that wait here."""
        self._refusal: tuple[str, str] | None = None

    @property
    def chain(self) -> "tuple[Ledger, ...]":
        """This ledger and those above it; not kept, as that would be a circle."""
        return (self,) if self.parent is None else (self, *self.parent.chain)

    def late(self) -> LimitExceeded | None:
        """The limit on time, of this or of the run, if it is over."""
        for ledger in self.chain:
            seconds = ledger.limits.seconds
            if seconds is not None and time.monotonic() - ledger._started >= seconds:
                ledger._close("seconds", "")
                return ledger._error("seconds", "")
        return None

    def over(self) -> LimitExceeded | None:
        """The limit that was reached, of this or of the run, if one was."""
        if (late := self.late()) is not None:
            return late
        for ledger in self.chain:
            if ledger._refusal is not None:
                return ledger._error(*ledger._refusal)
        return None

    def used_up(self) -> LimitExceeded | None:
        """The limit that leaves nothing for another episode, if one does."""
        for ledger in self.chain:
            for name in ("steps", "calls", "tokens", "cost_usd"):
                limit = getattr(ledger.limits, name)
                if limit and getattr(ledger.used, name) >= limit:
                    return ledger._error(name, "")
        return self.over()

    def begin_step(self) -> None:
        """Count a step that begins.

        Raises:
            LimitExceeded: There were as many as may be, or another limit was reached.
        """
        if (over := self.over()) is not None:
            raise over
        for ledger in self.chain:
            limit = ledger.limits.steps
            if limit is not None and ledger.used.steps >= limit:
                raise ledger._error("steps", "")
        for ledger in self.chain:
            ledger.used.steps += 1

    def drop_step(self) -> None:
        """Take back a step that came to nothing."""
        for ledger in self.chain:
            ledger.used.steps -= 1

    async def reserve(self, estimate: Spent) -> "Reservation":
        """Reserve what a call may take.

        Raises:
            LimitExceeded: There is no room for it, and nothing in flight that could make some.
        """
        reservation = Reservation(self, estimate)
        await reservation.extend()
        return reservation

    def _missing(self, estimate: Spent) -> str | None:
        """The limit under which an estimate does not fit now, if there is one."""
        for name in ("calls", "tokens", "cost_usd"):
            limit = getattr(self.limits, name)
            if limit is None:
                continue
            sums = getattr(self.used, name) + getattr(self._reserved, name)
            if sums + getattr(estimate, name) > limit * (1 + _CLOSE):
                return name
        return None

    def _error(self, limit: str, why: str) -> LimitExceeded:
        return LimitExceeded(f"{self._scope}{limit}", getattr(self.limits, limit), why)

    def _why(self, limit: str, estimate: Spent) -> str:
        """What was used and what the next call may take, in words."""
        if limit == "calls":
            return ""
        used, most = getattr(self.used, limit), getattr(estimate, limit)
        said = [f"{n:.6g} USD" if limit == "cost_usd" else f"{n:,} tokens" for n in (used, most)]
        if used == 0:
            return f"a single call may take {said[1]}; a lower 'max_tokens' takes less"
        return f"{said[0]} used, and the next call may take {said[1]}"

    def _close(self, limit: str, why: str) -> None:
        """Refuse everyone who waits, and every call that comes from now on."""
        if self._refusal is None:
            self._refusal = limit, why
        for one in (*self._again, *self._line):
            one._answer(self._error(*self._refusal))

    def _serve(self) -> "list[Ledger]":
        """Let those go on that can; gives the ledgers in whose lines some wait instead."""
        moved = [tight for one in list(self._again) if (tight := one._try_again()) is not self]
        while self._line and not self._again:
            tight = self._line[0]._try_again()
            if tight is self:
                break
            moved.append(tight)
        if self._in_flight == self._stuck:
            self._refuse_first()
        return [ledger for ledger in moved if ledger is not None]

    def _refuse_first(self) -> None:
        """Nothing can make room any more: the first who waits reaches the limit."""
        first = next(iter((*self._again, *self._line)), None)
        limit = self._missing(first._estimate) if first else None
        if first is not None and limit is not None:
            self._close(limit, self._why(limit, first._estimate))


class Reservation:
    """What is set aside for one call, its repeated tries included."""

    def __init__(self, ledger: Ledger, estimate: Spent) -> None:
        self._ledger = ledger
        self._estimate = estimate
        self._tries = 0
        self._waits_at: Ledger | None = None
        self._passed = 0
        """How many ledgers it stood in line at before: there it need not stand behind others."""
        self._turn: asyncio.Future[LimitExceeded | None] | None = None

    async def extend(self) -> None:
        """Set aside what one more try may take.

        Raises:
            LimitExceeded: There is no room for it, and nothing in flight that could make some.
        """
        if (over := self._ledger.over()) is not None:
            raise over
        tight = self._tight()
        if tight is None:
            self._take()
        elif (error := await self._wait(tight)) is not None:
            raise error

    async def _wait(self, tight: Ledger) -> LimitExceeded | None:
        """Wait in line; gives the error if there is no room."""
        first = self._tries == 0
        self._turn = asyncio.get_running_loop().create_future()
        self._wait_at(tight)
        _serve([tight] if first else self._ledger.chain)
        try:
            return await self._turn
        except asyncio.CancelledError:
            if first and self._tries:  # there was room for it in the very moment it was cancelled
                self.settle(Spent())
            else:
                self._leave()
                _serve(self._ledger.chain)
            raise

    def settle(self, spent: Spent) -> None:
        """Put what the call took in place of what was set aside."""
        for ledger in self._ledger.chain:
            ledger._reserved.add(self._estimate, -self._tries)
            ledger.used.add(spent)
            ledger._in_flight -= 1
        _serve(self._ledger.chain)

    def _tight(self) -> Ledger | None:
        """The ledger where it has to wait; None when there is room everywhere."""
        for index, ledger in enumerate(self._ledger.chain):
            newcomer = not self._tries and index >= self._passed
            before = ledger._again or (ledger._line and ledger._line[0] is not self)
            if (newcomer and before) or ledger._missing(self._estimate):
                return ledger
        return None

    def _take(self) -> None:
        for ledger in self._ledger.chain:
            ledger._reserved.add(self._estimate)
            ledger._in_flight += self._tries == 0
        self._tries += 1

    def _wait_at(self, ledger: Ledger) -> None:
        """Join a line."""
        self._waits_at = ledger
        index = self._ledger.chain.index(ledger)
        if self._tries == 0:
            (ledger._line.append if index >= self._passed else ledger._line.appendleft)(self)
            self._passed = max(self._passed, index)
            return
        ledger._again.append(self)
        for one in self._ledger.chain[index:]:
            one._stuck += 1

    def _leave(self) -> None:
        """Leave the line."""
        ledger, self._waits_at = self._waits_at, None
        if ledger is None:
            return
        if self._tries == 0:
            ledger._line.remove(self)
            return
        ledger._again.remove(self)
        for one in self._ledger.chain[self._ledger.chain.index(ledger) :]:
            one._stuck -= 1

    def _try_again(self) -> Ledger | None:
        """Go on if there is room; gives the ledger where it still waits, or waits now."""
        if (over := self._ledger.over()) is not None:
            self._answer(over)
            return None
        tight = self._tight()
        if tight is self._waits_at:
            return tight
        if tight is not None:
            self._leave()
            self._wait_at(tight)
            return tight
        self._answer(None)
        return None

    def _answer(self, error: LimitExceeded | None) -> None:
        """End its wait: with room set aside for it, or with an error."""
        self._leave()
        if error is None:
            self._take()
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(error)


def _serve(ledgers: Iterable[Ledger]) -> None:
    """Let all go on that can, in the lines of these ledgers and of those they lead to.

    An episode comes before its run: what it refuses makes room there.
    """
    lines = deque(ledgers)
    while lines:
        lines += lines.popleft()._serve()
