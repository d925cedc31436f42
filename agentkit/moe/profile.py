"""Which experts each node of a recorded run uses, layer by layer."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import log, log2
from typing import Final

from agentkit.errors import InputError
from agentkit.events import NodeFailed, NodeFinished, NodeRetried
from agentkit.messages import Completion, Usage
from agentkit.models.expert_counts import add_experts
from agentkit.moe.expert_use import (
    CountCheck,
    Counts,
    ExpertProfile,
    LayerUse,
    ModelUse,
    NodeUse,
    Overlap,
)
from agentkit.record.reader import Run


@dataclass(slots=True)
class _Sums:
    """What is added up of one model."""

    counts: dict[str, Counts] = field(default_factory=dict)
    """By node."""
    calls: dict[str, int] = field(default_factory=dict)
    told: list[tuple[str, Counts, Usage]] = field(default_factory=list)
    """Where a call was made, what it counted and what it used."""


def profile_experts(run: Run, episodes: Sequence[int] | None = None) -> ExpertProfile:
    """Read which experts the nodes of a run use.

    Answers that were there already (reused, or from a cache) took no experts in this run, so they
    are not counted. Answers that could not be used are.

    Args:
        run: The run; it may still be going on.
        episodes: Only these; None: all.

    Raises:
        InputError: No call told of experts.
        TraceError: The record is damaged.
    """
    models: dict[str, _Sums] = {}
    silent = 0
    for where, node, completion in _answers(run, run.episodes if episodes is None else episodes):
        if not completion.experts:
            silent += completion.usage.calls
            continue
        sums = models.setdefault(completion.model, _Sums())
        name = f"{node.partition('.')[0]}.*" if "." in node else node
        sums.counts[name] = add_experts(sums.counts.get(name, ()), completion.experts)
        sums.calls[name] = sums.calls.get(name, 0) + 1
        if not completion.decisions:  # options are read beside the tokens of the usage
            sums.told.append((where, completion.experts, completion.usage))
    if not models:
        raise InputError(
            f"{run.folder}: no call tells which experts it took. A mixture in this process does "
            "with 'telemetry: experts' under its model; vLLM does if it is started with "
            "enable-return-routed-experts, SGLang if it is and the model has "
            "'extra: {return_routed_experts: true}'. Then run the agent again"
        )
    used = tuple(_model_use(name, sums) for name, sums in models.items())
    return ExpertProfile(str(run.folder), used, silent)


def _answers(run: Run, episodes: Sequence[int]) -> Iterator[tuple[str, str, Completion]]:
    """Where each answer was given that a call was made for, by which node, and the answer."""
    for episode in episodes:
        for event in run.events(episode):
            if not isinstance(event, (NodeRetried, NodeFinished, NodeFailed)) or event.reused:
                continue
            if event.completion is not None:
                where = f"episode {episode}, step {event.step}, node '{event.node}'"
                yield where, event.node, event.completion


def _model_use(name: str, sums: _Sums) -> ModelUse:
    experts = max((len(layer) for told in sums.counts.values() for layer in told), default=0)
    check = _check(sums.told)
    nodes = []
    for node, counts in sums.counts.items():
        layers = tuple(LayerUse((*layer, *[0] * (experts - len(layer)))) for layer in counts)
        most = max((sum(layer) for layer in counts), default=0)
        tokens = most // check.per_token if check.per_token else 0
        nodes.append(NodeUse(node, sums.calls[node], tokens, layers))
    pairs = tuple(_overlap(one, other) for one, other in combinations(nodes, 2))
    return ModelUse(name, experts, tuple(nodes), pairs, check)


def _overlap(one: NodeUse, other: NodeUse) -> Overlap:
    by_layer, expected = [], []
    for a, b in zip(one.layers, other.layers, strict=False):
        middle = [(p + q) / 2 for p, q in zip(a.shares, b.shares, strict=True)]
        mixed = -sum(share * log2(share) for share in middle if share)
        divergence = mixed - (a.entropy_bits + b.entropy_bits) / 2
        by_layer.append(min(1.0, max(0.0, 1 - divergence)))
        expected.append(_alike(a, b))
    chance = sum(expected) / max(1, len(expected))
    return Overlap((one.node, other.node), tuple(by_layer), chance)


def _alike(one: LayerUse, other: LayerUse) -> float:
    """The overlap of two samples of the same shares, to first order in 1/n.

    The entropy of a sample is too small by (m - 1) / (2 n ln 2) bits, where m experts are used
    (G. Miller, Note on the bias of information estimates, 1955); of the three entropies of the
    divergence, (m - 1) / (8 ln 2) * (1/n1 + 1/n2) is left.
    """
    numbers = sum(one.counts), sum(other.counts)
    if not all(numbers):
        return 0.0
    used = sum(1 for pair in zip(one.counts, other.counts, strict=True) if any(pair))
    return max(0.0, 1 - (used - 1) / (8 * log(2)) * sum(1 / number for number in numbers))


_SHOWN: Final = 3


def _check(told: Sequence[tuple[str, Counts, Usage]]) -> CountCheck:
    """Hold the counts of calls against their tokens: each takes `per_token` experts of a layer.

    Each call of `usage.calls` reads its prompt, of which it may have a part in its cache, and all
    that it writes but the last token.
    """
    votes: dict[tuple[int, bool], int] = {}
    for _, counts, usage in told:
        for cached in (False, True):
            sums, tokens = {sum(layer) for layer in counts}, _tokens(usage, cached)
            if len(sums) == 1 and tokens > 0 and (total := sums.pop()) and total % tokens == 0:
                rule = total // tokens, cached
                votes[rule] = votes.get(rule, 0) + 1
    best = max(votes, key=lambda rule: (votes[rule], not rule[1]), default=None)
    if best is None:
        return CountCheck(
            None, False, 0, len(told), tuple(_wrong(*one, None) for one in told[:_SHOWN])
        )
    disagree = [one for one in told if not _agrees(one[1], one[2], best)]
    shown = tuple(_wrong(*one, best) for one in disagree[:_SHOWN])
    return CountCheck(*best, len(told) - len(disagree), len(told), shown)


def _tokens(usage: Usage, cached: bool) -> int:
    taken = usage.input_tokens + usage.output_tokens - max(1, usage.calls)
    return taken if cached else taken - usage.cached_tokens


def _agrees(counts: Counts, usage: Usage, rule: tuple[int, bool]) -> bool:
    expected = rule[0] * _tokens(usage, rule[1])
    return all(sum(layer) == expected for layer in counts)


def _wrong(where: str, counts: Counts, usage: Usage, rule: tuple[int, bool] | None) -> str:
    sums = sorted({sum(layer) for layer in counts})
    found = f"{sums[0]:,}" if len(sums) == 1 else f"{sums[0]:,} to {sums[-1]:,}"
    tokens = _tokens(usage, rule[1] if rule else False)
    expected = f"{rule[0]} x {tokens:,} = {rule[0] * tokens:,}" if rule else f"of {tokens:,} tokens"
    return f"{where}: {found} choices in a layer, expected {expected}"
