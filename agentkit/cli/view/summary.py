"""What a run comes to, at its end: the same facts for people and for machines."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentkit.cli.env_report import Report
from agentkit.cli.view.episode_view import EpisodeView
from agentkit.cli.view.limit_lines import reached
from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.words import count, money, score, seconds, tokens, unusable
from agentkit.environments.recorder import films
from agentkit.record.summaries import EpisodeSummary

if TYPE_CHECKING:
    from agentkit.agent import Agent

Facts = list[tuple[str, str]]
"""Labels and values, in the order they are shown."""


_ENDINGS: Final = {
    "done": "done",
    "limit": "stopped by a limit",
    "failed": "failed",
    "interrupted": "interrupted",
}


def facts(run_view: RunView, report: Mapping[str, str], folder: Path) -> Facts:
    """The lines of the summary."""
    episodes = [run_view.episodes[i] for i in sorted(run_view.episodes)]
    summary = run_view.summary
    lines: Facts = []
    if len(episodes) == 1:
        lines += _of_one(episodes[0], report)
    else:
        returns = [e.summary.reward for e in episodes if e.summary.seed is not None]
        mean = f" (mean return {score(sum(returns) / len(returns))})" if returns else ""
        lines.append(("episodes", f"{len(episodes):,} of {run_view.planned:,}{mean}"))
    lines += report.items()
    if any(e.summary.seed is not None for e in episodes):
        lines.append(("decisions", _decisions(episodes)))
    lines += [
        ("tokens", tokens(summary.usage)),
        ("cost", money(summary.cost_usd)),
        *unusable_facts(summary.episodes),
        ("time", seconds(run_view.elapsed_s)),
        *_limit(run_view),
        ("recorded", str(folder)),
        *film_facts(folder),
    ]
    return lines


def unusable_facts(episodes: Sequence[EpisodeSummary]) -> Facts:
    """What became of answers that could not be used, if there were some."""
    said = unusable(*episodes)
    facts: Facts = [("unusable", said)] if said else []
    if number := sum(one.unsure for one in episodes):
        facts.append(("unsure", f"{count(number, 'decision')}, then asked of another model"))
    return facts


def film_facts(folder: Path) -> Facts:
    """Where the films of a run are, if it has some."""
    found = films(folder)
    if not found:
        return []
    if len(found) == 1:
        return [("film", f"{found[0]} (open it in a browser)")]
    return [("films", f"{len(found):,} in {found[0].parent} (open them in a browser)")]


def _limit(run_view: RunView) -> Facts:
    """What ended the run, if a limit did."""
    limit = run_view.reached
    if limit is None:
        return []
    ended = [episode for episode in run_view.episodes.values() if episode.limit is not None]
    of_run = limit.limit.startswith("run.") or not ended
    return [("limit", reached(limit, run_view.used if of_run else ended[0].used))]


def _of_one(episode: EpisodeView, report: Mapping[str, str]) -> Facts:
    lines: Facts = []
    if episode.summary.seed is None:
        return lines
    lines.append(("return", score(episode.summary.reward)))
    if (made := episode.achievements) is not None and "achievements" not in report:
        listed = f": {', '.join(made)}" if made else ""
        lines.append(("achievements", f"{len(made)} of {episode.achievable}{listed}"))
    return lines


def _decisions(episodes: list[EpisodeView]) -> str:
    decisions = sum(e.summary.steps for e in episodes)
    ticks = [e.game_steps for e in episodes if e.game_steps is not None]
    text = f"{decisions:,}"
    return f"{text} in {count(sum(ticks), 'game step')}" if ticks else text


def headline(run_view: RunView, name: str, status: str) -> str:
    """How the run ended, in one line."""
    episodes = list(run_view.episodes.values())
    if len(episodes) == 1 and episodes[0].summary.status == status != "failed":
        return f"{name}: {episodes[0].outcome}"
    counts = Counter(_ending(episode) for episode in episodes)
    words = ", ".join(f"{number:,} {ending}" for ending, number in counts.items())
    said = f" ({words})" if counts.keys() - {_ENDINGS[status]} else ""
    return f"{name}: {_ENDINGS[status]}{said}"


def _ending(episode: EpisodeView) -> str:
    at_steps = episode.summary.status == "done" and episode.limit is not None
    return episode.summary.reason if at_steps else _ENDINGS[episode.summary.status]


def machine(
    run_view: RunView, agent: "Agent", report: Report, folder: Path, status: str
) -> dict[str, Any]:
    """The object that `--json` prints."""
    return {
        "status": status,
        "folder": str(folder),
        "agent": agent.name,
        "env": agent.env.id if agent.env else None,
        "episodes": [_episode(run_view.episodes[i], report) for i in sorted(run_view.episodes)],
        "totals": run_view.summary.totals() | {"seconds": run_view.elapsed_s},
        "limit": _machine_limit(run_view),
        **report.kept(),
        "films": list(map(str, films(folder))),
    }


def _machine_limit(run_view: RunView) -> dict[str, Any] | None:
    limit = run_view.reached
    if limit is None:
        return None
    return {"name": limit.limit, "value": limit.value, "why": limit.why}


def _episode(episode: EpisodeView, report: Report) -> dict[str, Any]:
    entry = episode.summary.as_dict()
    entry["numbers"] = {
        "return": episode.summary.reward,
        **report.by_episode.get(episode.summary.episode, {}),
    }
    info = entry.pop("info")
    entry["info"] = {k: v for k, v in info.items() if k != "actions"}
    if episode.failures:
        entry["failures"] = dict(episode.failures)
    if episode.summary.seed is None:
        entry["values"] = episode.values
    if episode.probabilities:
        entry["probabilities"] = episode.probabilities
    return entry
