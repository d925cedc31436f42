"""The environment of one episode, on its thread."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from agentkit.agent import Agent
from agentkit.environments.answers import Outcome, reset_env, step_env
from agentkit.environments.fast_forward import rebuild, repeats_itself
from agentkit.environments.make import EnvThread, action_parser, make_env
from agentkit.environments.recorder import Recorder
from agentkit.environments.render_mode import NOT_RENDERED, RenderTarget
from agentkit.errors import InputError, advice
from agentkit.events import EnvironmentStepped, EpisodeStarted
from agentkit.outputs.action import ParseAction

if TYPE_CHECKING:
    import gymnasium


class EnvSession:
    """Where an episode is played.

    Args:
        agent: The agent, which has an environment.
        seed: The episode's seed.
        thread: The thread that the environment runs on.
        episode: The episode's number.
        showing: How people see it.
    """

    def __init__(
        self,
        agent: Agent,
        seed: int | None,
        thread: EnvThread,
        episode: int,
        render_target: RenderTarget,
    ) -> None:
        self._agent = agent
        self._seed = seed
        self._thread = thread
        self._episode = episode
        self._render_target = render_target
        self._made: gymnasium.Env[Any, Any] | None = None
        self._recorder: Recorder | None = None
        self.parse_action: ParseAction | None = None
        """The environment's own reading of actions, where it has one."""

    async def make(self) -> bool:
        """Make the environment; says whether it repeats itself.

        Raises:
            InputError: It cannot be made.
            TraceError: Pictures that a process before left cannot be read.
        """
        return await self._thread.call(self._make)

    async def replace(self, env: "gymnasium.Env[Any, Any]") -> None:
        """Play in another environment instead.

        Raises:
            InputError: It is to be seen, and there is nothing to see of the other one.
        """
        if self._render_target != NOT_RENDERED:
            raise InputError(
                f"{self._agent.name}'s environment does not repeat itself (resumable = False), so "
                "a replay of it takes the recorded answers, and there is nothing to see: say "
                f"{advice('show=True or record=True', '--show or --record')} while it is played"
            )
        await self._thread.call(self._env.close)
        self._made = env

    async def reset(self) -> tuple[str, Mapping[str, Any]]:
        """Begin the episode.

        Raises:
            EnvError: The environment raised, or answered in another form than it should.
        """
        return await self._thread.call(self._reset)

    async def fast_forward(
        self, started: EpisodeStarted, outcomes: Sequence[EnvironmentStepped]
    ) -> tuple[str, Mapping[str, Any], float | None]:
        """Repeat what was recorded; see `rebuild`."""
        again = partial(rebuild, self._env, self._seed, started, outcomes, self._recorder)
        return await self._thread.call(again)

    async def step(self, action: str, first: Callable[[], None]) -> Outcome:
        """Let the environment answer an action, after doing something else on its thread.

        Raises:
            EnvError: The environment raised, or answered in another form than it should.
        """
        return await self._thread.call(partial(self._step, action, first))

    async def close(self, patience_s: float | None) -> BaseException | None:
        """Close the environment within a time; what it raised, if it did."""
        closing = self._thread.call(self._close)
        await asyncio.wait([closing], timeout=patience_s)
        return closing.exception() if closing.done() else None

    @property
    def _env(self) -> "gymnasium.Env[Any, Any]":
        if self._made is None:
            raise RuntimeError("the environment was not made")
        return self._made

    def _make(self) -> bool:
        self._made = make_env(self._agent, self._render_target.render_mode)
        self.parse_action = action_parser(self._made)
        if self._render_target.folder is not None:
            self._recorder = Recorder(self._render_target.folder, self._episode, self._made)
        return repeats_itself(self._made)

    def _reset(self) -> tuple[str, Mapping[str, Any]]:
        beginning = reset_env(self._env, self._seed)
        if self._recorder is not None:
            self._recorder.begin()
        return beginning

    def _step(self, action: str, first: Callable[[], None]) -> Outcome:
        first()
        outcome = step_env(self._env, action)
        if self._recorder is not None:
            self._recorder.step(action, outcome[1])
        return outcome

    def _close(self) -> None:
        try:
            if self._made is not None:
                self._made.close()
        finally:
            if self._recorder is not None:
                self._recorder.close()
