"""From the sums to the figures."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import ceil

from agentkit.errors import InputError
from agentkit.messages import NOTHING_USED, Usage
from agentkit.models.base import Model, cost_of
from agentkit.profiling.advice import advise
from agentkit.profiling.figures import (
    CostFigures,
    CriticalFigures,
    Latency,
    ModelFigures,
    NodeFigures,
    PathFigures,
    PrefixFigures,
    Profile,
    TimeFigures,
    Totals,
)
from agentkit.profiling.paths import PathFinder, recorded_graph
from agentkit.profiling.reading import EpisodeReader
from agentkit.profiling.sums import (
    CHARACTERS_PER_TOKEN,
    FLOORS,
    CallSums,
    NodeSums,
    PathSums,
    PrefixSums,
    RunSums,
)
from agentkit.program.argument_kinds import check_given
from agentkit.record.episode_state import covered_s
from agentkit.record.reader import Run


def profile_run(run: Run, episodes: Sequence[int] | None = None) -> Profile:
    """Where time and money of a recorded run went.

    Args:
        run: The run; it may be unfinished.
        episodes: Only these; None takes all.

    Raises:
        TraceError: The record is damaged.
    """
    check_given("run", run, Run, "a Run, such as load_run('runs/first')")
    paths = PathFinder(recorded_graph(run.about))
    sums = RunSums()
    for episode in run.episodes if episodes is None else episodes:
        sums.absorb(EpisodeReader(paths).read(run.lines(episode)))
    agent = run.about.get("agent") or {}
    builder = _Builder(sums, paths.order)
    profile = Profile(
        str(run.folder),
        agent.get("name", "?") if isinstance(agent, dict) else str(agent),
        str(run.about.get("status", "?")),
        builder.totals(),
        TimeFigures(**{f"{who}_s": sums.seconds.get(who, 0.0) for who in _WORKERS}),
        builder.nodes(),
        builder.models(),
        builder.path(),
        builder.prefix(),
        (),
    )
    return replace(profile, advice=advise(profile, sums))


def estimate_costs(profile: Profile, model: Model) -> list[CostFigures]:
    """Return what the run's requests would cost with a model: nothing kept, and ever more.

    Tokens are estimated from the texts, at four characters each.

    Args:
        profile: The profile.
        model: The model. Nothing is sent.

    Raises:
        InputError: The model's price is unknown.
    """
    prefix, steps = profile.prefix, max(1, profile.totals.steps)
    kept = {"nothing": 0}
    kept |= {f"from {floor:,} tokens on": tokens for floor, tokens in prefix.from_floor.items()}
    kept["every whole block"] = prefix.repeated_tokens
    found = []
    for keeps, cached in kept.items():
        usage = Usage(prefix.input_tokens, prefix.answered_tokens, cached, prefix.requests)
        cost_usd = cost_of(model, usage)
        if cost_usd is None:
            raise InputError(f"the price of {model.name} is not in the table of known models")
        found.append(CostFigures(keeps, cached, cost_usd, cost_usd / steps))
    return found


_WORKERS = ("models", "functions", "environment", "engine")


class _Builder:
    def __init__(self, sums: RunSums, order: Sequence[str]) -> None:
        self._sums = sums
        self._known = bool(order)
        rank, last = {name: i for i, name in enumerate(order)}, len(order)
        self._nodes = sorted(
            sums.nodes.values(),
            key=lambda node: (rank.get(node.name.removesuffix(".*"), last), len(node.name)),
        )
        self._models: defaultdict[str, CallSums] = defaultdict(CallSums)
        for node in self._nodes:
            for model, calls in node.calls.items():
                self._models[model].absorb(calls)
        self._functions = self._models.pop("", CallSums())
        asked = _merged(self._models.values())
        self._usage = asked.usage
        self._seconds = sum(asked.latencies) + sum(self._functions.latencies)

    def totals(self) -> Totals:
        sums, nodes, usage = self._sums, self._nodes, self._usage
        unpriced = [model for model, calls in self._models.items() if calls.usage.cost_usd is None]
        return Totals(
            episodes=sums.episodes,
            unfinished_episodes=sums.unfinished,
            steps=sums.steps,
            failed_steps=sums.failed_steps,
            unfinished_steps=sums.cut_steps,
            calls=usage.calls,
            functions=len(self._functions.latencies),
            again=sum(node.again for node in nodes),
            otherwise=sum(node.otherwise for node in nodes),
            cut=sum(node.cut for node in nodes),
            retries=sum(node.retries for node in nodes),
            retry_wait_s=sum(node.retry_wait_s for node in nodes),
            waited_s=sum(node.waited_s for node in nodes),
            reused=sum(node.reused for node in nodes),
            unanswered=sum(node.unanswered for node in nodes),
            usage=usage,
            lost=None if sums.lost == NOTHING_USED else sums.lost,
            lost_usd=sums.lost.cost_usd,
            cost_usd=usage.cost_usd if usage.calls or sums.lost.cost_usd is not None else None,
            unpriced=sorted(unpriced),
            wall_s=covered_s(sums.spans),
        )

    def nodes(self) -> list[NodeFigures]:
        return [self._node(node) for node in self._nodes]

    def _node(self, node: NodeSums) -> NodeFigures:
        calls, of_all = _merged(node.calls.values()), self._usage.cost_usd
        usage, seconds = calls.usage, sum(calls.latencies)
        share = usage.cost_usd / of_all if of_all and usage.cost_usd is not None else None
        return NodeFigures(
            node=node.name,
            function=node.function or None,
            models=[model for model in node.calls if model],
            steps=node.steps,
            skipped=node.skipped,
            otherwise=node.otherwise,
            cut=node.cut,
            failed=node.failed,
            cancelled=node.cancelled,
            calls=len(calls.latencies) if node.function else usage.calls,
            again=node.again,
            decided=node.decided,
            entropy_bits=node.entropy_bits / node.decided if node.decided else None,
            unsure=node.unsure,
            reused=node.reused,
            unanswered=node.unanswered,
            retries=node.retries,
            retry_wait_s=node.retry_wait_s,
            waited_s=node.waited_s,
            usage=usage,
            cost_usd=usage.cost_usd,
            cost_share=share,
            seconds=seconds,
            share=seconds / self._seconds if self._seconds else None,
            latency=_latency(calls),
            prefix=_prefix(node.prefix, usage) if node.prefix.requests else None,
            critical=_critical(node.name, self._sums.paths, self._known),
        )

    def models(self) -> list[ModelFigures]:
        found = [
            ModelFigures(
                model,
                calls.usage.calls,
                calls.usage,
                calls.usage.cost_usd,
                sum(calls.latencies),
                _latency(calls),
            )
            for model, calls in self._models.items()
        ]
        return sorted(found, key=lambda model: -model.seconds)

    def path(self) -> PathFigures:
        paths = self._sums.paths
        return PathFigures(
            paths.steps,
            paths.seconds,
            paths.seconds / paths.steps if paths.steps else None,
            self._known,
            sorted(paths.path_s, key=lambda name: -paths.path_s[name]),
        )

    def prefix(self) -> PrefixFigures:
        whole = PrefixSums()
        for node in self._nodes:
            whole.absorb(node.prefix)
        return _prefix(whole, self._usage)


def _merged(calls: Iterable[CallSums]) -> CallSums:
    whole = CallSums()
    for one in calls:
        whole.absorb(one)
    return whole


def _latency(calls: CallSums) -> Latency | None:
    latencies = sorted(calls.latencies)
    if not latencies:
        return None
    return Latency(_quantile(latencies, 0.5), _quantile(latencies, 0.95), latencies[-1])


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that is at least as large as this share of all."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def _prefix(sums: PrefixSums, usage: Usage) -> PrefixFigures:
    return PrefixFigures(
        sums.requests,
        sums.characters // CHARACTERS_PER_TOKEN,
        sums.repeated // CHARACTERS_PER_TOKEN,
        {floor: sums.from_floor[floor] // CHARACTERS_PER_TOKEN for floor in FLOORS},
        sums.answered // CHARACTERS_PER_TOKEN,
        sums.repeated / sums.characters if sums.characters else None,
        usage.cached_tokens / usage.input_tokens if usage.input_tokens else None,
        dict(sums.differs_in.most_common()),
    )


def _critical(name: str, paths: PathSums, known: bool) -> CriticalFigures | None:
    """None for a node that never ran in a finished step."""
    if not paths.steps or (not paths.ran[name] and not paths.on_path[name]):
        return None
    seconds, ran = paths.path_s.get(name, 0.0), paths.ran[name]
    slack_s = paths.slack_s.get(name, 0.0)
    return CriticalFigures(
        paths.on_path[name],
        paths.on_path[name] / paths.steps,
        seconds,
        seconds / paths.seconds if paths.seconds else 0.0,
        paths.saves_s.get(name, 0.0) if known else None,
        max(0.0, slack_s / ran) if known and ran else None,
    )
