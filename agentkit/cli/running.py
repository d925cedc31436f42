"""What `agentkit run` does: load, play, record, and say how it went."""

import shlex
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agentkit.about import about_run
from agentkit.agenda import Agenda, resumed_agenda
from agentkit.agent import Agent
from agentkit.cli.app import INTERRUPTED, Mistake
from agentkit.cli.arguments import from_here, load
from agentkit.cli.forking import find_origin
from agentkit.cli.limits import Budget, more_option
from agentkit.cli.notes import memory_note, notes, run_title
from agentkit.cli.recording import run_folder
from agentkit.cli.reporting import finish
from agentkit.cli.view import closing, summary
from agentkit.cli.view.board import Board
from agentkit.cli.view.progress import Progress, choose
from agentkit.cli.view.terminal import echo
from agentkit.cli.watching import play
from agentkit.errors import InputError, TraceError
from agentkit.rollouts import Plan
from agentkit.run_folder import RunWriter

if TYPE_CHECKING:
    from agentkit.cache import CompletionFile

EXIT_CODES: Final = {"done": 0, "failed": 1, "limit": 3, "interrupted": INTERRUPTED}
"""The exit code of each way to end."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asks for."""

    episodes: int
    parallel: int
    seed: int
    steps: int | None
    budget: Budget
    allow_unknown_price: bool
    fresh: bool
    out: Path | None
    as_json: bool
    picture: Path | None
    cache: Path | None
    show: bool
    record: bool


def run_agent(
    name: str,
    model: str | None,
    inputs: Sequence[str],
    memory: Path | None,
    wishes: Wishes,
    place: str | None = None,
) -> int:
    """Load an agent, play and record a run, and say how it went; returns the exit code.

    Args:
        name: The agent's file, or its name.
        model: A model that answers every node.
        inputs: The inputs, as `name=value`.
        memory: The file of the memory kept forever.
        wishes: What else the command line asks for.
        place: The recorded step to go on from, as `RUN:EPISODE:STEP`.

    Raises:
        InputError: The agent cannot be loaded, or the run cannot start.
        TraceError: The run cannot be recorded.
    """
    agent, path = load(name, model, inputs, memory)
    agent = limited(agent, wishes)
    agent.check_ready()
    for note in notes(agent, path):
        echo(note, err=True)
    if memory is not None and not agent.memory.kept_forever:
        echo(f"note: --memory {memory} is not used: {agent.name} keeps nothing forever", err=True)
    origin = None if place is None else find_origin(agent, place)
    if origin is not None and model is None and (note := origin.other_models(agent)):
        echo(f"note: {note}", err=True)
    plan = Plan(
        wishes.episodes, wishes.parallel, origin.seed if origin else wishes.seed, wishes.fresh,
        allow_unknown_price=wishes.allow_unknown_price, show=wishes.show, record=wishes.record,
    )  # fmt: skip
    about = about_run(agent, plan, path, from_here(model))
    if origin is not None:
        about["from"] = {**origin.about, "writes_memory": memory is not None}
    with RunWriter(run_folder(agent.name, wishes.out), about) as writer:
        agenda = None
        if origin is not None:
            agenda = resumed_agenda(agent, origin.begin(writer), plan.episodes, agent.run_limits)
            agenda.writes_memory = memory is not None
            for note in memory_note(agent, wishes.fresh, agenda):
                echo(note, err=True)
        return play_recorded(agent, plan, writer, make_board(agent, plan, agenda), wishes, agenda)


def make_board(agent: Agent, plan: Plan, agenda: Agenda | None = None) -> Board:
    """The board of a run, with what it did before if it goes on."""
    names = [node.name for node in agent.graph.nodes]
    board = Board(names, plan.episodes, agent.limits, agent.run_limits)
    if agenda is None:
        return board
    board.started_s -= agenda.seconds
    board.copied_steps = agenda.copied_steps
    for ended in agenda.settled:
        board.take_up(ended)
    for stopped, finished_steps in agenda.begun.values():
        board.take_up(stopped, finished_steps)
    return board


