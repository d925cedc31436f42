"""What may be used: reserved before a call is made, settled by what it really took."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Final

from agentkit.errors import LimitExceeded
from agentkit.limits import Limits, Spent

_CLOSE: Final = 1e-9
"""Sums of prices are a little off: so much more than a limit still fits, as a share of it."""


class Budget:
    """Keeps the account of an episode or of a run.

    A call that does not fit waits for those in flight to settle, since they may take less than
    was reserved for them. The waiting calls stand in one line: nobody overtakes, except that
    one in flight which needs room for a further try stands in front. When nothing is left that
    could make room, the limit is reached: whoever waits is refused, and so is every later call.

    Args:
        limits: What may be used.
        parent: The budget of the run that the episode belongs to.
        scope: In front of the limits' names in messages: `run.` for a run.
        used: What was used before, in a run that goes on.
        seconds: How long that took.
    """

    def __init__(
        self,
        limits: Limits,
        parent: "Budget | None" = None,
        *,
        scope: str = "",
        used: Spent | None = None,
        seconds: float = 0.0,
    ) -> None:
        self.limits = limits
        self.parent = parent
        self.used = Spent()
        self.used.add(used or Spent())
        watched = {name for budget in self.chain for name in budget.limits.given()}
        """What this or the run's limits say anything of."""
        self.watches_time = "seconds" in watched
        self.watches_cost = "cost_usd" in watched
        self.watches_answers = bool(watched & {"tokens", "cost_usd"})
        self.watches_calls = bool(watched - {"steps"})
        self._scope = scope
        self._started = time.monotonic() - seconds
        self._reserved = Spent()
        self._in_flight = 0
        self._blocked = 0
        """How many of those in flight wait for a further try, here or in the line of an episode
        of this run: they will not settle by themselves."""
        self._waiting: deque[Reservation] = deque()
        self._retrying: list[Reservation] = []
        """Those in flight that wait here."""
        self._refusal: tuple[str, str] | None = None

    @property
    def chain(self) -> "tuple[Budget, ...]":
        """This budget and those above it; not kept, as that would be a circle."""
        return (self,) if self.parent is None else (self, *self.parent.chain)

    def late(self) -> LimitExceeded | None:
        """The limit on time, of this or of the run, if it is over."""
        for budget in self.chain:
            if budget._seconds_left() <= 0:
                budget._close("seconds", "")
                return budget._error("seconds", "")
        return None

    def seconds_left(self) -> float:
        """The time until a limit on it is reached; endless without one."""
        return min(budget._seconds_left() for budget in self.chain)

    def _seconds_left(self) -> float:
        seconds = self.limits.seconds
        return inf if seconds is None else self._started + seconds - time.monotonic()

    def over(self) -> LimitExceeded | None:
        """The limit that was reached, of this or of the run, if one was."""
        refused = (one._error(*one._refusal) for one in self.chain if one._refusal is not None)
        return self.late() or next(refused, None)

    def used_up(self) -> LimitExceeded | None:
        """The limit that leaves nothing for another episode, if one does."""
        for budget in self.chain:
            for name in ("steps", "calls", "tokens", "cost_usd"):
                limit = getattr(budget.limits, name)
                if limit and getattr(budget.used, name) >= limit:
                    return budget._error(name, "")
        return self.over()

    def begin_step(self) -> None:
        """Count a step that begins.

        Raises:
            LimitExceeded: There were as many as may be, or another limit was reached.
        """
        if (over := self.over()) is not None:
            raise over
        for budget in self.chain:
            if budget.limits.steps is not None and budget.used.steps >= budget.limits.steps:
                raise budget._error("steps", "")
        for budget in self.chain:
            budget.used.steps += 1

    def drop_step(self) -> None:
        """Take back a step that came to nothing."""
        for budget in self.chain:
            budget.used.steps -= 1

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
            taken = sum(getattr(one, name) for one in (self.used, self._reserved, estimate))
            if limit is not None and taken > limit * (1 + _CLOSE):
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
        for one in (*self._retrying, *self._waiting):
            one._answer(self._error(*self._refusal))

    def _admit(self) -> "list[Budget]":
        """Let those go on that can; gives the budgets in whose lines some wait instead."""
        moved = [tight for one in list(self._retrying) if (tight := one._try_again()) is not self]
        while self._waiting and not self._retrying:
            tight = self._waiting[0]._try_again()
            if tight is self:
                break
            moved.append(tight)
        if self._in_flight == self._blocked:
            self._refuse_first()
        return [budget for budget in moved if budget is not None]

    def _refuse_first(self) -> None:
        """Nothing can make room any more: the first who waits reaches the limit."""
        first = next(iter((*self._retrying, *self._waiting)), None)
        if first is not None and (limit := self._missing(first._estimate)) is not None:
            self._close(limit, self._why(limit, first._estimate))


