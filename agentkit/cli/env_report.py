"""What the environment of a run says of its episodes, such as a score and the data it is of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from agentkit.agent import Agent
from agentkit.cli.view.terminal import echo
from agentkit.environments.estimates import Estimate, estimate
from agentkit.environments.failure import env_error
from agentkit.environments.make import CUT_OFF, env_report
from agentkit.errors import EnvError, InputError
from agentkit.plugins import registered_id
from agentkit.record.reader import Run
from agentkit.record.run_folder import RunWriter
from agentkit.record.summaries import EpisodeSummary, RunSummary


@dataclass(frozen=True, slots=True)
class Report:
    """What an environment says of episodes, and what was measured in them."""

    lines: Mapping[str, str] = field(default_factory=dict)
    """Texts by label."""
    numbers: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """By name: `value`, `low` and `high` (95%) and over how many `episodes`."""
    by_episode: Mapping[int, Mapping[str, float]] = field(default_factory=dict)
    """The same of each episode alone, as far as it is known; `run.json` does not keep it."""

    def kept(self) -> dict[str, Any]:
        """Return what `run.json` keeps of it."""
        return {"report": dict(self.lines), "numbers": dict(self.numbers)}


def finish(writer: RunWriter, agent: Agent, status: str, summary: RunSummary) -> Report:
    """Write how a run ended, and what its environment says, which may be gone later.

    Args:
        writer: The writer of the run.
        agent: The agent that played.
        status: How it ended.
        summary: How its episodes went.

    Returns:
        What the environment says.
    """
    said = None
    try:
        said = _report(None if agent.env is None else agent.env.id, summary.episodes)
    finally:  # a report takes a moment, in which somebody may press Ctrl-C
        kept = {} if said is None else said.kept()
        writer.finish(status, summary.totals() | kept)
    return said or Report()


def recorded_report(run: Run, episodes: Sequence[EpisodeSummary]) -> Report:
    """What a recorded run said at its end; of one that did not end, what is to be said now."""
    totals, env = run.about.get("totals"), run.about.get("env")
    kept = (totals or {}).get("report")
    if isinstance(kept, dict) and run.about.get("status") != "running":
        numbers = (totals or {}).get("numbers")
        lines = {label: str(text) for label, text in kept.items()}
        return Report(lines, numbers if isinstance(numbers, dict) else {})
    return _report(None if env is None else env["id"], episodes) or Report()


def _report(env_id: str | None, episodes: Sequence[EpisodeSummary]) -> Report | None:
    """What the environment says; None where it cannot say it here: a note says why.

    Args:
        env_id: The environment; None if there is none.
        episodes: The episodes; those that were not begun are left out.
    """
    begun = [episode for episode in episodes if episode.seed is not None]
    if env_id is None or not begun:
        return Report()
    try:
        said = _said(env_id, [_last_info(episode) for episode in begun])
        alone = {one.episode: _said(env_id, [_last_info(one)]) for one in begun}
    except (InputError, EnvError) as error:
        echo(f"note: what the environment says of the episodes is not shown: {error}", err=True)
        return None
    returns = estimate(fmean, [episode.reward for episode in begun])
    return Report(
        {label: str(one) for label, one in said.items()},
        {"return": returns.as_dict()}
        | {name: one.as_dict() for name, one in _measured(said).items()},
        {
            number: {name: one.value for name, one in _measured(of_one).items()}
            for number, of_one in alone.items()
        },
    )


def _measured(said: Mapping[str, str | Estimate]) -> dict[str, Estimate]:
    """What of it are numbers, by names as programs have them."""
    return {
        label.lower().replace(" ", "_"): one
        for label, one in said.items()
        if isinstance(one, Estimate)
    }


def _last_info(episode: EpisodeSummary) -> Mapping[str, Any]:
    """What the environment said last, marked where the episode might have gone on."""
    of_run = episode.status == "limit" and episode.reason.startswith("run.")
    cut_off = of_run or episode.status == "interrupted"
    return {**episode.info, CUT_OFF: True} if cut_off else episode.info


def _said(env_id: str, infos: Sequence[Mapping[str, Any]]) -> Mapping[str, str | Estimate]:
    import gymnasium

    env_id = registered_id(env_id)
    if env_id not in gymnasium.registry:
        raise InputError(f"'{env_id}' is not installed here")
    try:
        return env_report(env_id, infos)
    except InputError:
        raise
    except Exception as error:
        raise env_error(error, f"the report of '{env_id}'") from error
