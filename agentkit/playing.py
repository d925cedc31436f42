"""Play one episode: act, record, step, until something ends it."""

import asyncio
import time
from collections.abc import Callable, Mapping
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


class Player:
    """Plays one episode: the loop of act, record, step."""

    def __init__(
        self,
        agent: Agent,
        index: int,
        seed: int | None,
        fresh: bool,
        writer: RunWriter | None,
        on_event: Callable[[int, Event], None] | None,
        stop: asyncio.Event,
        thread: ThreadPoolExecutor,
    ) -> None:
        self._agent = agent
        self._index = index
        self._fresh = fresh
        self._run_writer = writer
        self._on_event = on_event
        self._stop = stop
        self._thread = thread
        self._writer: EpisodeWriter | None = None
        self._env: gymnasium.Env[Any, Any] | None = None
        self._episode: Episode | None = None
        self._misunderstood = 0
        self.summary = EpisodeSummary(index, seed)

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
            if self._episode is not None and not self._fresh:
                self._agent.memory.end(self._episode.state.memory)

    async def _play(self) -> None:
        memory = self._agent.memory
        values = dict(memory.start) if self._fresh else memory.begin()
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
