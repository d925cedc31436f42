"""Where a completion comes from: the record, what may be reused, or the model within the limits."""

import time
from dataclasses import dataclass, field, replace
from functools import partial

from agentkit.errors import AccessError, AgentKitError, InputError, ModelError, StepInterrupted
from agentkit.execution.binding import BoundNode
from agentkit.execution.budget import Budget, Reservation
from agentkit.execution.request_cache import RequestCache
from agentkit.limits import Spent
from agentkit.messages import NOTHING_USED, Answer, Completion, Request, Sampling, Usage
from agentkit.models.base import Cache, Model, Priced
from agentkit.models.token_estimates import bounded, most_usage
from agentkit.observability.telemetry import Tracing
from agentkit.record.recorded_calls import RecordedCalls


@dataclass(slots=True)
class CompletionSource:
    """Where the completions of an episode come from."""

    reuse: RequestCache = field(default_factory=RequestCache)
    """What nodes with `reuse` asked before in the episode."""
    recorded_calls: RecordedCalls | None = None
    """Recorded calls of a step that was interrupted, or of a run that is replayed."""
    cache: Cache | None = None
    """A file that keeps completions between runs."""
    budget: Budget | None = None
    """What the episode may use."""
    unpriced: bool = False
    """Whether a limit on cost lets models of unknown price be asked, as if they were free."""
    unanswered: Usage = NOTHING_USED
    """Calls that were made and got no answer since it was last asked; their cost is None when the
    price of one of their models is unknown."""

    def sampling(self, bound: BoundNode) -> Sampling:
        """A node's sampling settings; where answers count against limits, they have a bound."""
        if self.budget is None or not self.budget.watches_answers:
            return bound.sampling
        return bounded(bound.prompt_model, bound.sampling)

    def take_unanswered(self) -> Usage:
        """The calls that got no answer since this was last asked."""
        taken, self.unanswered = self.unanswered, NOTHING_USED
        return taken

    async def get(
        self, bound: BoundNode, request: Request, tracing: Tracing | None = None
    ) -> Answer:
        """Answer a request, without a call where the answer is known.

        Args:
            bound: The node that asks.
            request: What it asks.
            tracing: Makes a span of it, unless it is answered from a record.

        Raises:
            ModelError: The model could not answer.
            AccessError: The model's key is missing or was refused.
            LimitExceeded: A limit leaves no room for the call.
        """
        model, reusing = bound.prompt_model, bound.compiled.node.reuse
        if (
            self.recorded_calls is not None
            and (known := self.recorded_calls.answer(request)) is not None
        ):
            if reusing and not known.reused:
                self.reuse.keep(model, request, known.completion)
            return known
        if tracing is None:
            return await self._get(bound, request)
        return await tracing.chat(model.name, request, partial(self._get, bound))

    async def _get(self, bound: BoundNode, request: Request) -> Answer:
        model = bound.prompt_model
        tries = _Tries(request, self.budget)
        started = time.perf_counter()
        if bound.compiled.node.reuse:
            ask = partial(self._ask, tries=tries)
            completion, reused = await self.reuse.complete(model, request, ask)
        elif self.cache is not None:
            completion, reused = await self._ask(model, request, tries=tries)
        else:
            completion, reused = await self._call(model, request, tries, shared=False), False
        waited_s = max(0.0, time.perf_counter() - started - tries.latency_s)
        return Answer(completion, tries.latency_s, reused, waited_s)

    async def _ask(
        self, model: Model, request: Request, *, tries: "_Tries"
    ) -> tuple[Completion, bool]:
        """Take the completion from the cache file, or ask the model and keep it there."""
        if self.cache is None:
            return await self._call(model, request, tries), False
        return await self.cache.complete(model, request, lambda: self._call(model, request, tries))

    async def _call(
        self, model: Model, request: Request, tries: "_Tries", *, shared: bool = True
    ) -> Completion:
        """Ask the model within the budget.

        Args:
            model: The model.
            request: What it is asked.
            tries: Counts and times the tries.
            shared: Whether the request may have waited for another one that is the same.
        """
        if self.budget is not None and self.budget.watches_calls:
            tries.reservation = await self.budget.reserve(self._most(model, request))
        completion = None
        try:
            tries.begin(check=tries.reservation is not None or shared)
            watched = replace(request, on_retry=tries.on_retry, on_start=tries.on_start)
            completion = await _complete(model, watched)
            tries.end()
        except AccessError:
            tries.drop_unsent()
            raise
        finally:
            if completion is None:
                unpriced = isinstance(model, Priced) and model.cost_usd(Usage()) is None
                cost_usd = None if tries.made and unpriced else 0.0
                self.unanswered += Usage(calls=tries.made, cost_usd=cost_usd)
            if tries.reservation is not None:
                tries.reservation.settle(_spent(completion, tries.made))
        return completion

    def _most(self, model: Model, request: Request) -> Spent:
        """The most that one try may take.

        Raises:
            InputError: There is a limit on cost, and the price is not known.
        """
        usage = most_usage(model, request)
        cost_usd = model.cost_usd(usage) if isinstance(model, Priced) else None
        watched = self.budget is not None and self.budget.watches_cost
        if cost_usd is None and watched and not self.unpriced:
            raise InputError(f"there is a limit on cost, and the price of {model.name} is unknown")
        return Spent.of(replace(usage, calls=1, cost_usd=cost_usd))


