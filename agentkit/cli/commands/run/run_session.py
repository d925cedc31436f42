"""One run in the terminal: load, play, record, and say how it went."""

import shlex
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agentkit.agent import Agent
from agentkit.cli.app import INTERRUPTED, Mistake
from agentkit.cli.arguments import from_here, load, run_folder
from agentkit.cli.commands.run.from_option import find_origin
from agentkit.cli.commands.run.notes import memory_note, notes, run_title
from agentkit.cli.env_report import Report, finish
from agentkit.cli.imports import given_imports
from agentkit.cli.play_run import choose_progress, play_run
from agentkit.cli.run_options import RunOptions, option_of
from agentkit.cli.view import closing, summary
from agentkit.cli.view.progress import Progress
from agentkit.cli.view.run_view import RunView
from agentkit.cli.view.terminal import echo
from agentkit.errors import InputError, TraceError
from agentkit.execution.decisions import check_decisions
from agentkit.models.base import check_ready_models
from agentkit.record.run_folder import RunWriter
from agentkit.rollouts.metadata import about_run
from agentkit.rollouts.plan import Plan
from agentkit.rollouts.resume import ResumePlan, make_resume_plan

if TYPE_CHECKING:
    from agentkit.execution.completion_file import CompletionFile

EXIT_CODES: Final = {"done": 0, "failed": 1, "limit": 3, "interrupted": INTERRUPTED}
"""The exit code of each way to end."""


def run_agent(name: str, chosen: RunOptions) -> int:
    """Load an agent, play and record a run, and say how it went; returns the exit code.

    Args:
        name: The agent's file, or its name.
        chosen: What else the command line asks for.

    Raises:
        InputError: The agent cannot be loaded, or the run cannot start.
        TraceError: The run cannot be recorded.
    """
    model, memory, place = chosen.model, chosen.memory, chosen.place
    agent, path = load(name, model, chosen.inputs, memory)
    agent = chosen.limit(agent)
    agent.check_ready()
    check_decisions(agent.binding.prompts)
    if chosen.cache is None:  # a cache may have every answer
        check_ready_models(agent.binding.asked)
    for note in notes(agent, path):
        echo(note, err=True)
    if memory is not None and not agent.memory.kept_forever:
        echo(f"note: --memory {memory} is not used: {agent.name} keeps nothing forever", err=True)
    origin = None if place is None else find_origin(agent, place)
    if origin is not None and model is None and (note := origin.other_models(agent)):
        echo(f"note: {note}", err=True)
    plan = Plan(
        chosen.episodes, chosen.parallel, origin.seed if origin else chosen.seed, chosen.fresh,
        allow_unknown_price=chosen.allow_unknown_price, show=chosen.show, record=chosen.record,
    )  # fmt: skip
    about = about_run(agent, plan, path, from_here(model))
    if origin is not None:
        about["from"] = {**origin.about, "writes_memory": memory is not None}
    with RunWriter(run_folder(agent.name, chosen.out), about) as writer:
        resume_plan = None
        if origin is not None:
            try:
                begun = origin.begin(writer)
                resume_plan = make_resume_plan(agent, begun, plan.episodes, agent.run_limits)
            except BaseException:
                writer.discard()
                raise
            resume_plan.writes_memory = memory is not None
            for note in memory_note(agent, chosen.fresh, resume_plan):
                echo(note, err=True)
        return play_recorded(
            agent, plan, writer, RunView.of(agent, plan, resume_plan), chosen, resume_plan
        )


def play_recorded(
    agent: Agent,
    plan: Plan,
    writer: RunWriter,
    run_view: RunView,
    chosen: RunOptions,
    resume_plan: ResumePlan | None = None,
) -> int:
    """Play and record a run, or what is left of it, and say how it went.

    Returns:
        The exit code.

    Raises:
        InputError: The run cannot start.
        TraceError: The run cannot be recorded.
    """
    progress = choose_progress(run_view, run_title(agent))
    mistake = None
    try:
        stopped = _play(agent, plan, writer, run_view, progress, resume_plan, chosen.cache)
    except InputError as error:
        if not any(one.begun and not one.earlier for one in run_view.episodes.values()):
            writer.discard()
            raise
        mistake, stopped = error, False
    status = run_view.status(stopped) if mistake is None else "failed"
    said = finish(writer, agent, status, run_view.summary)
    _say_why(run_view, progress, mistake)
    _close(agent, run_view, said, writer.folder, chosen, status)
    return EXIT_CODES[status] if mistake is None else Mistake.exit_code


def _play(
    agent: Agent,
    plan: Plan,
    writer: RunWriter,
    run_view: RunView,
    progress: Progress,
    resume_plan: ResumePlan | None,
    cache: Path | None,
) -> bool:
    """Play the run; of one that cannot be recorded any more, say how to go on with it."""
    try:
        with _opened(cache, progress) as file:
            return play_run(agent, plan, writer, run_view, progress, resume_plan, file)
    except TraceError:
        echo(f"what was reached until then lies in {writer.folder}", err=True)
        echo(f"to go on: {resume_command(writer.folder)}", err=True)
        raise


def _opened(
    path: Path | None, progress: Progress
) -> AbstractContextManager["CompletionFile | None"]:
    """The cache file, if one is wanted."""
    if path is None:
        return nullcontext()
    from agentkit.execution.completion_file import CompletionFile

    return CompletionFile(path, progress.say)


def resume_command(folder: Path, *options: str) -> str:
    """The command that goes on with a run, with higher limits if some are named."""
    more = [word for option in options if option for word in (option, "MORE")]
    return shlex.join(["agentkit", "run", "--resume", str(folder), *more, *given_imports()])


def _going_on(run_view: RunView, folder: Path, status: str) -> str | None:
    """The command that goes on with what a run left."""
    option = option_of(run_view.reached.limit) if run_view.reached else ""
    if status == "done" or (status == "limit" and not option):
        return None
    left = [one for one in run_view.episodes.values() if one.summary.status != "done"]
    if len(run_view.episodes) == run_view.planned and left and all(one.stuck for one in left):
        # The recorded action comes again, and so does the error of the environment.
        last = left[-1].summary
        place = f"{folder}:{last.episode}:{last.steps}"
        return shlex.join(["agentkit", "run", "AGENT", "--from", place, *given_imports()])
    return resume_command(folder, option)


def _say_why(run_view: RunView, progress: Progress, mistake: InputError | None) -> None:
    """Say what failed, unless the progress did."""
    if not progress.tells_endings:
        closing.show_failures(run_view)
    reasons = [episode.summary.reason for episode in run_view.episodes.values()]
    if mistake is not None and not any(str(mistake) in reason for reason in reasons):
        echo(f"error: {mistake}", err=True)


def _close(
    agent: Agent,
    run_view: RunView,
    said: Report,
    folder: Path,
    chosen: RunOptions,
    status: str,
) -> None:
    """Say how the run ended."""
    if chosen.as_json:
        closing.print_json(summary.machine(run_view, agent, said, folder, status))
        return
    lines = summary.facts(run_view, said.lines, folder)
    if command := _going_on(run_view, folder, status):
        lines.append(("go on with", command))
    headline = summary.headline(run_view, agent.name, status)
    closing.show_answers(run_view)
    closing.show_facts(headline, lines, status)
    if chosen.picture is not None:
        from agentkit.cli.view.picture import save_picture

        words = f"agentkit run {agent.name} --seed {chosen.seed}"
        save_picture(chosen.picture, words, run_title(agent), run_view, headline, lines, status)
