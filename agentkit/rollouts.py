"""Rollouts: an agent plays episodes of an environment, and everything is recorded."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from agentkit.agent import Agent
from agentkit.answering import Cache, Source
from agentkit.environment import EnvThread
from agentkit.errors import InputError, LimitExceeded
from agentkit.events import Event
from agentkit.ledger import Ledger
from agentkit.limits import Limits
from agentkit.messages import Usage
from agentkit.playing import EpisodeSummary, Player
from agentkit.pricing import check_prices
from agentkit.run_folder import RunWriter
from agentkit.telemetry import episode_span


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run went: its episodes and their sums."""

    episodes: Sequence[EpisodeSummary]
    limit: LimitExceeded | None = None
    """The limit of the run that kept further episodes from being begun."""

    @property
    def status(self) -> str:
        """The worst that happened: `failed`, `interrupted`, `limit`, else `done`."""
        statuses = {summary.status for summary in self.episodes}
        if self.limit is not None:
            statuses.add("limit")
        ranked = ("failed", "interrupted", "limit")
        return next((status for status in ranked if status in statuses), "done")

    @property
    def usage(self) -> Usage:
        """Tokens and calls of all episodes."""
        return sum((summary.usage for summary in self.episodes), Usage())

    @property
    def cost_usd(self) -> float | None:
        """Cost of all episodes; None when a price is unknown."""
        costs = [summary.cost_usd for summary in self.episodes]
        return None if any(cost is None for cost in costs) else sum((c for c in costs if c), 0.0)

    def totals(self) -> dict[str, Any]:
        """The sums as `run.json` keeps them."""
        return {
            "episodes": len(self.episodes),
            "steps": sum(summary.steps for summary in self.episodes),
            "reward": sum(summary.reward for summary in self.episodes),
            "usage": self.usage,
            "cost_usd": self.cost_usd,
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run shall do.

    Raises:
        InputError: It has no episode, or plays none at a time.
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

    def __post_init__(self) -> None:
        for name, value in (("episodes", self.episodes), ("parallel", self.parallel)):
            if value < 1:
                raise InputError(f"a plan with {name}={value}: expected 1 or more")


async def rollout(
    agent: Agent,
    plan: Plan = Plan(),
    *,
    writer: RunWriter | None = None,
    on_event: Callable[[int, Event], None] | None = None,
    stop: asyncio.Event | None = None,
    cache: Cache | None = None,
) -> RunSummary:
    """Play episodes.

    Args:
        agent: The agent; without an environment, an episode is one step.
        plan: How many episodes, how many at once, with which seeds.
        writer: Where to record; None records nothing.
        on_event: Called with the episode's number and each event.
        stop: Once set, nothing new is started and the run ends as soon as it can.
        cache: Completions of earlier runs that are taken again, such as a `CompletionFile`.

    Returns:
        A summary of every episode that was begun. A failed episode does not end the others.

    Raises:
        InputError: The run cannot start: an input, the environment, the memory file.
        TraceError: The run cannot be recorded.
    """
    agent.check_inputs()
    outliving = agent.memory.outlives_episodes
    if plan.parallel > 1 and outliving and not plan.fresh:
        raise InputError(
            f"memory that outlives an episode ({', '.join(outliving)}) allows one episode at a "
            "time: leave --parallel out, or say --fresh to start each from the starting values"
        )
    _check_needs(agent)
    limits = agent.run_limits if plan.limits is None else plan.limits
    if not plan.allow_unknown_price and (agent.limits.cost_usd, limits.cost_usd) != (None, None):
        check_prices(agent.binding)
    if not plan.fresh:
        agent.memory.load()
    stop = stop or asyncio.Event()
    waiting = list(range(plan.episodes))[::-1]
    summaries: list[EpisodeSummary] = []
    ledger = Ledger(limits, scope="run.")

    async def play_in_turn() -> None:
        with closing(EnvThread()) as thread:
            while waiting and not stop.is_set() and ledger.used_up() is None:
                index = waiting.pop()
                seed = plan.seed + index if agent.env else None
                source = Source(
                    cache=cache,
                    ledger=Ledger(agent.limits, ledger),
                    unpriced=plan.allow_unknown_price,
                )
                player = Player(
                    agent, index, seed, plan.fresh, writer, on_event, stop, thread, source
                )
                summaries.append(player.summary)
                with episode_span(agent.name, player.summary):
                    await player.play()

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(plan.parallel, plan.episodes)):
                tasks.create_task(play_in_turn())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    ended = ledger.used_up() if waiting and not stop.is_set() else None
    return RunSummary(sorted(summaries, key=lambda summary: summary.episode), ended)


def _check_needs(agent: Agent) -> None:
    """Refuse an agent that reads what only an environment gives, and has none."""
    needed = sorted({"observation", "actions", "reward", "info"} & agent.graph.inputs)
    if agent.env is None and needed:
        raise InputError(
            f"{agent.name} reads {', '.join(needed)}, which an environment gives, and it has none: "
            "add 'env: ID' (agentkit envs lists them)"
        )
