"""What was paid for and is in no answer that counts."""

from agentkit.messages import Usage
from agentkit.profiling.sums import RunSums
from agentkit.record.reader import Record


class Losses:
    """Finds what an episode lost.

    An episode that ended says what was paid for it. One that did not has at least said, whenever
    it was resumed, what could not be used any more.
    """

    def __init__(self) -> None:
        self._lost: list[tuple[Usage, float | None]] = []
        self._paid: tuple[Usage, float | None] | None = None

    def resume(self, record: Record) -> None:
        """Take in that the episode was resumed; a fork pays for nothing of the other run."""
        if record["source"] is not None:
            self._lost.clear()
        self._lost.append((Usage(**record["usage"]), record["cost_usd"]))

    def finish(self, record: Record) -> None:
        """Take in how the episode ended."""
        self._paid = Usage(**record["usage"]), record["cost_usd"]

    def count(self, sums: RunSums) -> None:
        """Add what was lost to the sums of the episode."""
        lost = self._lost if self._paid is None else [_beyond(sums, *self._paid)]
        usage = sum((part for part, _ in lost), Usage())
        if usage == Usage():
            return
        sums.lost = usage
        sums.lost_unpriced = int(any(cost is None for _, cost in lost))
        sums.lost_usd = max(0.0, sum(cost or 0.0 for _, cost in lost))


def _beyond(sums: RunSums, paid: Usage, paid_usd: float | None) -> tuple[Usage, float | None]:
    """What was paid beyond the answers that count."""
    calls = [one for node in sums.nodes.values() for one in node.calls.values()]
    counted = sum((one.usage for one in calls), Usage())
    usage = Usage(
        max(0, paid.input_tokens - counted.input_tokens),
        max(0, paid.output_tokens - counted.output_tokens),
        max(0, paid.cached_tokens - counted.cached_tokens),
        max(0, paid.calls - counted.calls),
    )
    if paid_usd is None or any(one.unpriced for one in calls):
        return usage, None
    return usage, paid_usd - sum(one.cost_usd for one in calls)
