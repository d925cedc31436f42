"""What a request passes on its way to a model, and the call at the end of it.

A middleware is `async def (request, next)`: it answers by itself, or awaits `next(request)` and
does something before or after.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Final, Protocol

from agentkit.errors import AccessError, AgentKitError, InputError, ModelError, StepInterrupted
from agentkit.execution.binding import PromptNode
from agentkit.execution.budget import Budget
from agentkit.execution.request_cache import RequestCache
from agentkit.limits import Spent
from agentkit.messages import Answer, Completion, Request, Usage
from agentkit.models.base import Cache, Model, Priced
from agentkit.models.finish_reasons import finish_reason
from agentkit.models.hosted import HostedModel
from agentkit.models.thoughts import apart
from agentkit.models.token_estimates import makes_sense, most_usage
from agentkit.observability.telemetry import Tracing
from agentkit.program.raised_errors import passes_through, raised
from agentkit.record.recorded_calls import RecordedCalls

_A_MOMENT_S: Final = 0.01
"""So much after its end a limit on time is over by any clock."""

Complete = Callable[[Request], Awaitable[Answer]]
"""Answers a request."""


class Middleware(Protocol):
    """A part of the way from a request to its answer."""

    async def __call__(self, request: Request, next: Complete) -> Answer:
        """Answer a request, by itself or with what comes next."""
        ...


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
            request.on_text, on_retry, on_start, request.extra,
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

    def answer(self, completion: Completion, *, is_reused: bool) -> Answer:
        """Return the completion with how long it took."""
        waited_s = max(0.0, time.perf_counter() - self._began_s - self.latency_s)
        return Answer(completion, self.latency_s, is_reused, waited_s)


async def ask_model(
    request: Request, *, node: PromptNode, tries: Tries, lost: Callable[[Usage], None]
) -> Answer:
    """Ask the model: the end of the way.

    Args:
        request: What it is asked.
        node: The node that asks.
        tries: Counts and times the tries.
        lost: Takes the calls that got no answer.

    Raises:
        ModelError: The model could not answer.
        AccessError: The model's key is missing or was refused.
        StepInterrupted: The step was stopped before the call, or the time was over.
    """

    model, completion = node.model, None
    try:
        tries.begin(request)
        given = await model.complete(tries.counted(request))
        tries.end()
        completion = _checked(model, given)
    except (AccessError, asyncio.CancelledError) as error:
        if isinstance(error, AccessError) or isinstance(model, HostedModel):
            tries.drop_unsent()
        raise
    except AgentKitError:
        raise
    except Exception as error:
        if passes_through(error):
            raise
        raise ModelError(raised(model.name, error)) from error
    finally:
        if completion is None and tries.made:
            lost(Usage(calls=tries.made, cost_usd=_lost_usd(model)))
    return tries.answer(completion, is_reused=False)


def _checked(model: Model, completion: object) -> Completion:
    """What a model returned, with its calls counted and its price where it did not say it.

    Its thoughts stand apart from the text, and why it ended is said in our words.

    Raises:
        ModelError: It is no completion.
    """
    if not isinstance(completion, Completion):
        kind = type(completion).__name__
        raise ModelError(f"{model.name} returned a {kind}; a model returns a Completion")
    usage: object = completion.usage
    if not isinstance(usage, Usage) or not isinstance(completion.text, str):
        parts = f"text {completion.text!r:.80} and usage {usage!r:.80}"
        raise ModelError(f"{model.name} returned a Completion with {parts}: expected str and Usage")
    if not makes_sense(usage):
        expected = "expected counts of tokens, and a cost"
        raise ModelError(f"{model.name} returned a Completion with {usage!r:.200}: {expected}")
    if usage.calls < 1:
        usage = replace(usage, calls=1)
    if usage.cost_usd is None and isinstance(model, Priced):
        try:
            usage = replace(usage, cost_usd=model.cost_usd(usage))
        except Exception as error:
            raise ModelError(raised(f"cost_usd of {model.name}", error)) from error
    reason = finish_reason(completion.finish_reason)
    if usage is not completion.usage or reason != completion.finish_reason:
        completion = replace(completion, usage=usage, finish_reason=reason)
    return apart(completion)


def _lost_usd(model: Model) -> float | None:
    """What is known of the cost of a call without an answer: nothing, where there is a price."""
    if not isinstance(model, Priced):
        return 0.0
    try:
        return None if model.cost_usd(Usage()) is None else 0.0
    except Exception:  # the error that ended the call is the one to tell
        return None


def recorded(calls: RecordedCalls, reuse: RequestCache, node: PromptNode) -> Middleware:
    """Take the answer from a record, if it has one."""

    async def middleware(request: Request, next: Complete) -> Answer:
        known = calls.answer(request)
        if known is None:
            return await next(request)
        if node.compiled.node.reuse and not known.reused:
            reuse.keep(node.model, request, known.completion)
        return known

    return middleware


def traced(tracing: Tracing, node: PromptNode) -> Middleware:
    """Make a span of the call."""
    return partial(tracing.chat, node.model.name)


def reused(reuse: RequestCache, node: PromptNode, tries: Tries) -> Middleware:
    """Take the answer to the same request earlier in the episode, or in flight."""

    async def middleware(request: Request, next: Complete) -> Answer:
        ask = partial(next, request)
        completion, is_reused = await reuse.complete(node.model, request, ask)
        return tries.answer(completion, is_reused=is_reused)

    return middleware


def cached(cache: Cache, node: PromptNode, tries: Tries) -> Middleware:
    """Take the completion from the cache file, or keep it there."""

    async def middleware(request: Request, next: Complete) -> Answer:
        async def ask() -> Completion:
            return (await next(request)).completion

        completion, is_reused = await cache.complete(node.model, request, ask)
        return tries.answer(completion, is_reused=is_reused)

    return middleware


def budgeted(budget: Budget, node: PromptNode, tries: Tries, *, unpriced: bool) -> Middleware:
    """Reserve what the call may take at most, further tries included, and settle it after."""

    async def middleware(request: Request, next: Complete) -> Answer:
        reservation = await budget.reserve(_most(budget, node.model, request, unpriced))

        async def on_retry(reason: str, wait_s: float) -> None:
            if request.on_retry is not None:
                await request.on_retry(reason, wait_s)
            await reservation.extend()

        def on_start() -> None:
            if request.on_start is not None:
                request.on_start()
            if (late := budget.late()) is not None:
                raise late

        answer = None
        work = next(replace(request, on_retry=on_retry, on_start=on_start))
        if budget.watches_time and isinstance(node.model, HostedModel):
            work = tries.in_time(budget, work)
        try:
            answer = await work
            return answer
        finally:
            used = Spent(calls=tries.made) if answer is None else Spent.of(answer.completion.usage)
            reservation.settle(used)

    return middleware


def _most(budget: Budget, model: Model, request: Request, unpriced: bool) -> Spent:
    """The most that one try may take.

    Raises:
        InputError: There is a limit on cost, and the price is not known.
    """
    usage = most_usage(model, request)
    cost_usd = model.cost_usd(usage) if isinstance(model, Priced) else None
    if cost_usd is None and budget.watches_cost and not unpriced:
        raise InputError(f"there is a limit on cost, and the price of {model.name} is unknown")
    return Spent.of(replace(usage, calls=1, cost_usd=cost_usd))
