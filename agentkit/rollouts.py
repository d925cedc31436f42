"""Rollouts: an agent plays episodes of an environment, and everything is recorded."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from agentkit.agent import Agent, Episode
from agentkit.environment import describe_info, make_env
from agentkit.errors import AgentKitError, EnvError, InputError, StepInterrupted, TraceError
from agentkit.events import (
    EnvironmentStepped,
    EpisodeFinished,
    EpisodeStarted,
    Event,
    LimitReached,
    StepFailed,
    StepFinished,
)
from agentkit.messages import Usage
from agentkit.trace import EpisodeWriter, RunWriter

if TYPE_CHECKING:
    import gymnasium

NOT_UNDERSTOOD_LIMIT: Final = 10
"""So many actions in a row that the environment did not understand end the episode."""


@dataclass(slots=True)
class EpisodeSummary:
    """How an episode went."""

    episode: int
    seed: int | None
    status: str = "done"
    """`done`, `limit`, `failed` or `interrupted`."""
    reason: str = ""
    steps: int = 0
    """Decisions."""
    reward: float = 0.0
    """Sum of the rewards (the return)."""
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = 0.0
    seconds: float = 0.0
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the environment said last."""
    action: str | None = None
    """The last action; for an agent without an environment, its answer."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """How a run went: its episodes and their sums."""

    episodes: Sequence[EpisodeSummary]

    @property
    def status(self) -> str:
        """The worst that happened: `failed`, `interrupted`, `limit`, else `done`."""
        statuses = {summary.status for summary in self.episodes}
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
        return None if any(cost is None for cost in costs) else sum(c for c in costs if c)

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
    """What a run shall do."""

    episodes: int = 1
    """How many episodes to play."""
    parallel: int = 1
    """How many of them at once."""
    seed: int = 0
    """Seed of the first episode; the next has the next number."""
    fresh: bool = False
    """Whether every episode starts from the memory's starting values."""


