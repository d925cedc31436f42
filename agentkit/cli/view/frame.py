"""One frame of the live view, from the view."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from agentkit.cli.view.episode_view import EpisodeView, NodeState
from agentkit.cli.view.limit_lines import limits_left
from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.summary import unusable_facts
from agentkit.cli.view.terminal import rich_text
from agentkit.cli.view.words import (
    colour,
    money,
    one_line,
    score,
    seconds,
    spoken,
    tokens,
)

_MARKS: Final[dict[NodeState, tuple[str, str]]] = {
    "waiting": ("·", "dim"),
    "running": ("▸", "bold yellow"),
    "done": ("✓", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "bold red"),
}
_WIDEST_LINE: Final = 400
_CUT: Final[dict[str, Any]] = {"no_wrap": True, "overflow": "ellipsis"}
"""How a text is shown that must stay on one line."""


def frame(run_view: RunView, title: str, height: int) -> RenderableType:
    """The whole picture, at most `height` lines high."""
    parts: list[RenderableType]
    if run_view.planned == 1:
        parts = _single(run_view, run_view.episodes.get(0))
    else:
        parts = _several(run_view, height - 6)
    if run_view.notice:
        parts.append(rich_text(run_view.notice, "bold yellow"))
    elapsed = Text(seconds(run_view.elapsed_s), "dim")
    return Panel(
        Group(*parts),
        title=rich_text(title, "bold"),
        title_align="left",
        subtitle=elapsed,
        subtitle_align="right",
        box=box.ROUNDED,
        border_style="blue",
        padding=(0, 1),
    )


def _single(run_view: RunView, episode: EpisodeView | None) -> list[RenderableType]:
    if episode is None or (run_view.limits.steps is None and not episode.nodes):
        return [Text("starting ...", "dim")]
    return [node_grid(episode), facts_grid(_facts(run_view, episode))]


def facts_grid(lines: Iterable[tuple[str, RenderableType]]) -> Table:
    """Labels with their values beside them."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="cyan", no_wrap=True)
    grid.add_column(ratio=1, overflow="fold")
    for label, value in lines:
        grid.add_row(rich_text(label), value)
    return grid


def _facts(run_view: RunView, episode: EpisodeView) -> list[tuple[str, RenderableType]]:
    summary = episode.summary
    facts: list[tuple[str, RenderableType]] = []
    for node, value in episode.thoughts:
        facts.append((node, rich_text(one_line(spoken(value), _WIDEST_LINE), "italic", **_CUT)))
    if summary.seed is not None:
        facts.append(("step", _steps(run_view, episode)))
        if summary.action is not None:
            facts.append(("action", _line(summary.action)))
        facts.append(("return", Text(_return(episode), "bold")))
    if (made := episode.achievements) is not None:
        newest = ", ".join(reversed(episode.newest[-3:]))
        text = f"{len(made)} of {episode.achievable}" + (f"  newest: {newest}" if newest else "")
        facts.append(("achievements", rich_text(text, "bold", **_CUT)))
    facts.append(("tokens", Text(tokens(episode.usage))))
    facts.append(("cost", Text(money(episode.usage.cost_usd))))
    facts += [(what, Text(said, "yellow")) for what, said in unusable_facts([summary])]
    if left := limits_left(run_view.limits, episode.used, leave_out="steps"):
        facts.append(("limits", Text(left)))
    if left := limits_left(run_view.run_limits, run_view.used):
        facts.append(("of the run", Text(left)))
    return facts


def _return(episode: EpisodeView) -> str:
    """The sum of the rewards, and the last one."""
    last = episode.reward
    plus = "+" if last and last > 0 else ""
    return score(episode.summary.reward) + (f"  ({plus}{score(last)})" if last else "")


def _steps(run_view: RunView, episode: EpisodeView) -> RenderableType:
    done = episode.summary.steps
    ticks = episode.game_steps
    text = f"{done:,}"
    limit = run_view.limits.steps
    if limit is not None:
        text += f" of {limit:,} ({limit - done:,} left)"
    if ticks is not None:
        text += f"   game step {ticks:,}"
    if limit is None:
        return Text(text, "bold")
    row = Table.grid(padding=(0, 2))
    row.add_row(Text(text, "bold"), ProgressBar(limit, done, width=24))
    return row


def _line(text: str) -> Text:
    return rich_text(one_line(text, _WIDEST_LINE), **_CUT)


def node_grid(episode: EpisodeView) -> RenderableType:
    """Every node with the mark of its state, side by side."""
    states = episode.nodes or dict.fromkeys(episode.names, "waiting")
    cells = []
    for name, state in states.items():
        mark, style = _MARKS[state]
        cells.append(rich_text(f"{mark} {name}", style, no_wrap=True))
    return Columns(cells, padding=(0, 2), equal=True, column_first=False)


def _several(run_view: RunView, rows: int) -> list[RenderableType]:
    """A row for each running episode, the last that ended, and the sums."""
    episodes = [run_view.episodes[i] for i in sorted(run_view.episodes)]
    running = [e for e in episodes if e.running]
    ended = [e for e in episodes if not e.running]
    shown = sorted(
        [*ended[-max(rows - len(running), 0) :], *running][-max(rows, 1) :]
        if rows > len(running)
        else running[: max(rows, 1)],
        key=lambda e: e.summary.episode,
    )
    table = Table(box=None, padding=(0, 1), expand=True, header_style="cyan")
    table.add_column("episode", justify="right", no_wrap=True)
    table.add_column("seed", justify="right", no_wrap=True)
    table.add_column("step", justify="right", no_wrap=True)
    table.add_column("nodes", no_wrap=True)
    table.add_column("action", no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column("return", justify="right", no_wrap=True)
    if any(e.achievements is not None for e in episodes):
        table.add_column("made", justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    with_made = len(table.columns) == 8
    for episode in shown:
        table.add_row(*_row(episode, with_made))
    summary = run_view.summary
    returns = [e.summary.reward for e in ended if e.summary.seed is not None]
    mean = f"   mean return {score(sum(returns) / len(returns))}" if returns else ""
    sums = Text(
        f"{len(ended)} of {run_view.planned} episodes ended{mean}   "
        f"tokens {tokens(summary.usage)}   cost {money(summary.cost_usd)}"
    )
    lines: list[RenderableType] = [table, sums]
    for what, said in unusable_facts(summary.episodes):
        lines.append(Text(f"{what} {said}", "yellow"))
    if left := limits_left(run_view.run_limits, run_view.used):
        lines.append(Text(f"limits of the run: {left}"))
    return lines


def _row(episode: EpisodeView, with_made: bool) -> Sequence[RenderableType]:
    summary = episode.summary
    seed = "" if summary.seed is None else str(summary.seed)
    state = "running" if episode.running else summary.status
    cells: list[RenderableType] = [
        str(summary.episode),
        seed,
        f"{summary.steps:,}",
        _marks(episode),
        _line(summary.action or ""),
        score(summary.reward),
    ]
    if with_made:
        made = episode.achievements
        cells.append("" if made is None else f"{len(made)} of {episode.achievable}")
    cells.append(Text(state, "" if episode.running else colour(state)))
    return cells


def _marks(episode: EpisodeView) -> Text:
    """The states of all nodes as one mark each."""
    text = Text()
    for state in episode.nodes.values():
        text.append(*_MARKS[state])
    return text
