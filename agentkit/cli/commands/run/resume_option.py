"""`agentkit run --resume`: the agent of a recorded run goes on with it."""

from dataclasses import replace
from pathlib import Path

from agentkit.agent import Agent
from agentkit.cli.arguments import open_run
from agentkit.cli.commands.run.notes import memory_note
from agentkit.cli.commands.run.run_session import (
    EXIT_CODES,
    play_recorded,
    resume_command,
)
from agentkit.cli.env_report import finish, recorded_report
from agentkit.cli.run_options import RunOptions, option_of
from agentkit.cli.view import closing, summary
from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.terminal import echo
from agentkit.record.reader import Run, load_run
from agentkit.record.run_folder import RunWriter
from agentkit.record.summaries import RunSummary
from agentkit.rollouts.fork import check_copied
from agentkit.rollouts.recorded_setup import changes, check_models, recorded_agent, recorded_plan
from agentkit.rollouts.resume import ResumePlan, make_resume_plan


def resume_run(folder: Path, parallel: int | None, chosen: RunOptions) -> int:
    """Go on with a run, and say how it went; returns the exit code.

    Args:
        folder: The run's folder.
        parallel: How many episodes at once; None: as many as before.
        chosen: What the command line asks for: limits in place of the recorded ones.

    Raises:
        InputError: The folder is no run, or its agent cannot work here.
        TraceError: The record is damaged, or another process writes it.
    """
    run = open_run(folder)
    check_copied(run)
    agent = chosen.limit(recorded_agent(run))
    check_models(agent, run)
    plan = recorded_plan(run)
    unpriced = plan.allow_unknown_price or chosen.allow_unknown_price
    plan = replace(
        plan, parallel=parallel or plan.parallel, allow_unknown_price=unpriced,
        show=chosen.show, record=plan.record or chosen.record,
    )  # fmt: skip
    limits = {"episode": agent.limits, "run": agent.run_limits}
    with RunWriter.resume(run, {"limits": limits, "plan": plan}) as writer:
        try:
            resume_plan = make_resume_plan(agent, run, plan.episodes, agent.run_limits)
        except BaseException:
            writer.discard()
            raise
        run_view = RunView.of(agent, plan, resume_plan)
        if not resume_plan.waiting:
            return _end_again(run, writer, agent, resume_plan, run_view, chosen.as_json)
        for change in changes(run):
            echo(f"note: {change}", err=True)
        for note in memory_note(agent, plan.fresh, resume_plan):
            echo(note, err=True)
        _say_what_is_left(folder, resume_plan)
        return play_recorded(agent, plan, writer, run_view, chosen, resume_plan)


def _end_again(
    run: Run,
    writer: RunWriter,
    agent: Agent,
    resume_plan: ResumePlan,
    run_view: RunView,
    as_json: bool,
) -> int:
    """Nothing is left to play: say how the run ended; returns the exit code."""
    recorded = run if writer.recorded is None else writer.recorded
    ended = RunSummary(resume_plan.settled)
    if recorded.about.get("status") != ended.status:  # killed when all was done, or a closed pipe
        finish(writer, agent, ended.status, ended)
    else:
        writer.discard()
    status = _nothing_left(run, agent, resume_plan)
    if as_json:
        run_view.seconds = resume_plan.seconds
        said = recorded_report(load_run(run.folder), resume_plan.settled)
        closing.print_json(summary.machine(run_view, agent, said, run.folder, status))
    return EXIT_CODES[status]


def _say_what_is_left(folder: Path, resume_plan: ResumePlan) -> None:
    stopped, new = len(resume_plan.begun), len(resume_plan.waiting) - len(resume_plan.begun)
    steps = sum(summary.steps for summary, _ in resume_plan.begun.values())
    words = [
        f"{len(resume_plan.settled)} finished" if resume_plan.settled else "",
        f"{stopped} stopped, after {steps:,} steps in all" if stopped else "",
        f"{new} not begun" if new else "",
    ]
    listed = "; ".join(word for word in words if word)
    echo(f"going on with {folder}: episodes: {listed}", err=True)


def _nothing_left(run: Run, agent: Agent, resume_plan: ResumePlan) -> str:
    """Every episode has ended: say so, and how the run ended."""
    ended = [summary for summary in resume_plan.settled if summary.status == "limit"]
    if ended:
        reasons = "; ".join(dict.fromkeys(summary.reason for summary in ended))
        options = {option_of(summary.reason.split(":")[0]) for summary in ended} - {""}
        raised = f". To go on: {resume_command(run.folder, *sorted(options))}" if options else ""
        echo(f"nothing to resume: {run.folder} ended at a limit ({reasons}){raised}", err=True)
        return "limit"
    steps = agent.limits.steps
    raised = ""
    if steps is not None and any(summary.steps == steps for summary in resume_plan.settled):
        raised = f". To go on after {steps:,} steps: {resume_command(run.folder, '--steps')}"
    echo(f"nothing to resume: every episode of {run.folder} is done{raised}", err=True)
    return "done"
