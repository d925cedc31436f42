"""What the environment of a run says of its episodes, such as a score and the data it is of."""

from collections.abc import Mapping, Sequence
from typing import Any

from agentkit.agent import Agent
from agentkit.cli.view.terminal import echo
from agentkit.environments.failure import env_error
from agentkit.environments.make import CUT_OFF, env_report
from agentkit.errors import EnvError, InputError
from agentkit.plugins import missing_package, registered_id
from agentkit.record.reader import Run
from agentkit.record.run_folder import RunWriter
from agentkit.record.summaries import EpisodeSummary, RunSummary


def finish(writer: RunWriter, agent: Agent, status: str, summary: RunSummary) -> Mapping[str, str]:
    """Write how a run ended, and what its environment says, which may be gone later.

    Args:
        writer: The writer of the run.
        agent: The agent that played.
        status: How it ended.
        summary: How its episodes went.

    Returns:
        What the environment says, by label.
    """
    said = None
    try:
        said = _report(None if agent.env is None else agent.env.id, summary.episodes)
    finally:  # a report takes a moment, in which somebody may press Ctrl-C
        kept = {} if said is None else {"report": dict(said)}
        writer.finish(status, summary.totals() | kept)
    return said or {}


def recorded_report(run: Run, episodes: Sequence[EpisodeSummary]) -> Mapping[str, str]:
    """What a recorded run said at its end; of one that did not end, what is to be said now."""
    totals, env = run.about.get("totals"), run.about.get("env")
    kept = totals.get("report") if isinstance(totals, dict) else None
    if isinstance(kept, dict) and run.about.get("status") != "running":
        return {label: str(text) for label, text in kept.items()}
    return _report(str(env.get("id")) if isinstance(env, dict) else None, episodes) or {}


def _report(env_id: str | None, episodes: Sequence[EpisodeSummary]) -> Mapping[str, str] | None:
    """The environment's lines by label; None where it cannot say them here: a note says why.

    Args:
        env_id: The environment; None if there is none.
        episodes: The episodes; those that were not begun are left out.
    """
    infos = [_last_info(episode) for episode in episodes if episode.seed is not None]
    if env_id is None or not infos:
        return {}
    try:
        return _lines(env_id, infos)
    except (InputError, EnvError) as error:
        echo(f"note: what the environment says of the episodes is not shown: {error}", err=True)
        return None


def _last_info(episode: EpisodeSummary) -> Mapping[str, Any]:
    """What the environment said last, marked where the episode might have gone on."""
    of_run = episode.status == "limit" and episode.reason.startswith("run.")
    cut_off = of_run or episode.status == "interrupted"
    return {**episode.info, CUT_OFF: True} if cut_off else episode.info


def _lines(env_id: str, infos: Sequence[Mapping[str, Any]]) -> Mapping[str, str]:
    import gymnasium

    env_id = registered_id(env_id)
    if env_id not in gymnasium.registry:
        raise InputError(f"'{env_id}' is not installed here")
    try:
        return env_report(env_id, infos)
    except ImportError as error:
        module = str(gymnasium.spec(env_id).entry_point).partition(":")[0]
        raise missing_package(f"'{env_id}'", module, error) from error
    except Exception as error:
        raise env_error(error, f"the report of '{env_id}'") from error