def limited(agent: Agent, wishes: Wishes) -> Agent:
    """The agent with the limits that the command line gives.

    Raises:
        InputError: A limit does not suit it.
    """
    limits, run_limits = agent.limits, wishes.budget.over(agent.run_limits)
    for option, steps in (("--steps", wishes.steps), ("--budget-steps", wishes.budget.steps)):
        if steps is not None and agent.env is None:
            raise InputError(f"{option} counts decisions in an environment; {agent.name} has none")
    if wishes.steps is not None:
        limits = replace(limits, steps=wishes.steps)
    if (limits, run_limits) == (agent.limits, agent.run_limits):
        return agent
    return agent.replace(limits=limits, run_limits=run_limits)


def play_recorded(
    agent: Agent,
    plan: Plan,
    writer: RunWriter,
    board: Board,
    wishes: Wishes,
    agenda: Agenda | None = None,
) -> int:
    """Play and record a run, or what is left of it, and say how it went.

    Returns:
        The exit code.

    Raises:
        InputError: The run cannot start.
        TraceError: The run cannot be recorded.
    """
    progress = choose(board, run_title(agent))
    mistake = None
    try:
        stopped = _play(agent, plan, writer, board, progress, agenda, wishes.cache)
    except InputError as error:
        if not any(one.begun and not one.earlier for one in board.episodes.values()):
            writer.discard()
            raise
        mistake, stopped = error, False
    status = board.status(stopped) if mistake is None else "failed"
    said = finish(writer, agent, status, board.summary)
    _say_why(board, progress, mistake)
    _close(agent, board, said, writer.folder, wishes, status)
    return EXIT_CODES[status] if mistake is None else Mistake.exit_code


def _play(
    agent: Agent,
    plan: Plan,
    writer: RunWriter,
    board: Board,
    progress: Progress,
    agenda: Agenda | None,
    cache: Path | None,
) -> bool:
    """Play the run; of one that cannot be recorded any more, say how to go on with it."""
    try:
        with _opened(cache, progress) as file:
            return play(agent, plan, writer, board, progress, agenda, file)
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
    from agentkit.cache import CompletionFile

    return CompletionFile(path, progress.say)


def resume_command(folder: Path, *options: str) -> str:
    """The command that goes on with a run, with higher limits if some are named."""
    more = [word for option in options if option for word in (option, "MORE")]
    return shlex.join(["agentkit", "run", "--resume", str(folder), *more])


def _going_on(board: Board, folder: Path, status: str) -> str | None:
    """The command that goes on with what a run left."""
    option = more_option(board.reached)
    if status == "done" or (status == "limit" and not option):
        return None
    left = [one for one in board.episodes.values() if one.summary.status != "done"]
    if len(board.episodes) == board.planned and left and all(one.stuck for one in left):
        # The recorded action comes again, and so does the error of the environment.
        last = left[-1].summary
        return f"agentkit run AGENT --from {shlex.quote(str(folder))}:{last.episode}:{last.steps}"
    return resume_command(folder, option)


def _say_why(board: Board, progress: Progress, mistake: InputError | None) -> None:
    """Say what failed, unless the progress did."""
    if not progress.tells_endings:
        closing.show_failures(board)
    reasons = [episode.summary.reason for episode in board.episodes.values()]
    if mistake is not None and not any(str(mistake) in reason for reason in reasons):
        echo(f"error: {mistake}", err=True)


def _close(
    agent: Agent, board: Board, said: Mapping[str, str], folder: Path, wishes: Wishes, status: str
) -> None:
    """Say how the run ended."""
    if wishes.as_json:
        closing.print_json(summary.machine(board, agent, said, folder, status))
        return
    lines = summary.facts(board, said, folder)
    if command := _going_on(board, folder, status):
        lines.append(("go on with", command))
    headline = summary.headline(board, agent.name, status)
    closing.show_answers(board)
    closing.show_facts(headline, lines, status)
    if wishes.picture is not None:
        from agentkit.cli.view.picture import save_picture

        words = f"agentkit run {agent.name} --seed {wishes.seed}"
        save_picture(wishes.picture, words, run_title(agent), board, headline, lines, status)
