"""Advice on what servers could keep: what changes first spoils all that comes after it."""

from collections.abc import Iterator

from agentkit.profiling.evidence import FEW, Evidence
from agentkit.profiling.figures import Advice
from agentkit.profiling.phrases import listed, percent, shortened
from agentkit.profiling.prefixes import BLOCK, CHARACTERS_PER_TOKEN

_STEADY = 0.25
"""Share of the steps in which the same lines change, from which they are named."""
_MOVED = 0.02
"""Share of the input tokens that would be gained, from which lines are to be moved."""
_SHARED = 0.03
"""Share of the input tokens that repeated lines must have to be named."""
_UNUSED = 0.2
"""Share of the input tokens that a server could have had, and did not."""


def prefix_advice(evidence: Evidence) -> Iterator[Advice]:
    """What would let servers take more of the input from their caches."""
    yield from _system(evidence)
    yield from _context(evidence)
    yield from _shared_lines(evidence)
    yield from _unused_cache(evidence)


def _system(evidence: Evidence) -> Iterator[Advice]:
    texts = evidence.sums.texts
    if texts.system_changes < FEW:
        return
    tokens = texts.system_lost // CHARACTERS_PER_TOKEN
    yield Advice(
        "system changes",
        [],
        f"The system text changed {texts.system_changes:,} times, at "
        f'"{shortened(texts.system_sample, 40)}". It stands in front of everything, so all that '
        "follows has to be read anew. Move what changes to the end of the `context`: about "
        f"{tokens:,} more tokens could come from a cache.",
        saves_tokens=tokens,
    )


def _context(evidence: Evidence) -> Iterator[Advice]:
    """The context differs early, and only there: a clock, a step number."""
    texts = evidence.sums.texts
    if not texts.changing:
        return
    places, lines = max(texts.changing.items(), key=lambda entry: entry[1].characters)
    steady = lines.steps >= max(FEW, _STEADY * texts.contexts)
    tokens = lines.characters // CHARACTERS_PER_TOKEN
    much = tokens >= _MOVED * evidence.prefix.input_tokens
    if not steady or not much or lines.characters < BLOCK * lines.steps:
        return
    where = "line " if len(places) == 1 else "lines "
    where += " and ".join(str(place + 1) for place in places)
    yield Advice(
        "context changes early",
        [],
        f"In {lines.steps:,} of {texts.contexts:,} steps nothing of the context changed but "
        f'{where} ("{shortened(lines.sample, 40)}"), and what follows had to be read anew. Put '
        f"what changes last: about {tokens:,} more tokens could come from a cache.",
        saves_tokens=tokens,
    )


def _shared_lines(evidence: Evidence) -> Iterator[Advice]:
    """Long lines that stand in the prompts of several nodes."""
    shared = evidence.sums.texts.shared
    tokens = sum(lines.characters for lines in shared.values()) // CHARACTERS_PER_TOKEN
    if not shared or tokens < _SHARED * evidence.prefix.input_tokens:
        return
    nodes, most = max(shared.items(), key=lambda entry: entry[1].characters)
    yield Advice(
        "repeated lines",
        list(nodes),
        "Long lines stand in the prompts of several nodes of a step, where no cache finds them; "
        f'most often in {listed(nodes)}: "{shortened(most.sample, 50)}". In the `context`, or in '
        f"a question that the others `recall`, they are read once: about {tokens:,} tokens, "
        f"{percent(tokens / evidence.prefix.input_tokens)} of the input.",
        saves_tokens=tokens,
    )


def _unused_cache(evidence: Evidence) -> Iterator[Advice]:
    """The servers report far fewer cached tokens than there could be."""
    prefix, totals = evidence.prefix, evidence.totals
    if prefix.share is None or prefix.reported_share is None or totals.cost_usd == 0:
        return
    gap = prefix.share - prefix.reported_share
    if gap < _UNUSED:
        return
    mean = prefix.input_tokens // max(1, prefix.requests)
    yield Advice(
        "cache unused",
        [],
        f"{percent(prefix.share)} of the input extends an earlier request, but the servers "
        f"report {percent(prefix.reported_share)} from their caches. Some keep nothing of requests "
        f"under 1,024 tokens (here a request has about {mean:,}), keep it for minutes only, or do "
        "not say.",
        saves_tokens=round(gap * totals.usage.input_tokens),
    )
