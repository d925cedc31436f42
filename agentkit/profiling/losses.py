"""What was paid for and is in no answer that counts."""

from agentkit.events import EpisodeFinished, EpisodeResumed
from agentkit.messages import NOTHING_USED, Usage
from agentkit.profiling.sums import RunSums


class Losses:
    """Finds what an episode lost.

    An episode that ended says what was paid for it. One that did not has at least said, whenever
    it was resumed, what could not be used any more.
    """

    def __init__(self) -> None:
        self._lost = NOTHING_USED
        self._paid: Usage | None = None

    def resume(self, event: EpisodeResumed) -> None:
        """Take in that the episode was resumed; a fork pays for nothing of the other run."""
        self._lost = event.usage if event.source is not None else self._lost + event.usage

    def finish(self, event: EpisodeFinished) -> None:
        """Take in how the episode ended."""
        self._paid = event.usage

    def count(self, sums: RunSums) -> None:
        """Add what was lost to the sums of the episode."""
        sums.lost = self._lost if self._paid is None else _beyond(sums, self._paid)


def _beyond(sums: RunSums, paid: Usage) -> Usage:
    """What was paid beyond the answers that count."""
    calls = [one for node in sums.nodes.values() for one in node.calls.values()]
    counted = sum((one.usage for one in calls), NOTHING_USED)
    tokens = (
        max(0, paid.input_tokens - counted.input_tokens),
        max(0, paid.output_tokens - counted.output_tokens),
        max(0, paid.cached_tokens - counted.cached_tokens),
        max(0, paid.calls - counted.calls),
    )
    if not any(tokens):
        return NOTHING_USED
    if paid.cost_usd is None or counted.cost_usd is None:
        return Usage(*tokens, cost_usd=None)
    return Usage(*tokens, cost_usd=max(0.0, round(paid.cost_usd - counted.cost_usd, 12)))