async def rollout(
    agent: Agent,
    plan: Plan = Plan(),
    *,
    writer: RunWriter | None = None,
    on_event: Callable[[int, Event], None] | None = None,
    stop: asyncio.Event | None = None,
) -> RunSummary:
    """Play episodes.

    Args:
        agent: The agent; without an environment, an episode is one step.
        plan: How many episodes, how many at once, with which seeds.
        writer: Where to record; None records nothing.
        on_event: Called with the episode's number and each event.
        stop: Once set, nothing new is started and the run ends as soon as it can.

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
    if not plan.fresh:
        agent.memory.load()
    stop = stop or asyncio.Event()
    waiting = list(range(plan.episodes))[::-1]
    summaries: list[EpisodeSummary] = []

    async def play_in_turn() -> None:
        with ThreadPoolExecutor(1, "environment") as thread:
            while waiting and not stop.is_set():
                index = waiting.pop()
                player = _Player(agent, plan, index, writer, on_event, stop, thread)
                summaries.append(player.summary)
                await player.play()

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(plan.parallel, plan.episodes)):
                tasks.create_task(play_in_turn())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
    return RunSummary(sorted(summaries, key=lambda summary: summary.episode))


def _check_needs(agent: Agent) -> None:
    """Refuse an agent that reads what only an environment gives, and has none."""
    needed = sorted({"observation", "actions", "reward", "info"} & agent.graph.inputs)
    if agent.env is None and needed:
        raise InputError(
            f"{agent.name} reads {', '.join(needed)}, which an environment gives, and it has none: "
            "add 'env: ID' (agentkit envs lists them)"
        )


class _Player:
    """Plays one episode: the loop of act, record, step."""

    def __init__(
        self,
        agent: Agent,
        plan: Plan,
        index: int,
        writer: RunWriter | None,
        on_event: Callable[[int, Event], None] | None,
        stop: asyncio.Event,
        thread: ThreadPoolExecutor,
    ) -> None:
        self._agent = agent
        self._plan = plan
        self._index = index
        self._run_writer = writer
        self._on_event = on_event
        self._stop = stop
        self._thread = thread
        self._writer: EpisodeWriter | None = None
        self._env: gymnasium.Env[Any, Any] | None = None
        self._episode: Episode | None = None
        self._misunderstood = 0
        self.summary = EpisodeSummary(index, plan.seed + index if agent.env else None)

    async def play(self) -> None:
        """Play the episode to its end, whatever that is."""
        started = time.perf_counter()
        if self._run_writer is not None:
            self._writer = self._run_writer.episode(self._index)
        try:
            await self._play()
        except StepInterrupted:
            self._end("interrupted", "stopped by the user")
        except asyncio.CancelledError:
            self._end("interrupted", "stopped by the user")
            raise
        except (InputError, TraceError) as error:
            self._end("failed", str(error))
            raise
        except AgentKitError as error:
            self._end("failed", str(error))
        finally:
            self.summary.seconds = time.perf_counter() - started
            self._close()
            if self._episode is not None and not self._plan.fresh:
                self._agent.memory.end(self._episode.state.memory)

    async def _play(self) -> None:
        memory = self._agent.memory
        values = dict(memory.start) if self._plan.fresh else memory.begin()
        self._episode = self._agent.episode(self._index, values)
        observation: str | None = None
        info: Mapping[str, Any] = {}
        if self._agent.env is not None:
            observation, info = await self._in_thread(self._reset)
        self._emit(
            EpisodeStarted(self._index, self.summary.seed, observation, describe_info(info), values)
        )
        if self._agent.env is None:
            self.summary.action = await self._act(observation, info, None)
        else:
            await self._loop(observation, info)

    async def _loop(self, observation: str | None, info: Mapping[str, Any]) -> None:
        """Act and step until the environment, a limit or the user ends the episode."""
        reward: float | None = None
        summary = self.summary
        while True:
            if self._stop.is_set():
                return self._end("interrupted", "stopped by the user")
            if summary.steps == self._agent.limits.steps:
                return self._limit("steps", summary.steps)
            action = await self._act(observation, info, reward)
            observation, gained, terminated, truncated, info = await self._in_thread(
                self._step, action
            )
            reward = float(gained)
            summary.action = action
            summary.steps += 1
            summary.reward += reward
            summary.info = info
            self._emit(
                EnvironmentStepped(
                    summary.steps - 1, action, observation, reward, bool(terminated),
                    bool(truncated), describe_info(info),
                )
            )  # fmt: skip
            if terminated or truncated:
                return self._end("done", "terminated" if terminated else "truncated")
            understood = info.get("understood", True)
            self._misunderstood = 0 if understood else self._misunderstood + 1
            if self._misunderstood == NOT_UNDERSTOOD_LIMIT:
                return self._limit("actions not understood in a row", NOT_UNDERSTOOD_LIMIT)

    async def _act(
        self, observation: str | None, info: Mapping[str, Any], reward: float | None
    ) -> str:
        if self._episode is None:
            raise RuntimeError("act before reset")
        return await self._episode.act(
            observation,
            actions=info.get("actions"),
            reward=reward,
            info=info,
            emit=self._emit,
            stopping=self._stop.is_set,
            streaming=self._on_event is not None,
        )

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Environments run on a thread of their own; browsers and simulators block."""
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._thread, function, *arguments)
        except AgentKitError:
            raise
        except Exception as error:
            raise EnvError(f"the environment raised {type(error).__name__}: {error}") from error

    def _reset(self) -> tuple[str, Mapping[str, Any]]:
        self._env = make_env(self._agent)
        observation, info = self._env.reset(seed=self.summary.seed)
        self.summary.info = info
        return observation, info

    def _step(self, action: str) -> Any:
        """Step the environment once everything that led to the action is on the disk."""
        if self._writer is not None:
            self._writer.sync()
        if self._env is None:
            raise RuntimeError("step before reset")
        return self._env.step(action)

    def _emit(self, event: Event) -> None:
        if isinstance(event, (StepFinished, StepFailed)):
            summary = self.summary
            summary.usage = summary.usage + event.usage
            if summary.cost_usd is not None and event.cost_usd is not None:
                summary.cost_usd += event.cost_usd
            else:
                summary.cost_usd = None
        if self._writer is not None:
            self._writer.emit(event)
        if self._on_event is not None:
            self._on_event(self._index, event)

    def _limit(self, limit: str, value: float) -> None:
        self._emit(LimitReached(self.summary.steps, limit, value))
        self._end("limit", f"{limit}: {value:g}")

    def _end(self, status: str, reason: str) -> None:
        self.summary.status = status
        self.summary.reason = reason

    def _close(self) -> None:
        summary = self.summary
        try:
            self._emit(
                EpisodeFinished(
                    self._index, summary.status, summary.reason, summary.steps, summary.reward,
                    summary.usage, summary.cost_usd, summary.seconds,
                )
            )  # fmt: skip
            if self._writer is not None:
                self._writer.close()
        finally:
            if self._env is not None:
                self._thread.submit(self._env.close).result()