class Reservation:
    """What is set aside for one call, its repeated tries included."""

    def __init__(self, budget: Budget, estimate: Spent) -> None:
        self._budget = budget
        self._estimate = estimate
        self._tries = 0
        self._waits_at: Budget | None = None
        self._passed_budgets = 0
        """How many budgets of the chain it has queued at: it does not queue there again."""
        self._turn: asyncio.Future[LimitExceeded | None] | None = None

    async def extend(self) -> None:
        """Set aside what one more try may take.

        Raises:
            LimitExceeded: There is no room for it, and nothing in flight that could make some.
        """
        if (over := self._budget.over()) is not None:
            raise over
        tight = self._limiting()
        if tight is None:
            self._take()
        elif (error := await self._wait(tight)) is not None:
            raise error

    async def _wait(self, tight: Budget) -> LimitExceeded | None:
        """Wait in line; gives the error if there is no room."""
        first = self._tries == 0
        self._turn = asyncio.get_running_loop().create_future()
        self._wait_at(tight)
        _admit([tight] if first else self._budget.chain)
        try:
            return await self._turn
        except asyncio.CancelledError:
            if first and self._tries:  # there was room for it in the very moment it was cancelled
                self.settle(Spent())
            else:
                self._leave()
                _admit(self._budget.chain)
            raise

    def settle(self, spent: Spent) -> None:
        """Put what the call took in place of what was set aside."""
        for budget in self._budget.chain:
            budget._reserved.add(self._estimate, -self._tries)
            budget.used.add(spent)
            budget._in_flight -= 1
        _admit(self._budget.chain)

    def _limiting(self) -> Budget | None:
        """The budget where it has to wait; None when there is room everywhere."""
        for index, budget in enumerate(self._budget.chain):
            newcomer = not self._tries and index >= self._passed_budgets
            before = budget._retrying or (budget._waiting and budget._waiting[0] is not self)
            if (newcomer and before) or budget._missing(self._estimate):
                return budget
        return None

    def _take(self) -> None:
        for budget in self._budget.chain:
            budget._reserved.add(self._estimate)
            budget._in_flight += self._tries == 0
        self._tries += 1

    def _wait_at(self, budget: Budget) -> None:
        """Join a line."""
        self._waits_at = budget
        index = self._budget.chain.index(budget)
        if self._tries == 0:
            is_new = index >= self._passed_budgets
            (budget._waiting.append if is_new else budget._waiting.appendleft)(self)
            self._passed_budgets = max(self._passed_budgets, index)
        else:
            budget._retrying.append(self)
            for one in self._budget.chain[index:]:
                one._blocked += 1

    def _leave(self) -> None:
        """Leave the line."""
        budget, self._waits_at = self._waits_at, None
        if budget is None:
            return
        if self._tries == 0:
            budget._waiting.remove(self)
        else:
            budget._retrying.remove(self)
            for one in self._budget.chain[self._budget.chain.index(budget) :]:
                one._blocked -= 1

    def _try_again(self) -> Budget | None:
        """Go on if there is room; gives the budget where it still waits, or waits now."""
        if (over := self._budget.over()) is not None:
            self._answer(over)
            return None
        tight = self._limiting()
        if tight is self._waits_at:
            return tight
        if tight is None:
            self._answer(None)
        else:
            self._leave()
            self._wait_at(tight)
        return tight

    def _answer(self, error: LimitExceeded | None) -> None:
        """End its wait: with room set aside for it, or with an error."""
        self._leave()
        if error is None:
            self._take()
        if self._turn is not None and not self._turn.done():
            self._turn.set_result(error)


def _admit(budgets: Iterable[Budget]) -> None:
    """Let all go on that can, in the lines of these budgets and of those they lead to.

    An episode comes before its run: what it refuses makes room there.
    """
    lines = deque(budgets)
    while lines:
        lines += lines.popleft()._admit()
