"""The tries of one request to a model."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final

from agentkit.errors import StepInterrupted
from agentkit.execution.budget import Budget
from agentkit.messages import Answer, Completion, Request

_A_MOMENT_S: Final = 0.01
"""So much after its end a limit on time is over by any clock."""


class Tries:
    """The tries of one request: counts them, and times the one that succeeds."""

    __slots__ = ("_began_s", "_left_s", "_sent_s", "_started", "_timer", "latency_s", "made")

    def __init__(self) -> None:
        self.made = 0
        self.latency_s = 0.0
        """How long the one that gave the answer took; 0 when none was made."""
        self._began_s = self._sent_s = time.perf_counter()
        self._started = False
        self._timer: asyncio.Timeout | None = None
        self._left_s: Callable[[], float] | None = None

    def begin(self, request: Request) -> None:
        """The first try is about to be made.

        Raises:
            StepInterrupted: The step was stopped in the meantime, or the time is over.
        """
        self.made = 1
        self._sent_s = time.perf_counter()
        self._check(request)

    def counted(self, request: Request) -> Request:
        """Return the request that tells of its further tries."""

        async def on_retry(reason: str, wait_s: float) -> None:
            if request.on_retry is not None:
                await request.on_retry(reason, wait_s)
            self.made += 1
            self._sent_s = time.perf_counter() + wait_s
            self._started = False
            self._set_timer()

        def on_start() -> None:
            self._check(request)
            self._sent_s = time.perf_counter()
            self._started = True
            self._set_timer()

        return Request(  # `replace` would take longer than all the rest
            request.messages, request.sampling, request.schema, request.call, request.variables,
            request.on_text, on_retry, on_start, request.extra, request.questions, request.moment,
        )  # fmt: skip

    def _check(self, request: Request) -> None:
        try:
            if request.on_start is not None:
                request.on_start()
        except StepInterrupted:
            self.made -= 1
            raise

    async def in_time(self, budget: Budget, work: Awaitable[Answer]) -> Answer:
        """Await a call of a model on a server: a try that is made, but no turn for one too late.

        Raises:
            LimitExceeded: The time was over before a try.
        """
        self._left_s = budget.seconds_left
        try:
            async with asyncio.timeout(None) as self._timer:
                self._set_timer()
                return await work
        except TimeoutError as error:
            raise budget.late() or error from None

    def _set_timer(self) -> None:
        """Let the limit on time end the wait for a try, and no try that is made."""
        if self._timer is not None and self._left_s is not None:
            end_s = asyncio.get_running_loop().time() + self._left_s() + _A_MOMENT_S
            self._timer.reschedule(None if self._started else end_s)

    def end(self) -> None:
        """The answer is there."""
        self.latency_s = max(0.0, time.perf_counter() - self._sent_s)

    def drop_unsent(self) -> None:
        """A try for which there was no key, or whose turn did not come, was not made."""
        if not self._started:
            self.made -= 1

    def join(self) -> None:
        """Another one's try asked for this one too."""
        self.made = 0

    def answer(self, completion: Completion, *, is_reused: bool) -> Answer:
        """Return the completion with how long it took."""
        waited_s = max(0.0, time.perf_counter() - self._began_s - self.latency_s)
        return Answer(completion, self.latency_s, is_reused, waited_s)
