"""What `agentkit run --resume` does: the agent of a recorded run goes on with it."""

from dataclasses import replace
from pathlib import Path

from agentkit.agenda import Agenda, resumed_agenda
from agentkit.agent import Agent
from agentkit.cli.arguments import open_run
from agentkit.cli.limits import option_of
from agentkit.cli.notes import memory_note
from agentkit.cli.reporting import finish, recorded_report
from agentkit.cli.running import (
    EXIT_CODES,
    Wishes,
    limited,
    make_board,
    play_recorded,
    resume_command,
)
from agentkit.cli.view import closing, summary
from agentkit.cli.view.board import Board
from agentkit.cli.view.terminal import echo
from agentkit.forking import check_copied
from agentkit.reading import Run, load_run
from agentkit.recorded import changes, check_models, recorded_agent, recorded_plan
from agentkit.run_folder import RunWriter
from agentkit.summaries import RunSummary


def resume_run(folder: Path, parallel: int | None, wishes: Wishes) -> int:
    """Go on with a run, and say how it went; returns the exit code.

    Args:
        folder: The run's folder.
        parallel: How many episodes at once; None: as many as before.
        wishes: What the command line asks for: limits in place of the recorded ones.

    Raises:
        InputError: The folder is no run, or its agent cannot work here.
        TraceError: The record is damaged, or another process writes it.
    """
    run = open_run(folder)
    check_copied(run)
    agent = limited(recorded_agent(run), wishes)
    check_models(agent, run)
    plan = recorded_plan(run)
    unpriced = plan.allow_unknown_price or wishes.allow_unknown_price
    plan = replace(
        plan, parallel=parallel or plan.parallel, allow_unknown_price=unpriced,
        show=wishes.show, record=plan.record or wishes.record,
    )  # fmt: skip
    limits = {"episode": agent.limits, "run": agent.run_limits}
    with RunWriter.resume(run, {"limits": limits, "plan": plan}) as writer:
        try:
            agenda = resumed_agenda(agent, run, plan.episodes, agent.run_limits)
        except BaseException:
            writer.discard()
            raise
        board = make_board(agent, plan, agenda)
        if not agenda.waiting:
            return _end_again(run, writer, agent, agenda, board, wishes.as_json)
        for change in changes(run):
            echo(f"note: {change}", err=True)
        for note in memory_note(agent, plan.fresh, agenda):
            echo(note, err=True)
        _say_what_is_left(folder, agenda)
        return play_recorded(agent, plan, writer, board, wishes, agenda)


def _end_again(
    run: Run, writer: RunWriter, agent: Agent, agenda: Agenda, board: Board, as_json: bool
) -> int:
    """Nothing is left to play: say how the run ended; returns the exit code."""
    recorded = run if writer.recorded is None else writer.recorded
    if recorded.about.get("status") == "running":  # killed when all was done
        ended = RunSummary(agenda.settled)
        finish(writer, agent, ended.status, ended)
    else:
        writer.discard()
    status = _nothing_left(run, agenda)
    if as_json:
        board.seconds = agenda.seconds
        said = recorded_report(load_run(run.folder), agenda.settled)
        closing.print_json(summary.machine(board, agent, said, run.folder, status))
    return EXIT_CODES[status]


def _say_what_is_left(folder: Path, agenda: Agenda) -> None:
    stopped, new = len(agenda.begun), len(agenda.waiting) - len(agenda.begun)
    steps = sum(summary.steps for summary, _ in agenda.begun.values())
    words = [
        f"{len(agenda.settled)} finished" if agenda.settled else "",
        f"{stopped} stopped, after {steps:,} steps in all" if stopped else "",
        f"{new} not begun" if new else "",
    ]
    listed = "; ".join(word for word in words if word)
    echo(f"going on with {folder}: episodes: {listed}", err=True)


def _nothing_left(run: Run, agenda: Agenda) -> str:
    """Every episode has ended: say so, and how the run ended."""
    ended = [summary for summary in agenda.settled if summary.status == "limit"]
    if ended:
        reasons = "; ".join(dict.fromkeys(summary.reason for summary in ended))
        options = {option_of(summary.reason.split(":")[0]) for summary in ended} - {""}
        raised = f". To go on: {resume_command(run.folder, *sorted(options))}" if options else ""
        echo(f"nothing to resume: {run.folder} ended at a limit ({reasons}){raised}", err=True)
        return "limit"
    echo(f"nothing to resume: every episode of {run.folder} is done", err=True)
    return "done"
