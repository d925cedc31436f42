"""A profile in the terminal."""

from collections.abc import Iterator, Sequence
from typing import Final

from agentkit.cli.view.closing import show_facts
from agentkit.cli.view.summary import Facts
from agentkit.cli.view.terminal import Row, echo, echo_pair, echo_table, hanging
from agentkit.cli.view.words import count, money, seconds, tokens
from agentkit.profiling.figures import (
    Advice,
    CostFigures,
    CriticalFigures,
    NodeFigures,
    PrefixFigures,
    Profile,
    TimeFigures,
    Totals,
    duration,
)
from agentkit.profiling.sums import FLOORS

_SHOWN_WAIT_S: Final = 0.001
"""A shorter wait is the engine's own work."""


def show_profile(profile: Profile, top: int | None = None) -> None:
    """Print a profile.

    Args:
        profile: The profile.
        top: Only so many nodes, those that took most time.
    """
    shown = "unfinished" if profile.status == "running" else profile.status
    show_facts(f"{profile.agent}: {shown}", _facts(profile), profile.status)
    slowest = sorted(profile.nodes, key=lambda node: -node.seconds)[:top]
    chosen = {node.node for node in slowest}
    nodes = [node for node in profile.nodes if node.node in chosen]
    echo_table("Calls and their time", [_time_row(node) for node in nodes])
    if rows := [_decision_row(node) for node in nodes if node.decided]:
        echo_table("Decisions: how sure the models were", rows)
    _show_path(profile, nodes)
    _show_tokens(profile.totals, nodes)
    _show_prefixes(profile.prefix, nodes)
    _show_advice(profile.advice)


def _facts(profile: Profile) -> Facts:
    totals = profile.totals
    lines: Facts = [
        ("recorded", profile.folder),
        ("episodes", ", ".join(_episode_parts(totals))),
        ("steps", ", ".join(_step_parts(profile))),
        ("calls", ", ".join(_call_parts(totals))),
        ("tokens", tokens(totals.usage) if totals.usage.calls else "none"),
    ]
    if (lost := totals.lost) is not None:
        used = tokens(lost) if lost.input_tokens else count(lost.calls, "call")
        cost = f", cost {money(totals.lost_usd)}" if totals.lost_usd != 0 else ""
        sent = totals.unanswered + totals.retries
        answered = lost.input_tokens > 0 or lost.calls > sent
        what = "answers that do not count" if answered else "no answer came"
        lines.append(("lost", f"{used}{cost}: {what}"))
    return [*lines, ("cost", _cost(totals)), ("time", _time(profile.time, totals.wall_s))]


def _episode_parts(totals: Totals) -> Iterator[str]:
    yield count(totals.episodes, "episode")
    if totals.unfinished_episodes:
        yield f"{totals.unfinished_episodes:,} unfinished"


def _step_parts(profile: Profile) -> Iterator[str]:
    totals = profile.totals
    yield f"{totals.steps:,}"
    if totals.failed_steps:
        yield f"{totals.failed_steps:,} failed"
    if totals.unfinished_steps:
        yield f"{totals.unfinished_steps:,} unfinished"
    if profile.path.mean_s is not None:
        yield f"{duration(profile.path.mean_s)} each"


def _call_parts(totals: Totals) -> Iterator[str]:
    yield f"{totals.calls:,}"
    if totals.again:
        yield f"{totals.again:,} because an answer could not be used"
    if totals.otherwise:
        yield f"{count(totals.otherwise, 'answer')} replaced by `otherwise`"
    if totals.cut:
        yield f"{count(totals.cut, 'answer')} cut off and used"
    if totals.retries:
        waited = duration(totals.retry_wait_s)
        yield f"{totals.retries:,} because a server could not answer (waited {waited})"
    if totals.unanswered:
        yield f"{totals.unanswered:,} without an answer"
    if totals.reused:
        yield f"{count(totals.reused, 'answer')} reused"
    if totals.functions:
        yield f"{count(totals.functions, 'function call')}"


def _cost(totals: Totals) -> str:
    if not totals.unpriced:
        return money(totals.cost_usd)
    return f"unknown: there is no price for {', '.join(totals.unpriced)}"


def _time(time: TimeFigures, wall_s: float) -> str:
    if not time.total_s:
        return seconds(wall_s)
    parts = {
        "models": time.models_s,
        "functions": time.functions_s,
        "environment": time.environment_s,
        "engine": time.engine_s,
    }
    shares = {who: part / time.total_s for who, part in parts.items()}
    split = ", ".join(f"{who} {part:.0%}" for who, part in shares.items() if part >= 0.005)
    return f"{seconds(wall_s)}: {split}"


def _time_row(node: NodeFigures) -> Row:
    latency = node.latency
    return {
        "node": node.node,
        "calls": f"{node.calls:,}",
        "again": _if_any(node.again),
        "reused": _if_any(node.reused),
        "skipped": _if_any(node.skipped),
        "no value": _if_any(node.failed + node.cancelled),
        "p50": duration(latency.p50_s) if latency else "",
        "p95": duration(latency.p95_s) if latency else "",
        "max": duration(latency.max_s) if latency else "",
        "waited": duration(node.waited_s) if node.waited_s >= _SHOWN_WAIT_S else "",
        "time": _share(node.share),
    }


def _decision_row(node: NodeFigures) -> Row:
    return {
        "node": node.node,
        "decided": f"{node.decided:,}",
        "entropy": "" if node.entropy_bits is None else f"{node.entropy_bits:.2f} bits",
        "unsure": _if_any(node.unsure),
        "of them": _share(node.unsure / node.decided) if node.unsure else "",
    }


