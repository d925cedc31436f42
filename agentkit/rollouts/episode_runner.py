"""Play one episode: act, record, step, until something ends it."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from agentkit.agent import Agent
from agentkit.environments.make import EnvThread, describe_info
from agentkit.environments.render_mode import RenderTarget
from agentkit.environments.session import EnvSession
from agentkit.errors import (
    AgentKitError,
    ErrorText,
    InputError,
    LimitExceeded,
    StepError,
    StepInterrupted,
    TraceError,
)
from agentkit.events import (
    EnvironmentStepped,
    EpisodeFinished,
    EpisodeStarted,
    Event,
    LimitReached,
)
from agentkit.execution.completion_source import CompletionSource
from agentkit.execution.episode import Episode
from agentkit.limits import truncated
from agentkit.record.run_folder import RunWriter
from agentkit.record.summaries import EpisodeSummary
from agentkit.rollouts.checkpoint import Checkpoint
from agentkit.rollouts.episode_events import EpisodeEvents

NOT_UNDERSTOOD_LIMIT: Final = 10
"""So many actions in a row that the environment did not understand end the episode."""
CLOSING_S: Final = 0.5
"""How long the environment of an episode that was given up may take to close."""


Beginning = tuple[Episode, str | None, Mapping[str, Any], float | None]
"""What the first step finds: the episode, the observation, the info and the last reward."""


@dataclass(eq=False)
class EpisodeRunner:
    """Plays one episode: the loop of act, record, step."""

    agent: Agent
    index: int
    seed: int | None
    fresh: bool
    """Whether the memory begins with its starting values, and nothing of it is kept."""
    writer: RunWriter | None
    on_event: Callable[[int, Event], None] | None
    stop: asyncio.Event
    thread: EnvThread
    """Where the environment runs."""
    source: CompletionSource
    checkpoint: Checkpoint | None
    """Where it goes on, if it was begun before."""
    keeps_memory: bool
    """Whether no later episode was begun, whose memory stands."""
    render_target: RenderTarget

    def __post_init__(self) -> None:
        self._session = (
            EnvSession(self.agent, self.seed, self.thread, self.index, self.render_target)
            if self.agent.env
            else None
        )
        self._episode: Episode | None = None
        self._misunderstood = 0
        self.summary = EpisodeSummary(self.index, self.seed)
        folder = None if self.writer is None else self.writer.folder.name
        self.conversation = f"{folder}/{self.index}" if folder else uuid4().hex
        """The id of the episode in spans: the same when it is resumed."""
        if self.checkpoint is not None:
            self.checkpoint.restore_into(self.summary)

    async def play(self) -> None:
        """Play the episode to its end, whatever that is."""
        started = time.perf_counter() - self.summary.seconds
        patience_s: float | None = None
        self._events = EpisodeEvents(self.agent.name, self.summary, self.writer, self.on_event)
        try:
            await self._play()
        except LimitExceeded as error:
            self._events.emit(LimitReached(self.summary.steps, error.limit, error.value, error.why))
            if error.limit == "steps":  # what was asked for is done, as by Gymnasium's TimeLimit
                self._end("done", truncated(int(error.value)))
            else:
                self._end("limit", error.reason)
        except StepInterrupted as error:
            over = self.checkpoint is not None and self.checkpoint.until == self.summary.steps
            self._end("interrupted", str(error) if over else "stopped by the user")
        except asyncio.CancelledError:
            by_user = self.stop.is_set()
            self._end("interrupted", "stopped by the user" if by_user else "the run was stopped")
            patience_s = CLOSING_S
            raise
        except (InputError, TraceError) as error:
            self._end("failed", ErrorText(error))
            raise
        except AgentKitError as error:
            self._end("failed", ErrorText(error))
            self._refuse_to_go_on(error)
        except BaseException as error:  # of a listener: a closed pipe, Ctrl-C
            stopped = isinstance(error, KeyboardInterrupt)
            reason = f"{type(error).__name__}: {error}"
            self._end(*(("interrupted", "stopped by the user") if stopped else ("failed", reason)))
            raise
        finally:
            try:
                await self._close_env(patience_s)
            finally:  # also when it is cancelled once more
                self._keep_memory()
                self.summary.seconds = time.perf_counter() - started
                self._finish()

    async def _play(self) -> None:
        checkpoint = self.checkpoint
        if self._session is not None:
            repeats = await self._session.make()
            if checkpoint is not None and not repeats:
                checkpoint = await self._start_over(checkpoint, self._session)
        if checkpoint is not None:
            if checkpoint.opening is not None:
                self._events.emit(checkpoint.opening)
            checkpoint.restore_into(self.summary)
            self.source.recorded_calls = checkpoint.recorded_calls
        if checkpoint is not None and checkpoint.record.started is not None:
            beginning = await self._go_on(checkpoint, checkpoint.record.started)
        else:
            beginning = await self._begin(None if checkpoint is None else checkpoint.memory)
        if beginning is not None:
            await self._loop(*beginning)

    async def _start_over(self, checkpoint: Checkpoint, session: EnvSession) -> Checkpoint | None:
        """The environment cannot be brought back: the steps made in it count no longer."""
        if checkpoint.stand_in is not None:
            await session.replace(checkpoint.stand_in)
            return checkpoint
        if self.source.budget is not None:
            for _ in checkpoint.record.outcomes:
                self.source.budget.drop_step()
        return checkpoint.restart

    async def _begin(self, values: Mapping[str, Any] | None) -> Beginning:
        """Begin the episode, with the memory it began with before if it did."""
        memory = self.agent.memory
        if values is None:
            values = memory.fresh() if self.fresh else memory.begin()
        self._episode = self.agent.episode(self.index, values, self.source, self.conversation)
        observation: str | None = None
        info: Mapping[str, Any] = {}
        if self._session is not None:
            observation, info = await self._session.reset()
        self._events.emit(
            EpisodeStarted(self.index, self.summary.seed, observation, describe_info(info), values)
        )
        return self._episode, observation, info, None

    async def _go_on(self, checkpoint: Checkpoint, started: EpisodeStarted) -> Beginning | None:
        """Go on after the last finished step: the environment is brought back to it.

        Returns:
            What the next step finds; None where the episode was over.
        """
        record = checkpoint.record
        episode = self._episode = self.agent.episode(
            self.index, checkpoint.memory, self.source, self.conversation
        )
        episode.go_on(checkpoint.state, record.step_state.history)
        for key, completion in record.reuse:
            self.source.reuse.restore(key, completion)
        if self._session is None:
            return episode, None, {}, None
        observation, info, reward = await self._session.fast_forward(started, record.outcomes)
        self.summary.info = info
        self._misunderstood = record.misunderstood
        if record.over is not None:
            self._end("done", record.over)
        elif self._misunderstood >= NOT_UNDERSTOOD_LIMIT:
            self._limit("actions not understood in a row", NOT_UNDERSTOOD_LIMIT)
        else:
            return episode, observation, info, reward
        return None

    async def _loop(
        self,
        episode: Episode,
        observation: str | None,
        info: Mapping[str, Any],
        reward: float | None,
    ) -> None:
        """Act and step until the environment, a limit or the user ends the episode.

        Without an environment it is one step.
        """
        summary, session = self.summary, self._session
        while True:
            if session is not None and self.stop.is_set():
                return self._end("interrupted", "stopped by the user")
            if self.checkpoint is not None and self.checkpoint.until == summary.steps:
                raise StepInterrupted("the record ends here")
            try:
                action = await episode.act(
                    observation,
                    reward=reward,
                    info=info,
                    emit=self._events.emit,
                    stopping=self.stop.is_set,
                    streaming=self.on_event is not None,
                    parse_action=None if session is None else session.parse_action,
                )
            except AgentKitError:
                self._events.check_written()
                raise
            self._events.check_written()
            if session is None:
                return None
            outcome = await session.step(action, self._events.sync)
            observation, reward, terminated, truncated, info = outcome
            self._events.emit(
                EnvironmentStepped(
                    summary.steps, action, observation, reward, terminated, truncated,
                    describe_info(info),
                )
            )  # fmt: skip
            if terminated or truncated:
                return self._end("done", "terminated" if terminated else "truncated")
            understood = info.get("understood", True)
            self._misunderstood = 0 if understood else self._misunderstood + 1
            if self._misunderstood == NOT_UNDERSTOOD_LIMIT:
                return self._limit("actions not understood in a row", NOT_UNDERSTOOD_LIMIT)

    def _limit(self, limit: str, value: float) -> None:
        self._events.emit(LimitReached(self.summary.steps, limit, value))
        self._end("limit", f"{limit}: {value:g}")

    def _end(self, status: str, reason: str) -> None:
        self.summary.status = status
        self.summary.reason = reason

    async def _close_env(self, patience_s: float | None) -> None:
        """Close the environment; one that cannot be closed fails an episode that went well."""
        error = None if self._session is None else await self._session.close(patience_s)
        if error is not None:
            self._fail_ended(f"when it was closed, {error}")

    def _keep_memory(self) -> None:
        if self._episode is None or self.fresh or not self.keeps_memory:
            return
        try:
            self.agent.memory.end(self._episode.state.memory)
        except InputError as error:
            self._fail_ended(str(error))

    def _refuse_to_go_on(self, error: AgentKitError) -> None:
        """What the user gave is wrong, such as a key: no other episode can fare better."""
        failures = error.failures.values() if isinstance(error, StepError) else ()
        for failure in failures:
            if isinstance(failure, InputError):
                raise failure

    def _fail_ended(self, reason: str) -> None:
        """Something failed after the end: an episode that had ended well did not after all."""
        if self.summary.status in ("done", "limit"):
            self._end("failed", reason)

    def _finish(self) -> None:
        summary = self.summary
        if self.source.recorded_calls is not None:  # of a step that did not begin again
            summary.usage += self.source.recorded_calls.settle(summary.steps)
        try:
            self._events.emit(
                EpisodeFinished(
                    self.index, summary.status, summary.reason, summary.steps, summary.reward,
                    summary.usage, summary.seconds,
                )
            )  # fmt: skip
        finally:
            self._events.close()
