"""How many calls of a model run at once, and how many start in a minute.

The waiting calls stand in one line, whichever event loop or thread they come from: nobody
overtakes, except that a call which is tried again goes to the front. A lock guards the counts;
nothing is awaited under it.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

_BURST = 0.1
"""Share of a minute's allowance that may be taken at once, after a quiet time."""


class Bucket:
    """An allowance that refills steadily: at most `per_minute` in any minute, in small bursts.

    More than the bucket holds can be taken when it is full; the level is then below zero, and
    the next one waits longer.
    """

    def __init__(self, per_minute: float) -> None:
        self._full = max(1.0, per_minute * _BURST)
        self._per_second = (per_minute - (self._full - 1)) / 60
        self._level = self._full
        self._time = time.monotonic()

    def wait_s(self, amount: float) -> float:
        """Seconds until the amount can be taken; 0 when it can be now."""
        now = time.monotonic()
        self._level = min(self._full, self._level + (now - self._time) * self._per_second)
        self._time = now
        return max(0.0, (min(amount, self._full) - self._level) / self._per_second)

    def take(self, amount: float) -> None:
        """Take it, whether or not it is there; a negative amount is given back."""
        self._level = min(self._full, self._level - amount)


@dataclass(eq=False, slots=True)
class _Waiter:
    tokens: float
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)
    woken: asyncio.Event = field(default_factory=asyncio.Event)

    def wake(self) -> bool:
        """Make it look again; False when its loop is gone."""
        try:
            self.loop.call_soon_threadsafe(self.woken.set)
        except RuntimeError:  # the loop was closed while the call still waited
            return False
        return True


class Throttle:
    """Lets calls through as the limits allow, in the order they came.

    Args:
        max_concurrency: The most calls at once; None: any number.
        requests_per_minute: The most calls that start in a minute; None: any number.
        tokens_per_minute: The most tokens, read and written, in a minute; None: any number.
    """

    def __init__(
        self,
        max_concurrency: int | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._line: deque[_Waiter] = deque()
        self.places = self._free = max_concurrency
        """The most calls at once."""
        self._requests = Bucket(requests_per_minute) if requests_per_minute else None
        self._tokens = Bucket(tokens_per_minute) if tokens_per_minute else None
        self._paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """Start no call for some time: the server asked for it."""
        with self._lock:
            self._paused_until = max(self._paused_until, time.monotonic() + seconds)

    def resize(self, places: int) -> None:
        """Let another number of calls through at once, where there is a limit on it."""
        with self._lock:
            if self.places is not None and self._free is not None:
                self._free += places - self.places
                self.places = places
                self._wake_first()

    @asynccontextmanager
    async def turn(self, tokens: float = 0, *, again: bool = False) -> AsyncIterator[None]:
        """Wait for a turn, and hold one of the places meanwhile.

        Args:
            tokens: How many tokens the call will take, by an estimate.
            again: Whether this call had a turn before: then it stands in front.
        """
        await self._enter(tokens, again)
        try:
            yield
        finally:
            with self._lock:
                if self._free is not None:
                    self._free += 1
                self._wake_first()

    def settle(self, estimate: float, used: float) -> None:
        """Correct the tokens of a call by what it took in truth."""
        if self._tokens is not None:
            with self._lock:
                self._tokens.take(used - estimate)
                self._wake_first()

    async def _enter(self, tokens: float, again: bool) -> None:
        with self._lock:
            if (again or not self._line) and self._wait_s(tokens) == 0:
                return self._take(tokens)
            waiter = _Waiter(tokens)
            (self._line.appendleft if again else self._line.append)(waiter)
        try:
            while (wait_s := self._look(waiter)) != 0:
                await _sleep(waiter, wait_s)
        except BaseException:
            with self._lock:
                if waiter in self._line:
                    self._line.remove(waiter)
                self._wake_first()
            raise

    def _look(self, waiter: _Waiter) -> float | None:
        """Take the turn if it has come: 0. Else the seconds to wait, or None: until woken."""
        with self._lock:
            waiter.woken.clear()
            if self._line[0] is not waiter:
                return None
            wait_s = self._wait_s(waiter.tokens)
            if wait_s == 0:
                self._line.popleft()
                self._take(waiter.tokens)
                self._wake_first()
            return wait_s

    def _wait_s(self, tokens: float) -> float | None:
        """Seconds until a call can start; None: until another one ends."""
        if self._free is not None and self._free <= 0:
            return None
        return max(
            0.0,
            self._paused_until - time.monotonic(),
            self._requests.wait_s(1) if self._requests else 0.0,
            self._tokens.wait_s(tokens) if self._tokens else 0.0,
        )

    def _take(self, tokens: float) -> None:
        if self._free is not None:
            self._free -= 1
        if self._requests:
            self._requests.take(1)
        if self._tokens:
            self._tokens.take(tokens)

    def _wake_first(self) -> None:
        while self._line and not self._line[0].wake():
            self._line.popleft()


async def _sleep(waiter: _Waiter, seconds: float | None) -> None:
    """Until the waiter is woken, or the seconds are over."""
    timer = None
    if seconds is not None:
        timer = waiter.loop.call_later(seconds, waiter.woken.set)
    try:
        await waiter.woken.wait()
    finally:
        if timer is not None:
            timer.cancel()