class _Tries:
    """The tries of one call: counts them, makes room for each, and times the one that succeeds."""

    def __init__(self, request: Request, budget: Budget | None) -> None:
        self._heard = request.on_retry
        self._may_start = request.on_start
        self._budget = budget
        self.reservation: Reservation | None = None
        self.made = 0
        self.latency_s = 0.0
        """How long the one that gave the answer took; 0 when none was made."""
        self._sent_s = 0.0
        self._started = False

    def begin(self, *, check: bool) -> None:
        """The model is about to be asked.

        Args:
            check: Whether that is perhaps long after the call was wanted.

        Raises:
            StepInterrupted: The step was stopped in the meantime, or the time is over.
        """
        self.made = 1
        self._sent_s = time.perf_counter()
        if check:
            self.check()

    def end(self) -> None:
        """The answer is there."""
        self.latency_s = max(0.0, time.perf_counter() - self._sent_s)

    async def on_retry(self, reason: str, wait_s: float) -> None:
        """A model tries again."""
        if self._heard is not None:
            await self._heard(reason, wait_s)
        if self.reservation is not None:
            await self.reservation.extend()
        self.made += 1
        self._sent_s = time.perf_counter() + wait_s
        self._started = False

    def on_start(self) -> None:
        """A model is about to send a try, perhaps long after it was asked for.

        Raises:
            StepInterrupted: The step was stopped in the meantime, or the time is over.
        """
        self.check()
        self._sent_s = time.perf_counter()
        self._started = True

    def drop_unsent(self) -> None:
        """A try for which there was no key was not made."""
        if not self._started:
            self.made -= 1

    def check(self) -> None:
        """See whether a try may still be made.

        Raises:
            StepInterrupted: The step was stopped in the meantime, or the time is over.
        """
        try:
            if self._may_start is not None:
                self._may_start()
            if self._budget is not None and (late := self._budget.late()) is not None:
                raise late
        except StepInterrupted:
            self.made -= 1
            raise


def _spent(completion: Completion | None, tries: int) -> Spent:
    """What a call took; a price that nobody knows counts as nothing."""
    return Spent(calls=tries) if completion is None else Spent.of(completion.usage)


async def _complete(model: Model, request: Request) -> Completion:
    """Ask the model; whatever it raises becomes an error of AgentKit."""
    try:
        completion: object = await model.complete(request)
    except AgentKitError:
        raise
    except Exception as error:
        raise ModelError(f"{model.name} raised {type(error).__name__}: {error}") from error
    if not isinstance(completion, Completion):
        kind = type(completion).__name__
        raise ModelError(f"{model.name} returned a {kind}; a model returns a Completion")
    usage = completion.usage
    if usage.calls < 1:
        usage = replace(usage, calls=1)
    if usage.cost_usd is None and isinstance(model, Priced):
        usage = replace(usage, cost_usd=model.cost_usd(usage))
    return completion if usage is completion.usage else replace(completion, usage=usage)
