"""What a request passes on its way to a model, and the call at the end of it.

A middleware is `async def (request, next)`: it answers by itself, or awaits `next(request)` and
does something before or after.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from agentkit.errors import AccessError, AgentKitError, InputError, ModelError
from agentkit.execution.binding import PromptNode
from agentkit.execution.budget import Budget
from agentkit.execution.decisions import decide
from agentkit.execution.request_cache import RequestCache
from agentkit.execution.shared_requests import SharedRequests
from agentkit.execution.tries import Tries
from agentkit.limits import Spent
from agentkit.messages import NOTHING_USED, Answer, Completion, Request, Usage
from agentkit.models.base import Cache, Model, Priced, cost_of
from agentkit.models.expert_counts import check_experts
from agentkit.models.finish_reasons import finish_reason
from agentkit.models.hosted import HostedModel
from agentkit.models.thoughts import apart
from agentkit.models.token_estimates import makes_sense, most_usage
from agentkit.observability.telemetry import Tracing
from agentkit.program.raised_errors import passes_through, raised
from agentkit.record.recorded_calls import RecordedCalls

Complete = Callable[[Request], Awaitable[Answer]]
"""Answers a request."""


class Middleware(Protocol):
    """A part of the way from a request to its answer."""

    async def __call__(self, request: Request, next: Complete) -> Answer:
        """Answer a request, by itself or with what comes next."""
        ...


async def ask_model(
    request: Request,
    *,
    node: PromptNode,
    tries: Tries,
    lost: Callable[[Usage], None],
    shared: SharedRequests,
) -> Answer:
    """Ask the model: the end of the way.

    Args:
        request: What it is asked.
        node: The node that asks.
        tries: Counts and times the tries.
        lost: Takes the calls that got no answer.
        shared: Asks what is decided for several nodes together.

    Raises:
        ModelError: The model could not answer.
        AccessError: The model's key is missing or was refused.
        StepInterrupted: The step was stopped before the call, or the time was over.
    """

    model, completion, spent = node.model, None, None
    try:
        tries.begin(request)
        counted = tries.counted(request)
        if request.questions:
            given = await decide(node, counted, shared, tries.join)
        else:
            given = await model.complete(counted)
        tries.end()
        completion = _checked(model, given)
    except (AccessError, asyncio.CancelledError) as error:
        if isinstance(error, AccessError) or isinstance(model, HostedModel):
            tries.drop_unsent()
        raise
    except AgentKitError as error:
        spent = error.spent
        raise
    except Exception as error:
        if passes_through(error):
            raise
        raise ModelError(raised(model.name, error)) from error
    finally:
        if completion is None and tries.made:
            lost(_lost(model, tries.made, spent))
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
    try:
        check_experts(completion.experts)
    except ValueError as error:
        raise ModelError(f"{model.name} returned a Completion: {error}") from None
    is_shared = bool(completion.decisions) and usage == NOTHING_USED
    if usage.calls < 1 and not is_shared:
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


def _lost(model: Model, calls: int, spent: Usage | None) -> Usage:
    """What calls without an answer took, as far as it is known."""
    if spent is None:
        return Usage(calls=calls, cost_usd=_lost_usd(model))
    cost_usd = cost_of(model, spent) if spent.cost_usd is None else spent.cost_usd
    return replace(spent, calls=calls, cost_usd=cost_usd)


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
    cost_usd = cost_of(model, usage)
    if cost_usd is None and budget.watches_cost and not unpriced:
        raise InputError(f"there is a limit on cost, and the price of {model.name} is unknown")
    return Spent.of(replace(usage, calls=1, cost_usd=cost_usd))
