"""Where the completions of an episode come from: the way that a request takes to its answer."""

from dataclasses import dataclass, field
from functools import partial

from agentkit.execution.binding import PromptNode
from agentkit.execution.budget import Budget
from agentkit.execution.middlewares import (
    Complete,
    Middleware,
    Tries,
    ask_model,
    budgeted,
    cached,
    recorded,
    reused,
    traced,
)
from agentkit.execution.request_cache import RequestCache
from agentkit.messages import NOTHING_USED, Sampling, Usage
from agentkit.models.base import Cache
from agentkit.models.token_estimates import bounded
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

    def sampling(self, node: PromptNode) -> Sampling:
        """Return a node's sampling settings; where answers count against limits, with a bound."""
        if self.budget is None or not self.budget.watches_answers:
            return node.sampling
        return bounded(node.model, node.sampling)

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
        complete: Complete = partial(ask_model, node=node, tries=tries, lost=self._lose)
        for middleware in reversed(way):
            complete = partial(middleware, next=complete)
        return complete

    def take_unanswered(self) -> Usage:
        """Return the calls that got no answer since this was last asked."""
        taken, self.unanswered = self.unanswered, NOTHING_USED
        return taken

    def _lose(self, usage: Usage) -> None:
        self.unanswered += usage
