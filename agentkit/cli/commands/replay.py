"""`agentkit replay`: play a recorded run again, without a model, and compare."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from agentkit.cli import options
from agentkit.cli.app import INTERRUPTED
from agentkit.cli.arguments import open_run, run_folder
from agentkit.cli.view.terminal import echo, echo_facts
from agentkit.cli.view.words import count
from agentkit.errors import InputError

if TYPE_CHECKING:
    from agentkit.cli.env_report import Report
    from agentkit.record.reader import Run
    from agentkit.rollouts.replay import Comparison


@click.command("replay")
@click.argument("run", metavar="RUN", type=options.FILE)
@click.option(
    "--parallel",
    metavar="N",
    type=click.IntRange(1),
    help="How many episodes at once; as many as the run did by default.",
)
@click.option(
    "--out",
    metavar="FOLDER",
    type=options.FILE,
    help="The folder to record the replay in; runs/... by default.",
)
@options.show
@options.record
@options.imports
@click.pass_context
def command(
    ctx: click.Context,
    /,
    run: Path,
    parallel: int | None,
    out: Path | None,
    show: bool,
    record: bool,
) -> None:
    """Play a recorded RUN (a folder) again from its recorded answers.

    No model is asked and no memory file is written. The replay is recorded in a folder of its
    own and held against the record, event by event: it says that both are the same, or where they
    first differ, and what the environment says of the replayed episodes. What a run that ended
    early left unfinished is not compared.

    \b
    Examples:
      agentkit replay runs/20260131-120000-crafter
      agentkit replay runs/20260131-120000-crafter --out again
      agentkit replay runs/20260131-120000-crafter --record

    Exit codes: 0 the same, 1 different, 2 something in the command or the record is wrong.
    """
    options.check_show_or_record(show, record)
    ctx.exit(replay_run(run, parallel, out, show, record))


def replay_run(
    folder: Path, parallel: int | None, out: Path | None, show: bool, record: bool
) -> int:
    """Replay a run and compare; returns the exit code.

    Args:
        folder: The run's folder.
        parallel: How many episodes at once; None: as many as before.
        out: The folder of the replay.
        show: Whether a window shows each environment.
        record: Whether pictures are kept.

    Raises:
        InputError: The folder is no run, its agent cannot be made again, or there is nothing to
            see of it.
        TraceError: The record is damaged, or the replay cannot be recorded.
    """
    from agentkit.cli.env_report import finish
    from agentkit.cli.play_run import choose_progress, play_run
    from agentkit.cli.view.run_view import RunView
    from agentkit.record.reader import load_run
    from agentkit.record.run_folder import RunWriter
    from agentkit.rollouts.metadata import about_run
    from agentkit.rollouts.recorded_setup import changes, recorded_agent, recorded_plan
    from agentkit.rollouts.replay import Replay

    run = open_run(folder)
    if not run.episodes:
        raise InputError(f"{folder} has no episode to replay")
    agent, plan = recorded_agent(run), recorded_plan(run)
    for change in changes(run):
        echo(f"note: {change}", err=True)
    plan = replace(plan, parallel=parallel or plan.parallel, show=show, record=record)
    rerun = Replay(run, agent, plan)
    kept = {name: run.about[name] for name in ("agent", "models") if name in run.about}
    about = {**about_run(agent, plan), **kept, "replay_of": str(folder)}
    with RunWriter(run_folder(f"{agent.name}-replay", out), about) as writer:
        resume_plan = rerun.resume_plan(writer)
        run_view = RunView.of(rerun.agent, rerun.plan, resume_plan)
        progress = choose_progress(run_view, f"{agent.name} · replay of {folder}, no model")
        try:
            stopped = play_run(rerun.agent, rerun.plan, writer, run_view, progress, resume_plan)
        except InputError:
            if not any(episode.begun for episode in run_view.episodes.values()):
                writer.discard()
            raise
        said = finish(writer, agent, run_view.status(stopped), run_view.summary)
    if stopped:
        echo("stopped: nothing was compared", err=True)
        return INTERRUPTED
    return _say(run, writer.folder, rerun.compare(load_run(writer.folder)), said)


def _say(run: "Run", folder: Path, comparison: "Comparison", said: "Report") -> int:
    from agentkit.cli.view.summary import film_facts

    for episode, why in comparison.left_out.items():
        echo(f"note: episode {episode}: {why}; what came then is not compared", err=True)
    if comparison.difference is not None:
        echo(f"not the same as {run.folder}:\n{comparison.difference}")
    else:
        sizes = (
            count(comparison.episodes, "episode"),
            count(comparison.steps, "step"),
            count(comparison.events, "event"),
        )
        echo(f"the same run as {run.folder}: {', '.join(sizes)}")
    echo_facts([*said.lines.items(), *film_facts(folder)])
    echo(f"the replay lies in {folder}", err=True)
    return 0 if comparison.difference is None else 1
