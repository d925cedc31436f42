"""Rollouts: an agent plays episodes of an environment, and everything is recorded."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import Any

from agentkit import loop
from agentkit.agent import Agent
from agentkit.environments.make import EnvThread
from agentkit.environments.render_mode import NOT_RENDERED, RenderTarget, as_pictures, in_a_window
from agentkit.errors import InputError, LimitExceeded, advice
from agentkit.events import Event
from agentkit.execution.budget import Budget
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.decisions import check_decisions
from agentkit.limits import Limits, Spent
from agentkit.models.base import Cache, Loaded, check_ready_models
from agentkit.models.prices import check_prices
from agentkit.observability.logs import LOG
from agentkit.observability.telemetry import episode_span
from agentkit.program.argument_kinds import check_given, check_kind, check_listener
from agentkit.program.signatures import takes_arguments_of
from agentkit.record.run_folder import RunWriter
from agentkit.record.summaries import EpisodeSummary, RunSummary
from agentkit.rollouts.checkpoint import Checkpoint
from agentkit.rollouts.episode_runner import EpisodeRunner
from agentkit.rollouts.metadata import about_run, limits_of
from agentkit.rollouts.plan import ONE_EPISODE, Plan
from agentkit.rollouts.resume import (
    ResumePlan,
    check_same_run,
    make_resume_plan,
    plan_new_run,
)


async def rollout(
    agent: Agent,
    plan: Plan = ONE_EPISODE,
    *,
    writer: RunWriter | None = None,
    on_event: Callable[[int, Event], None] | None = None,
    stop: asyncio.Event | None = None,
    cache: Cache | None = None,
    resume_plan: ResumePlan | None = None,
) -> RunSummary:
    """Play episodes.

    Args:
        agent: The agent; without an environment, an episode is one step.
        plan: How many episodes, how many at once, with which seeds.
        writer: Where to record; None records nothing. One made by `RunWriter.resume` goes on
            with its run: agent and plan are those the run was begun with, their limits aside;
            it may have more episodes.
        on_event: Called with the episode's number and each event.
        stop: Once set, nothing new is started and the run ends as soon as it can.
        cache: Completions of earlier runs that are taken again, such as a `CompletionFile`.
        resume_plan: Which episodes to play, and where each goes on; by default all that the
            plan says and that the writer's run does not have.

    Returns:
        A summary of every episode that was begun. A failed episode does not end the others.

    Raises:
        InputError: The run cannot start: an input, the environment, the memory file; or the
            writer's run has another environment, seed or `fresh`.
        TraceError: The run cannot be recorded.
    """
    check_given("agent", agent, Agent, "an Agent")
    check_given("plan", plan, Plan, "a Plan, such as Plan(episodes=10)")
    check_kind("writer", writer, RunWriter, "a RunWriter, such as RunWriter('runs/first')")
    check_kind("cache", cache, Cache, "a cache, such as CompletionFile(path)")
    check_listener(on_event)
    if writer is not None:
        writer.check_unused()
    agent.check_ready()
    _check_memory(agent, plan)
    _check_needs(agent)
    render_target = _render_target(agent, plan, writer)
    limits = limits_of(agent, plan)["run"]
    if not plan.allow_unknown_price and (agent.limits.cost_usd, limits.cost_usd) != (None, None):
        check_prices(agent.binding.asked)
    if resume_plan is None:
        resume_plan = _resume_plan(agent, plan, limits, writer)
    if not plan.fresh:
        _load_memory(agent, resume_plan)
    if resume_plan.waiting:
        await _load_models(agent, cache)
    _describe(agent, plan, writer)
    stop = stop or asyncio.Event()
    waiting = list(resume_plan.waiting)[::-1]
    summaries: list[EpisodeSummary] = list(resume_plan.settled)
    budget = Budget(limits, scope="run.", used=resume_plan.used, seconds=resume_plan.seconds)

    async def play_in_turn() -> None:
        with closing(EnvThread()) as thread:
            while waiting and not stop.is_set() and budget.used_up() is None:
                index = waiting.pop()
                seed = plan.seed + index if agent.env else None
                checkpoint = await _checkpoint(resume_plan, index)
                source = CompletionSource(
                    cache=cache,
                    budget=_episode_budget(agent.limits, budget, checkpoint),
                    unpriced=plan.allow_unknown_price,
                )
                runner = EpisodeRunner(
                    agent, index, seed, plan.fresh, writer, on_event, stop, thread, source,
                    checkpoint, index >= resume_plan.last_begun, render_target,
                )  # fmt: skip
                summaries.append(runner.summary)
                with episode_span(agent.name, runner.conversation, agent.inputs, runner.summary):
                    await runner.play()

    try:
        async with asyncio.TaskGroup() as tasks:
            playing = [
                tasks.create_task(play_in_turn()) for _ in range(min(plan.parallel, plan.episodes))
            ]
        _raise_swallowed(playing, stop)
    except BaseExceptionGroup as group:
        first = group.exceptions[0]
        raise first from first.__cause__
    finally:
        ended = budget.used_up() if waiting and not stop.is_set() else None
        summaries += _left_over(resume_plan, waiting, ended)
        summaries.sort(key=lambda summary: summary.episode)
        summary = RunSummary(summaries, ended, stopped=bool(waiting) and stop.is_set())
        if writer is not None:
            writer.summary = summary
    return summary


@takes_arguments_of(rollout)
def rollout_sync(*args: Any, **options: Any) -> RunSummary:
    """Play episodes as `rollout` does, without `await`; Ctrl-C stops them and is raised.

    It works inside a running event loop too, as in a notebook, which then waits for it.
    `on_event` is called in another thread.
    """
    return loop.run(rollout(*args, **options))


def _raise_swallowed(playing: Sequence["asyncio.Task[None]"], stop: asyncio.Event) -> None:
    """Raise the CancelledError of a function: a task group takes it for one of its own."""
    if not stop.is_set():
        for task in playing:
            task.result()


def _resume_plan(agent: Agent, plan: Plan, limits: Limits, writer: RunWriter | None) -> ResumePlan:
    if writer is None or writer.recorded is None:
        return plan_new_run(plan.episodes)
    check_same_run(agent, plan, writer.recorded)
    return make_resume_plan(agent, writer.recorded, plan.episodes, limits)


def _render_target(agent: Agent, plan: Plan, writer: RunWriter | None) -> RenderTarget:
    """How people see the environments."""
    if plan.show:
        return in_a_window(agent)
    if not plan.record:
        return NOT_RENDERED
    if writer is None:
        raise InputError("a plan with record=True keeps pictures: rollout needs a writer")
    return as_pictures(agent, writer.folder)


def _describe(agent: Agent, plan: Plan, writer: RunWriter | None) -> None:
    """Let the folder of a program's run say what commands need, to show it and go on with it."""
    if writer is not None and writer.recorded is not None:
        writer.note({"plan": plan, "limits": limits_of(agent, plan)})
    elif writer is not None:
        writer.describe(lambda: about_run(agent, plan))