def _show_path(profile: Profile, nodes: Sequence[NodeFigures]) -> None:
    path = profile.path
    chosen = [(node.node, node.critical) for node in nodes if node.critical is not None]
    if not chosen or path.mean_s is None:
        return
    how = "" if path.known else " (from the times alone: the graph is not known)"
    title = f"Critical path: what a step of {duration(path.mean_s)} waits for{how}"
    chosen.sort(key=lambda one: -one[1].seconds)
    rows = [_path_row(name, critical, path.steps) for name, critical in chosen]
    on_it = sum(node.critical.seconds for node in profile.nodes if node.critical)
    between = max(0.0, path.seconds - on_it)
    of_the_time = _share(between / path.seconds if path.seconds else None)
    a_step = duration(between / path.steps)
    rows.append({"node": "between nodes", "a step": a_step, "of the time": of_the_time})
    echo_table(title, rows)


def _path_row(name: str, critical: CriticalFigures, steps: int) -> Row:
    saves_s, slack_s, on_it = critical.saves_s, critical.slack_s, critical.steps > 0
    always = on_it and critical.step_share > 0.995
    return {
        "node": name,
        "on it": _share(critical.step_share) if on_it else "never",
        "a step": duration(critical.seconds / steps) if on_it else "",
        "of the time": _share(critical.share) if on_it else "",
        "saves": "" if saves_s is None or not on_it else duration(saves_s / steps),
        "slack": "" if slack_s is None or always else duration(slack_s),
    }


def _show_tokens(totals: Totals, nodes: Sequence[NodeFigures]) -> None:
    if not totals.usage.input_tokens and not totals.usage.output_tokens and not totals.cost_usd:
        return
    asked = [node for node in nodes if node.usage.calls]
    rows = [_token_row(node.node, node, node.cost_share) for node in asked]
    rows.append(_token_row("all", totals, None))
    if totals.cost_usd == 0 or all(node.cost_usd is None for node in asked):
        rows = [{**row, "USD": "", "of the cost": ""} for row in rows]
    echo_table("Tokens and money", rows)


def _token_row(name: str, said: NodeFigures | Totals, cost_share: float | None) -> Row:
    usage = said.usage
    cached = usage.cached_tokens / usage.input_tokens if usage.input_tokens else None
    return {
        "node": name,
        "in": f"{usage.input_tokens:,}",
        "cached": _share(cached),
        "out": f"{usage.output_tokens:,}",
        "USD": "unknown" if said.cost_usd is None else f"{said.cost_usd:,.4f}",
        "of the cost": _share(cost_share),
    }


def _show_prefixes(of_all: PrefixFigures, nodes: Sequence[NodeFigures]) -> None:
    rows = [_prefix_row(node.node, node.prefix) for node in nodes if node.prefix is not None]
    if rows:
        title = "Beginnings: how much of the input extends an earlier request of the episode"
        echo_table(title, [*rows, _prefix_row("all", of_all)])


def _prefix_row(name: str, prefix: PrefixFigures) -> Row:
    place = max(prefix.differs_in, key=prefix.differs_in.__getitem__, default="")
    part = prefix.differs_in.get(place, 0) / max(1, prefix.requests)
    return {
        "node": name,
        "requests": f"{prefix.requests:,}",
        "input": f"{prefix.input_tokens:,}",
        "extends": _share(prefix.share),
        **{f"{floor:,}+": _of_input(prefix, floor) for floor in FLOORS[::2]},
        "cached": _share(prefix.reported_share),
        "differs first in": place if part > 0.995 else f"{place} ({part:.0%})",
    }


def show_costs(profile: Profile, model: str, costs: Sequence[CostFigures]) -> None:
    """Print what a step would cost with a model."""
    prefix, steps = profile.prefix, max(1, profile.totals.steps)
    rows = [
        {
            "what a server keeps": one.keeps,
            "cached": _share(one.cached_tokens / max(1, prefix.input_tokens)),
            "USD a step": f"{one.step_usd:,.5f}",
            "the run": f"{one.cost_usd:,.2f}",
        }
        for one in costs
    ]
    echo_table(
        f"With {model}: {prefix.input_tokens / steps:,.0f} tokens in and "
        f"{prefix.answered_tokens / steps:,.0f} out a step, estimated",
        rows,
    )


def _show_advice(advice: Sequence[Advice]) -> None:
    if advice:
        echo("\nWhat would help", bold=True)
    for number, one in enumerate(advice, 1):
        mark = f"{number}. "
        text = hanging(f"{one.text}{_gain(one)}", 2 + len(mark))
        echo_pair(mark, text, before="  ", fg="yellow")


def _gain(advice: Advice) -> str:
    """What it would gain, in brackets: ` [saves 12 s, 30 calls]`."""
    parts = []
    if advice.saves_s:
        parts.append(duration(advice.saves_s))
    if advice.saves_usd:
        parts.append(money(advice.saves_usd))
    if advice.saves_calls:
        parts.append(count(advice.saves_calls, "call"))
    return f" [saves {', '.join(parts)}]" if parts else ""


def _of_input(prefix: PrefixFigures, floor: int) -> str:
    return _share(prefix.from_floor[floor] / prefix.input_tokens if prefix.input_tokens else None)


def _if_any(number: int) -> str:
    return f"{number:,}" if number else ""


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
