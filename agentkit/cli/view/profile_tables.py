"""A profile in the terminal."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, Final

from agentkit.cli.view.closing import show_facts
from agentkit.cli.view.summary import Facts
from agentkit.cli.view.tables import show_table
from agentkit.cli.view.terminal import echo, rich_text
from agentkit.cli.view.words import count, money, seconds, tokens
from agentkit.messages import Usage
from agentkit.profiling.figures import (
    Advice,
    CriticalFigures,
    NodeFigures,
    Profile,
    TimeFigures,
    Totals,
)
from agentkit.profiling.phrases import duration

_STATUS: Final = {"done": "done", "limit": "limit", "failed": "failed"}
"""How the headline is coloured; every other status counts as interrupted."""


def show_profile(profile: Profile, top: int | None = None, console: Any = None) -> None:
    """Print a profile.

    Args:
        profile: The profile.
        top: Only so many nodes, those that took most time.
        console: Where to draw; by default stdout.
    """
    status = _STATUS.get(profile.status, "interrupted")
    shown = "unfinished" if profile.status == "running" else profile.status
    show_facts(f"{profile.agent}: {shown}", _facts(profile), status, console)
    nodes = _chosen(profile.nodes, top)
    show_table("Calls and their time", _TIME_HEADERS, [_time_row(n) for n in nodes], console)
    _show_path(profile, nodes, console)
    _show_tokens(profile, nodes, console)
    _show_prefixes(profile, nodes, console)
    _show_advice(profile.advice, console)


def _show_tokens(profile: Profile, nodes: Sequence[NodeFigures], console: Any) -> None:
    totals = profile.totals
    if not totals.usage.input_tokens and not totals.usage.output_tokens and not totals.cost_usd:
        return
    rows = [_token_row(node.node, node, node.cost_share) for node in nodes if node.usage.calls]
    rows.append(_token_row("all", totals, None))
    if totals.cost_usd == 0 or all(node.cost_usd is None for node in nodes if node.usage.calls):
        rows = [[*row[:-2], "", ""] for row in rows]
    show_table("Tokens and money", _TOKEN_HEADERS, rows, console)


def _show_prefixes(profile: Profile, nodes: Sequence[NodeFigures], console: Any) -> None:
    rows = [_prefix_row(node.node, node) for node in nodes if node.prefix is not None]
    if rows:
        rows.append(_prefix_row("all", profile))
        title = "Beginnings: how much of the input extends an earlier request of the episode"
        show_table(title, _PREFIX_HEADERS, rows, console)


def _chosen(nodes: Sequence[NodeFigures], top: int | None) -> Sequence[NodeFigures]:
    if top is None:
        return nodes
    slowest = sorted(nodes, key=lambda node: -node.seconds)[:top]
    return [node for node in nodes if node in slowest]


def _facts(profile: Profile) -> Facts:
    totals = profile.totals
    lines: Facts = [
        ("recorded", profile.folder),
        ("episodes", _with(count(totals.episodes, "episode"), _episode_parts(totals))),
        ("steps", _with(f"{totals.steps:,}", _step_parts(profile))),
        ("calls", _with(f"{totals.calls:,}", _call_parts(totals))),
        ("tokens", tokens(totals.usage) if totals.usage.calls else "none"),
    ]
    if totals.lost is not None:
        cost = f", cost {money(totals.lost_usd)}" if totals.lost_usd != 0 else ""
        sent = totals.unanswered + totals.retries
        answered = totals.lost.input_tokens > 0 or totals.lost.calls > sent
        what = "answers that do not count" if answered else "no answer came"
        lines.append(("lost", f"{_used(totals.lost)}{cost}: {what}"))
    return [*lines, ("cost", _cost(totals)), ("time", _time(profile.time, totals.wall_s))]


def _used(usage: Usage) -> str:
    """`3 calls`, or the tokens too, where they are known."""
    return tokens(usage) if usage.input_tokens else count(usage.calls, "call")


def _with(text: str, parts: Iterator[str]) -> str:
    return ", ".join([text, *parts])


def _episode_parts(totals: Totals) -> Iterator[str]:
    if totals.unfinished_episodes:
        yield f"{totals.unfinished_episodes:,} unfinished"


def _step_parts(profile: Profile) -> Iterator[str]:
    totals = profile.totals
    if totals.failed_steps:
        yield f"{totals.failed_steps:,} failed"
    if totals.unfinished_steps:
        yield f"{totals.unfinished_steps:,} unfinished"
    if profile.path.mean_s is not None:
        yield f"{duration(profile.path.mean_s)} each"


def _call_parts(totals: Totals) -> Iterator[str]:
    if totals.again:
        yield f"{totals.again:,} because an answer could not be used"
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


_TIME_HEADERS: Final = (
    "node", "calls", "again", "reused", "skipped", "no value", "p50", "p95", "max", "waited", "time"
)  # fmt: skip


_SHOWN_WAIT_S: Final = 0.001
"""A shorter wait is the engine's own work."""


