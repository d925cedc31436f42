"""Where the completions of an episode come from: the way that a request takes to its answer."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from agentkit.execution.binding import PromptNode
from agentkit.execution.budget import Budget
from agentkit.execution.middlewares import (
    Complete,
    Middleware,
    ask_model,
    budgeted,
    cached,
    recorded,
    reused,
    traced,
)
from agentkit.execution.request_cache import RequestCache
from agentkit.execution.shared_requests import SharedRequests
from agentkit.execution.tries import Tries
from agentkit.messages import NOTHING_USED, Call, Sampling, Usage
from agentkit.models.base import Cache, Model, Varied
from agentkit.models.token_estimates import bounded
from agentkit.observability.telemetry import Tracing
from agentkit.record.recorded_calls import RecordedCalls

_SECOND: Final = 0.8
"""The temperature of the second attempt, where nobody set one."""
_LATER: Final = 1.0
"""That of those after it."""


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

    shared: SharedRequests = field(default_factory=SharedRequests)
    """What several nodes ask in one request."""

    def sampling(self, node: PromptNode, call: Call, first: int = 1) -> Sampling:
        """Return the sampling settings of a call, of which `first` is the first to its model.

        Where nobody set a temperature, further attempts have one, or a model that takes the
        likeliest tokens would repeat its answer. Where answers count against limits, they have a
        bound.
        """
        sampling = node.sampling
        if call.attempt > first and sampling.temperature is None:
            sampling = replace(sampling, temperature=self._temperature(node.model, call, first))
        if self.budget is None or not self.budget.watches_answers:
            return sampling
        return bounded(node.model, sampling)

    def _temperature(self, model: Model, call: Call, first: int) -> float | None:
        """The temperature of a further attempt: as recorded, else by its number."""
        if self.recorded_calls is not None:
            recorded = self.recorded_calls.sampling(call)
            if recorded is not None:
                return recorded.temperature
        if isinstance(model, Varied) and model.takes_temperature:
            return _SECOND if call.attempt == first + 1 else _LATER
        return None

    def path(self, node: PromptNode, tracing: Tracing | None = None) -> Complete:
        """Return how one request of a node is completed.

        It is answered from the record, if it is there; else from what the node may reuse; else
        from the cache file; else by the model, once the budget has room for the call.

        Args:
            node: The node that asks.
            tracing: Makes a span of it, unless it is answered from a record.
        """
        tries = Tries()
        way: list[Middleware] = []
        if self.recorded_calls is not None:
            way.append(recorded(self.recorded_calls, self.reuse, node))
        if tracing is not None:
            way.append(traced(tracing, node))
        if node.compiled.node.reuse:
            way.append(reused(self.reuse, node, tries))
        if self.cache is not None:
            way.append(cached(self.cache, node, tries))
        if self.budget is not None and self.budget.watches_calls:
            way.append(budgeted(self.budget, node, tries, unpriced=self.unpriced))
        complete: Complete = partial(
            ask_model, node=node, tries=tries, lost=self._lose, shared=self.shared
        )
        for middleware in reversed(way):
            complete = partial(middleware, next=complete)
        return complete

    def take_unanswered(self) -> Usage:
        """Return the calls that got no answer since this was last asked."""
        taken, self.unanswered = self.unanswered, NOTHING_USED
        return taken

    def _lose(self, usage: Usage) -> None:
        self.unanswered += usage
