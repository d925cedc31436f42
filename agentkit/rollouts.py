"""Rollouts: an agent plays episodes of an environment, and everything is recorded."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from agentkit.about import about_run
from agentkit.agenda import Agenda, new_agenda, resumed_agenda, spent
from agentkit.agent import Agent
from agentkit.answering import Cache, Source
from agentkit.checkpoint import Checkpoint
from agentkit.environment import EnvThread
from agentkit.errors import InputError, LimitExceeded
from agentkit.events import Event
from agentkit.ledger import Ledger
from agentkit.limits import Limits
from agentkit.logs import LOG
from agentkit.models.base import Loaded
from agentkit.playing import Player
from agentkit.pricing import check_prices
from agentkit.run_folder import RunWriter
from agentkit.showing import NOT_SHOWN, Showing, as_pictures, in_a_window
from agentkit.summaries import EpisodeSummary, RunSummary
from agentkit.telemetry import episode_span


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run shall do.

    Raises:
        InputError: It has no episode, plays none at a time, its seeds are below 0 or too large, or
            it shall both be shown in a window and be recorded as pictures.
    """

    episodes: int = 1
    """How many episodes to play."""
    parallel: int = 1
    """How many of them at once."""
    seed: int = 0
    """Seed of the first episode; the next has the next number."""
    fresh: bool = False
    """Whether every episode starts from the memory's starting values."""
    limits: Limits | None = None
    """What all episodes together may use; None: what the agent says in `run_limits`."""
    allow_unknown_price: bool = False
    """Whether models of unknown price count as free under a limit on cost."""
    show: bool = False
    """Whether each environment opens a window, to be watched."""
    record: bool = False
    """Whether pictures and a film of each episode are kept in the run's folder."""

    def __post_init__(self) -> None:
        for name, value in (("episodes", self.episodes), ("parallel", self.parallel)):
            if value < 1:
                raise InputError(f"a plan with {name}={value}: expected 1 or more")
        highest = 2**63 - self.episodes  # a larger number is recorded as a text
        if not 0 <= self.seed <= highest:
            raise InputError(f"a plan with seed={self.seed}: expected 0 to {highest}")
        if self.show and self.record:
            raise InputError(
                "an environment is either shown in a window or recorded as pictures: choose one of "
                "show and record"
            )


async def rollout(
    agent: Agent,
    plan: Plan = Plan(),
    *,
    writer: RunWriter | None = None,
    on_event: Callable[[int, Event], None] | None = None,
    stop: asyncio.Event | None = None,
    cache: Cache | None = None,
    agenda: Agenda | None = None,
) -> RunSummary:
    """Play episodes.

    Args:
        agent: The agent; without an environment, an episode is one step.
        plan: How many episodes, how many at once, with which seeds.
        writer: Where to record; None records nothing. One made by `RunWriter.resume` goes on
            with its run: agent and plan are those the run was begun with, their limits aside.
        on_event: Called with the episode's number and each event.
        stop: Once set, nothing new is started and the run ends as soon as it can.
        cache: Completions of earlier runs that are taken again, such as a `CompletionFile`.
        agenda: Which episodes to play, and where each goes on; by default all that the plan says
            and that the writer's run does not have.

    Returns:
        A summary of every episode that was begun. A failed episode does not end the others.

    Raises:
        InputError: The run cannot start: an input, the environment, the memory file.
        TraceError: The run cannot be recorded.
    """
    agent.check_ready()
    _check_memory(agent, plan)
    _check_needs(agent)
    showing = _showing(agent, plan, writer)
    limits = agent.run_limits if plan.limits is None else plan.limits
    if not plan.allow_unknown_price and (agent.limits.cost_usd, limits.cost_usd) != (None, None):
        check_prices(agent.binding.nodes)
    if agenda is None:
        agenda = _agenda(agent, plan, limits, writer)
    if not plan.fresh:
        _load_memory(agent, agenda)
    if agenda.waiting:
        await _load_models(agent)
    _describe(agent, plan, writer)
    stop = stop or asyncio.Event()
    waiting = list(agenda.waiting)[::-1]
    summaries: list[EpisodeSummary] = list(agenda.settled)
    ledger = Ledger(limits, scope="run.", used=agenda.used, seconds=agenda.seconds)

    async def play_in_turn() -> None:
        with closing(EnvThread()) as thread:
            while waiting and not stop.is_set() and ledger.used_up() is None:
                index = waiting.pop()
                seed = plan.seed + index if agent.env else None
                checkpoint = await _checkpoint(agenda, index)
                source = Source(
                    cache=cache,
                    ledger=_ledger(agent.limits, ledger, checkpoint),
                    unpriced=plan.allow_unknown_price,
                )
                player = Player(
                    agent, index, seed, plan.fresh, writer, on_event, stop, thread, source,
                    checkpoint, keeps_memory=index >= agenda.last_begun,
                    showing=showing,
                )  # fmt: skip
                summaries.append(player.summary)
                with episode_span(agent.name, player.summary):
                    await player.play()

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(plan.parallel, plan.episodes)):
                tasks.create_task(play_in_turn())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    finally:
        ended = ledger.used_up() if waiting and not stop.is_set() else None
        summaries += _left_over(agenda, waiting, ended)
        summary = RunSummary(sorted(summaries, key=lambda summary: summary.episode), ended)
        if writer is not None:
            writer.summary = summary
    return summary


