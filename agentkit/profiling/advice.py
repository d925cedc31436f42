"""What would help, said only where the figures of the run show it."""

from collections.abc import Iterator

from agentkit.profiling.advice_prefix import prefix_advice
from agentkit.profiling.advice_times import time_advice
from agentkit.profiling.evidence import FEW, Evidence
from agentkit.profiling.figures import Advice, NodeFigures
from agentkit.profiling.phrases import duration, percent, shortened

_SHARE_AGAIN = 0.1
"""Share of the questions asked again from which something should be done."""
_SHARE_SAME = 0.05
"""Share of the questions that were asked before from which `reuse` is worth it."""
_ENOUGH_STEPS = 10
"""Steps after which a condition has had its chance to be false."""
_MANY_STEPS = 100
"""Steps after which it has had its chance to be true: what it waits for may be rare."""


def advise(evidence: Evidence) -> list[Advice]:
    """All advice, what gains most first."""
    found = [*time_advice(evidence), *prefix_advice(evidence), *_node_advice(evidence)]
    return sorted(found, key=lambda advice: -_weight(advice, evidence))


def _weight(advice: Advice, evidence: Evidence) -> float:
    """What is gained as a share of the time, the money or the tokens of the run."""
    gains = (
        (advice.saves_s, evidence.path.seconds),
        (advice.saves_usd, evidence.totals.cost_usd),
        (advice.saves_calls, evidence.totals.calls),
        (advice.saves_tokens, evidence.prefix.input_tokens),
    )
    return max((gain / whole for gain, whole in gains if gain and whole), default=0.0)


def _node_advice(evidence: Evidence) -> Iterator[Advice]:
    for node in evidence.nodes:
        if node.function is None:
            yield from _again(node, evidence)
            yield from _reuse(node, evidence)
    yield from _conditions(evidence)


def _again(node: NodeFigures, evidence: Evidence) -> Iterator[Advice]:
    """A node whose answers often cannot be used."""
    counted = evidence.counted[node.node]
    share = node.again / counted.questions if counted.questions else 0.0
    if node.again < FEW or share < _SHARE_AGAIN or not counted.errors:
        return
    error, times = counted.errors.most_common(1)[0]
    often = "each time" if times == node.again else f"{times} times"
    yield Advice(
        "attempts",
        [node.node],
        f"{node.again} answers of `{node.node}` could not be used ({percent(share)} of its "
        f'questions). Why, {often}: "{shortened(error)}". Say in the prompt what the answer must '
        "look like, ask for a simpler `output`, or give the node a stronger model.",
        saves_s=counted.again_s,
        saves_usd=counted.again_usd if node.cost_usd is not None else None,
        saves_calls=node.again,
    )


def _reuse(node: NodeFigures, evidence: Evidence) -> Iterator[Advice]:
    """A node that asks the same thing again and again, without `reuse`."""
    counted = evidence.counted[node.node]
    same, asked = counted.same, counted.prefix.requests
    rare = same < FEW or same / asked < _SHARE_SAME
    if counted.reuses or rare or not evidence.reads_prompts(node) or not node.latency:
        return
    each_usd = None if node.cost_usd is None else node.cost_usd / max(1, node.calls)
    yield Advice(
        "reuse",
        [node.node],
        f"`{node.node}` asked what it had asked before in the episode, word for word, {same} "
        f"times of {asked}. With `reuse: true` these calls are not made; the answer is then the "
        "same as before.",
        saves_usd=None if each_usd is None else same * each_usd,
        saves_calls=same,
    )


def _conditions(evidence: Evidence) -> Iterator[Advice]:
    """Nodes whose `when` never decided anything."""
    if evidence.dependencies is None:
        return
    conditional = {node.name for node in evidence.dependencies.graph.nodes if node.when is not None}
    for node in evidence.nodes:
        if node.node not in conditional or node.steps + node.skipped < _ENOUGH_STEPS:
            continue
        if not node.steps and node.skipped >= _MANY_STEPS:
            yield Advice(
                "always skipped",
                [node.node],
                f"`{node.node}` was skipped in all {node.skipped} steps. If it should run now and "
                "then, its `when` is too narrow; if not, it can go.",
            )
        elif node.steps and not node.skipped and _costs(node):
            yield Advice(
                "never skipped",
                [node.node],
                f"`{node.node}` ran in all {node.steps} steps: its `when` was never false, so it "
                f"saved nothing. Its calls took {duration(node.seconds)} in all; a narrower "
                "condition saves its part of that.",
            )


def _costs(node: NodeFigures) -> bool:
    spent = bool(node.usage.input_tokens) or node.seconds >= 1
    return spent and (node.share or 0.0) >= _SHARE_SAME
