"""Advice on the time of the steps."""

from collections.abc import Iterator

from agentkit.profiling.evidence import FEW, Evidence
from agentkit.profiling.figures import Advice, NodeFigures
from agentkit.profiling.phrases import duration, listed, percent, shortened

_SLOW = 0.3
"""Share of the steps' time that is saved without a node, from which the node is named."""
_WAIT = 0.1
"""The same, for two nodes that need not wait for each other."""
_LONG_TOKENS = 200
"""Output tokens of an answer that may be called long."""
_LONG_SHARE = 0.3
"""Share of all output tokens from which a node is named for its answers' length."""
_ELSEWHERE = 0.3
"""Share of the time outside the models from which it is named."""
_SERVER = 0.05
"""Share of the time spent waiting for a server to answer again, from which it is named."""


def time_advice(evidence: Evidence) -> Iterator[Advice]:
    """What would make the steps shorter."""
    if evidence.slow:
        yield from _slow_node(evidence)
        yield from _waits(evidence)
        yield from _long_answers(evidence)
        yield from _elsewhere(evidence)
    yield from _server(evidence)


def _slow_node(evidence: Evidence) -> Iterator[Advice]:
    """The one prompt that keeps the step longest, and a faster model, if there is one."""
    prompts = {node.node: node for node in evidence.nodes if node.function is None}
    saved = {
        name: node.critical.saves_s
        for name, node in prompts.items()
        if node.critical is not None and node.critical.saves_s
    }
    if not saved or len(evidence.nodes) < 2:
        return
    name = max(saved, key=saved.__getitem__)
    share = saved[name] / evidence.path.seconds
    if share < _SLOW:
        return
    node = prompts[name]
    queued_s = 0.0 if node.retries or node.reused else node.waited_s
    if queued_s > node.seconds:
        helps = (
            f"Its calls took {duration(node.seconds)} and waited {duration(queued_s)} for their "
            "turn: let more of them run at once (`max_concurrency` of the model, or its limits a "
            "minute)."
        )
    else:
        helps = "A faster model or a shorter answer helps here first."
        helps += _faster_model(node, evidence)
    yield Advice(
        "slow node",
        [name],
        f"Without `{name}` a step would take {duration(_a_step(saved[name], evidence))} less of "
        f"{duration(evidence.path.mean_s or 0.0)}: the steps wait for it {percent(share)} of their "
        f"time. {helps}",
        saves_s=saved[name],
    )


def _a_step(seconds: float, evidence: Evidence) -> float:
    return seconds / max(1, evidence.path.steps)


def _faster_model(node: NodeFigures, evidence: Evidence) -> str:
    if node.latency is None:
        return ""
    others = {
        model.model: model.latency.p50_s
        for model in evidence.models
        if model.latency is not None and model.model not in node.models
    }
    fastest = min(others, key=others.__getitem__, default=None)
    if fastest is None or 2 * others[fastest] > node.latency.p50_s:
        return ""
    return (
        f" `{fastest}` answers in {duration(others[fastest])} (p50), this node in "
        f"{duration(node.latency.p50_s)}."
    )


def _waits(evidence: Evidence) -> Iterator[Advice]:
    """Nodes that wait for one whose value they do not use."""
    dependencies = evidence.dependencies
    if dependencies is None:
        return
    waits = evidence.sums.paths.waits_s
    for first, second in sorted(waits, key=lambda pair: -waits[pair])[:FEW]:
        seconds = waits[first, second]
        if seconds < _WAIT * evidence.path.seconds or not dependencies.can_part(first, second):
            continue
        recalled = first in dependencies.recalled(second)
        how = (
            "recalls it, but names its answer nowhere. If it can do without, leave it out of its "
            "`recall` (an agent that is a list recalls everything: write its nodes as a mapping)"
            if recalled
            else "is only told to come `after` it, and no memory asks for that"
        )
        yield Advice(
            "waiting",
            [first, second],
            f"`{second}` waits for `{first}`: it {how}. Side by side, a step takes "
            f"{duration(_a_step(seconds, evidence))} less.",
            saves_s=seconds,
        )


def _long_answers(evidence: Evidence) -> Iterator[Advice]:
    """A node on the critical path that writes much."""
    written = evidence.totals.usage.output_tokens
    for node in evidence.nodes:
        tokens, critical = node.usage.output_tokens, node.critical
        mean = tokens / node.calls if node.calls else 0.0
        if mean < _LONG_TOKENS or tokens < _LONG_SHARE * written or critical is None:
            continue
        if critical.share >= _LONG_SHARE:
            yield Advice(
                "long answers",
                [node.node],
                f"`{node.node}` writes {mean:,.0f} tokens an answer, {percent(tokens / written)} "
                "of all that is written, while the step waits. Time grows with length: ask for "
                "less, or set `max_tokens`. Half as long would save about half of its time.",
                saves_s=critical.saves_s and critical.saves_s / 2,
            )


def _elsewhere(evidence: Evidence) -> Iterator[Advice]:
    """Time that no model takes."""
    time = evidence.time
    if time.functions_s >= _ELSEWHERE * time.total_s:
        functions = [node for node in evidence.nodes if node.function is not None]
        slowest = max(functions, key=lambda node: node.seconds)
        yield Advice(
            "functions",
            [slowest.node],
            f"Functions take {percent(time.functions_s / time.total_s)} of the time, most of it "
            f"`{slowest.node}` ({duration(slowest.seconds)} in {slowest.calls:,} calls).",
            saves_s=slowest.critical.saves_s if slowest.critical else None,
        )
    if time.environment_s >= _ELSEWHERE * time.total_s:
        share = percent(time.environment_s / time.total_s)
        message = f"The environment takes {share} of the time. Prompts and models change nothing "
        message += "about that"
        if evidence.parallel < 2:
            message += "; several episodes at once (`--parallel`) use it better"
        yield Advice("environment", [], f"{message}.")


def _server(evidence: Evidence) -> Iterator[Advice]:
    """Calls that had to be made again, because a server could not answer."""
    totals = evidence.totals
    if totals.retries < FEW or totals.retry_wait_s < _SERVER * evidence.time.total_s:
        return
    nodes = [node.node for node in evidence.nodes if node.retries]
    reasons = [reason for name in nodes for reason in evidence.counted[name].reasons.elements()]
    reason = max(dict.fromkeys(reasons), key=reasons.count)
    yield Advice(
        "server",
        nodes,
        f"Servers could not answer at once: {totals.retries} calls were made again, after "
        f"{duration(totals.retry_wait_s)} of waiting in all (most often: {shortened(reason)}), for "
        f"{listed(nodes)}. If it is a rate limit, allow fewer calls at once or a minute.",
        saves_s=totals.retry_wait_s,
    )
