"""Where a completion comes from: the record, what may be reused, or the model within the limits."""

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from agentkit.binding import BoundNode
from agentkit.errors import AgentKitError, ModelError
from agentkit.ledger import Ledger, Reservation, Spent, estimate_input, output_bound
from agentkit.messages import Completion, Request, Usage
from agentkit.models.base import Model, Priced
from agentkit.past import Answer, Past
from agentkit.reuse import ReuseCache


class Cache(Protocol):
    """Completions that outlive an episode, such as `CompletionFile`."""

    async def complete(
        self, model: Model, request: Request, ask: Callable[[], Coroutine[Any, Any, Completion]]
    ) -> tuple[Completion, bool]:
        """The completion of a request, and whether it was there already."""
        ...


@dataclass(slots=True)
class Source:
    """Where the completions of an episode come from."""

    reuse: ReuseCache = field(default_factory=ReuseCache)
    """What nodes with `reuse` asked before in the episode."""
    past: Past | None = None
    """Recorded calls of a step that was interrupted, or of a run that is replayed."""
    cache: Cache | None = None
    """A file that keeps completions between runs."""
    ledger: Ledger | None = None
    """What the episode may use."""

    async def get(self, bound: BoundNode, request: Request) -> Answer:
        """Answer a request, without a call where the answer is known.

        Raises:
            ModelError: The model could not answer.
            AccessError: The model's key is missing or was refused.
            LimitExceeded: A limit leaves no room for the call.
        """
        model, reusing = bound.answering, bound.compiled.node.reuse
        if self.past is not None and (known := self.past.answer(request.call)) is not None:
            if reusing and not known.reused:
                self.reuse.keep(model, request, known.completion)
            return known
        started = time.perf_counter()
        if reusing:
            completion, reused = await self.reuse.complete(model, request, self._ask)
        else:
            completion, reused = await self._ask(model, request)
        return Answer(completion, time.perf_counter() - started, reused)

    async def _ask(self, model: Model, request: Request) -> tuple[Completion, bool]:
        """Take the completion from the cache file, or ask the model and keep it there."""
        if self.cache is None:
            return await self._call(model, request), False
        return await self.cache.complete(model, request, lambda: self._call(model, request))

    async def _call(self, model: Model, request: Request) -> Completion:
        ledger = self.ledger
        if ledger is None or not ledger.watches_calls:
            return await _complete(model, request)
        if ledger.watches_answers:
            bound = output_bound(request)
            request = replace(request, sampling=replace(request.sampling, max_tokens=bound))
        reservation = await ledger.reserve(_estimate(model, request))
        completion = None
        try:
            completion = await _complete(model, _extending(request, reservation))
        finally:
            reservation.settle(completion)
        return completion


def _estimate(model: Model, request: Request) -> Spent:
    usage = Usage(estimate_input(request), output_bound(request), calls=1)
    cost_usd = model.cost_usd(usage) if isinstance(model, Priced) else None
    return Spent(1, usage.input_tokens + usage.output_tokens, cost_usd or 0.0)


def _extending(request: Request, reservation: Reservation) -> Request:
    """The request, whose further tries count against the limits too."""
    heard = request.on_retry

    async def on_retry(reason: str, wait_s: float) -> None:
        if heard is not None:
            await heard(reason, wait_s)
        await reservation.extend()

    return replace(request, on_retry=on_retry)


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
    return completion