def _time_row(node: NodeFigures) -> list[str]:
    latency = node.latency
    rarities = (node.again, node.reused, node.skipped, node.failed + node.cancelled)
    latencies = (latency.p50_s, latency.p95_s, latency.max_s) if latency else ()
    return [
        node.node,
        f"{node.calls:,}",
        *(f"{number:,}" if number else "" for number in rarities),
        *(map(duration, latencies) if latencies else ("", "", "")),
        duration(node.waited_s) if node.waited_s >= _SHOWN_WAIT_S else "",
        share(node.share),
    ]


_TOKEN_HEADERS: Final = ("node", "in", "cached", "out", "USD", "of the cost")


def _token_row(name: str, said: NodeFigures | Totals, cost_share: float | None) -> list[str]:
    usage = said.usage
    cached = usage.cached_tokens / usage.input_tokens if usage.input_tokens else None
    return [
        name,
        f"{usage.input_tokens:,}",
        share(cached),
        f"{usage.output_tokens:,}",
        "unknown" if said.cost_usd is None else f"{said.cost_usd:,.4f}",
        share(cost_share),
    ]


_PATH_HEADERS: Final = ("node", "on it", "a step", "of the time", "saves", "slack")


def _show_path(profile: Profile, nodes: Sequence[NodeFigures], console: Any) -> None:
    path = profile.path
    chosen = sorted(
        (node for node in nodes if node.critical is not None),
        key=lambda node: -node.critical.seconds if node.critical else 0.0,
    )
    if not chosen or path.mean_s is None:
        return
    how = "" if path.known else " (from the times alone: the graph is not known)"
    title = f"Critical path: what a step of {duration(path.mean_s)} waits for{how}"
    rows = [_path_row(node.node, node.critical, path.steps) for node in chosen if node.critical]
    on_it = sum(node.critical.seconds for node in profile.nodes if node.critical)
    between = max(0.0, path.seconds - on_it)
    rows.append(["between nodes", "", *_of_time(between, path.steps, path.seconds), "", ""])
    show_table(title, _PATH_HEADERS, rows, console)


def _path_row(name: str, critical: CriticalFigures, steps: int) -> list[str]:
    saves_s, slack_s, always = critical.saves_s, critical.slack_s, critical.step_share > 0.995
    if not critical.steps:
        return [name, "never", "", "", "", "" if slack_s is None else duration(slack_s)]
    return [
        name,
        share(critical.step_share),
        duration(critical.seconds / steps),
        share(critical.share),
        "" if saves_s is None else duration(saves_s / steps),
        "" if slack_s is None or always else duration(slack_s),
    ]


def _of_time(part_s: float, steps: int, whole_s: float) -> tuple[str, str]:
    return duration(part_s / steps), share(part_s / whole_s if whole_s else None)


_PREFIX_HEADERS: Final = ("node", "requests", "input", "extends", "cached", "differs first in")


def _prefix_row(name: str, said: NodeFigures | Profile) -> list[str]:
    prefix = said.prefix
    if prefix is None:
        return [name, "", "", "", "", ""]
    place = max(prefix.differs_in, key=prefix.differs_in.__getitem__, default="")
    part = prefix.differs_in.get(place, 0) / max(1, prefix.requests)
    cached = prefix.reported_share
    return [
        name,
        f"{prefix.requests:,}",
        f"{prefix.input_tokens:,}",
        share(prefix.share),
        share(cached) if cached is not None else "",
        place if part > 0.995 else f"{place} ({part:.0%})",
    ]


def _show_advice(advice: Sequence[Advice], console: Any) -> None:
    if not advice:
        return
    if console is None and not sys.stdout.isatty():
        echo("\nWhat would help")
        for number, one in enumerate(advice, 1):
            echo(f"  {number}. {one.text}{gain(one)}")
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False)
    table.add_column(style="yellow", justify="right")
    table.add_column(ratio=1, overflow="fold")
    for number, one in enumerate(advice, 1):
        table.add_row(f"{number}.", rich_text(one.text).append(gain(one), "green"))
    console = console or Console()
    console.print(rich_text("\nWhat would help", "bold"))
    console.print(table)


def gain(advice: Advice) -> str:
    """What it would gain, in brackets: ` [saves 12 s, 30 calls]`."""
    parts = []
    if advice.saves_s:
        parts.append(duration(advice.saves_s))
    if advice.saves_usd:
        parts.append(money(advice.saves_usd))
    if advice.saves_calls:
        parts.append(count(advice.saves_calls, "call"))
    return f" [saves {', '.join(parts)}]" if parts else ""


def share(value: float | None) -> str:
    """A share as a percentage."""
    return "" if value is None else f"{value:.0%}"