async def _load_models(agent: Agent, cache: Cache | None) -> None:
    """Load what models need before a clock runs; else the first call would look slow.

    Raises:
        AccessError: A model has no key, and no cache that may have every answer.
        InputError: A model cannot be loaded, and no cache.
    """
    check_decisions(agent.binding.prompts)
    if cache is None:
        check_ready_models(agent.binding.asked)
    models: dict[int, object] = {id(model): model for _, model in agent.binding.asked}
    for model in models.values():
        if isinstance(model, Loaded):
            try:
                await asyncio.to_thread(model.load)
            except InputError:
                if cache is None:
                    raise


def _load_memory(agent: Agent, resume_plan: ResumePlan) -> None:
    """Begin with the memory of the record, or of the file."""
    agent.memory.load(resume_plan.kept, writes=resume_plan.writes_memory)
    if agent.memory.kept_forever and not resume_plan.writes_memory:
        LOG.warning("memory_not_written agent=%s", agent.name)


async def _checkpoint(resume_plan: ResumePlan, index: int) -> Checkpoint | None:
    """Where an episode goes on; its record may be long, and others play meanwhile."""
    if resume_plan.checkpoint is None:
        return None
    return await asyncio.to_thread(resume_plan.checkpoint, index)


def _left_over(
    resume_plan: ResumePlan, waiting: Sequence[int], ended: LimitExceeded | None
) -> list[EpisodeSummary]:
    """The episodes that were begun before and did not go on."""
    summaries = [resume_plan.begun[index][0] for index in waiting if index in resume_plan.begun]
    for summary in summaries:
        if ended is not None and summary.status == "interrupted":
            summary.status, summary.reason = "limit", ended.reason
    return summaries


def _episode_budget(limits: Limits, run: Budget, checkpoint: Checkpoint | None) -> Budget:
    """The account of an episode, with what was used before."""
    if checkpoint is None:
        return Budget(limits, run)
    used = Spent.of(checkpoint.used, checkpoint.record.steps)
    used.add(Spent.of(checkpoint.at_most))
    return Budget(limits, run, used=used, seconds=checkpoint.seconds)


def _check_memory(agent: Agent, plan: Plan) -> None:
    """Refuse episodes at once that would pass memory on to each other."""
    outliving = agent.memory.outlives_episodes
    if plan.parallel > 1 and outliving and not plan.fresh:
        raise InputError(
            f"memory that outlives an episode ({', '.join(outliving)}) allows one episode at a "
            f"time: {advice('plan parallel=1', 'leave --parallel out')}, or say "
            f"{advice('fresh=True', '--fresh')} to start each from the starting values"
        )


def _check_needs(agent: Agent) -> None:
    """Refuse an agent that reads what only an environment gives, and has none."""
    needed = sorted({"observation", "actions", "reward", "info"} & agent.graph.inputs)
    if agent.env is None and needed:
        raise InputError(
            f"{agent.name} reads {', '.join(needed)}, which an environment gives, and it has none: "
            + advice("give it env=...", "add 'env: ID' (agentkit envs lists them)")
        )