def _agenda(agent: Agent, plan: Plan, limits: Limits, writer: RunWriter | None) -> Agenda:
    if writer is None or writer.recorded is None:
        return new_agenda(plan.episodes)
    return resumed_agenda(agent, writer.recorded, plan.episodes, limits)


def _showing(agent: Agent, plan: Plan, writer: RunWriter | None) -> Showing:
    """How people see the environments."""
    if plan.show:
        return in_a_window(agent)
    if not plan.record:
        return NOT_SHOWN
    if writer is None:
        raise InputError("a plan with record=True keeps pictures: rollout needs a writer")
    return as_pictures(agent, writer.folder)


def _describe(agent: Agent, plan: Plan, writer: RunWriter | None) -> None:
    """Let the folder of a program's run say what commands need, to show it and go on with it."""
    if writer is not None:
        writer.describe(lambda: about_run(agent, plan))


async def _load_models(agent: Agent) -> None:
    """Import what models need before a clock runs; else the first call would look slow."""
    models: dict[int, object] = {id(bound.model): bound.model for bound in agent.binding.nodes}
    for model in models.values():
        if isinstance(model, Loaded):
            await asyncio.to_thread(model.load)


def _load_memory(agent: Agent, agenda: Agenda) -> None:
    """Begin with the memory of the record, or of the file."""
    agent.memory.load(agenda.kept, writes=agenda.writes_memory)
    if agent.memory.kept_forever and not agenda.writes_memory:
        LOG.warning("memory_not_written agent=%s", agent.name)


async def _checkpoint(agenda: Agenda, index: int) -> Checkpoint | None:
    """Where an episode goes on; its record may be long, and others play meanwhile."""
    if agenda.checkpoint is None:
        return None
    return await asyncio.to_thread(agenda.checkpoint, index)


def _left_over(
    agenda: Agenda, waiting: Sequence[int], ended: LimitExceeded | None
) -> list[EpisodeSummary]:
    """The episodes that were begun before and did not go on."""
    summaries = [agenda.begun[index][0] for index in waiting if index in agenda.begun]
    for summary in summaries:
        if ended is not None and summary.status == "interrupted":
            summary.status, summary.reason = "limit", ended.reason
    return summaries


def _ledger(limits: Limits, run: Ledger, checkpoint: Checkpoint | None) -> Ledger:
    """The account of an episode, with what was used before."""
    if checkpoint is None:
        return Ledger(limits, run)
    used = spent(checkpoint.used, len(checkpoint.outcomes))
    return Ledger(limits, run, used=used, seconds=checkpoint.seconds)


def _check_memory(agent: Agent, plan: Plan) -> None:
    """Refuse episodes at once that would pass memory on to each other."""
    outliving = agent.memory.outlives_episodes
    if plan.parallel > 1 and outliving and not plan.fresh:
        raise InputError(
            f"memory that outlives an episode ({', '.join(outliving)}) allows one episode at a "
            "time: leave --parallel out, or say --fresh to start each from the starting values"
        )


def _check_needs(agent: Agent) -> None:
    """Refuse an agent that reads what only an environment gives, and has none."""
    needed = sorted({"observation", "actions", "reward", "info"} & agent.graph.inputs)
    if agent.env is None and needed:
        raise InputError(
            f"{agent.name} reads {', '.join(needed)}, which an environment gives, and it has none: "
            "add 'env: ID' (agentkit envs lists them)"
        )
