"""Actors: an agent or a session of it, which acts with a memory of its own, a step at a time."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from typing import Any, Final

from agentkit import loop
from agentkit.errors import InputError
from agentkit.events import Event
from agentkit.execution.episode import Episode
from agentkit.execution.step import StepResult
from agentkit.memory import Memory
from agentkit.program.argument_kinds import check_kind, check_listener, wrong_kind
from agentkit.program.signatures import takes_arguments_of
from agentkit.program.threads import Slots
from agentkit.values import json_copy


class Actor:
    """Acts with a memory, values and a count of steps of its own.

    Steps that are asked for at the same time run one after the other, in the order of the calls.

    Args:
        memory: Its memory.
        begin: Begins an episode with these values of the memory, if these inputs are enough.
    """

    def __init__(
        self,
        memory: Memory,
        begin: Callable[[Mapping[str, Any], Mapping[str, Any] | None], Episode],
    ) -> None:
        self._memory = memory
        self._begin = begin
        self._episode: Episode | None = None
        self._slots = Slots(1)

    async def act(
        self,
        observation: Any = None,
        *,
        actions: Sequence[str] | None = None,
        reward: float | None = None,
        info: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        parse_action: Callable[[str], str] | None = None,
        on_event: Callable[[Event], None] | None = None,
    ) -> str:
        """Execute one step of the graph. A call waits until those before it have ended.

        Args:
            observation: What the environment shows.
            actions: The legal actions, where they can be listed; by default `info["actions"]`.
            reward: The reward of the action before; None at the start.
            info: What else the environment says.
            inputs: Values of inputs for this step, instead of those of the agent.
            parse_action: Gives the one spelling of an action that a text says, for nodes with
                `output: action`; raises ValueError with the reason where it says none. Such is
                the method of this name of an environment.
            on_event: Called with each event as it happens.

        Returns:
            The action, as text.

        Raises:
            StepError: Nodes failed; memory is as it was before the step.
            LimitExceeded: A limit of the agent was reached; memory is as it was before the step.
            InputError: An input is unknown or has no value, there is no model, there is a limit
                on cost and a model's price is unknown, a node has `output: action` and there is
                no `parse_action`, or a function of the same step calls it.
        """
        check_kind("actions", actions, (list, tuple), "a list of texts")
        check_kind("info", info, Mapping, "a mapping")
        check_listener(on_event)
        if parse_action is not None and not callable(parse_action):
            raise InputError(f"parse_action: {wrong_kind(parse_action, 'a function of a text')}")
        async with self._turn():
            if self._episode is None:
                self._episode = self._begin(self._memory.begin(), inputs)
            return await self._episode.act(
                observation, actions=actions, reward=reward, info=info, inputs=inputs,
                emit=on_event, streaming=on_event is not None, parse_action=parse_action,
            )  # fmt: skip

    @takes_arguments_of(act)
    def act_sync(self, *args: Any, **options: Any) -> str:
        """Act as `act` does, without `await`; takes the same arguments.

        It works inside a running event loop too, as in a notebook, which then waits for it.
        """
        return loop.run(self.act(*args, **options))

    @takes_arguments_of(act)
    async def stream(
        self, *args: Any, on_event: Callable[[Event], None] | None = None, **options: Any
    ) -> AsyncIterator[Event]:
        """Act, yielding the events of the step as they happen; arguments as `act`.

        Closing it cancels the step: memory is as it was before.

        Yields:
            Events of `agentkit.events`, from `StepStarted` to `StepFinished`. Errors are raised
            as by `act`; mistakes in the arguments before the first event.
        """
        check_listener(on_event)
        call = loop.streamed(lambda tell: self.act(*args, on_event=tell, **options), on_event)
        async with aclosing(call) as events:
            async for event in events:
                yield event

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Wait for a turn, and have it until the block ends.

        Raises:
            InputError: The caller is itself part of a turn, and would wait for ever.
        """
        if any(turn.actor is self and not turn.is_over for turn in _acting.get()):
            raise InputError(
                "a step is running, and this call is part of it: a function of a graph cannot let "
                "the same agent act; make a session for it, with agent.session()"
            )
        await self._slots.take()
        turn = _Turn(self)
        token = _acting.set((*_acting.get(), turn))
        try:
            yield
        finally:
            _acting.reset(token)
            turn.is_over = True
            self._slots.leave()

    def reset(self) -> None:
        """Begin a new episode with the next step, keeping the memory that outlives episodes.

        Raises:
            InputError: A step is running or waits, or the memory's file cannot be written.
        """
        if self._slots.is_used:
            raise InputError("a step is running: await it before the next episode begins")
        if self._episode is not None:
            self._memory.end(self._episode.state.memory)
        self._episode = None

    @property
    def steps(self) -> int:
        """How many steps of the episode were made."""
        return self._episode.steps if self._episode else 0

    @property
    def result(self) -> StepResult | None:
        """What the last step gave: the value of every node, usage, cost."""
        return self._episode.result if self._episode else None


class Session(Actor):
    """An actor that `Agent.session` made, such as for one user of a service."""

    def __repr__(self) -> str:
        return f"<Session: {self.steps} steps>"

    @property
    def memory(self) -> dict[str, Any]:
        """A copy of the memory after the last step."""
        if self._episode is None:
            return self._memory.begin()
        values: dict[str, Any] = json_copy(self._episode.state.memory)
        return values


class _Turn:
    """A turn of an actor, which is over once its step has ended."""

    def __init__(self, actor: Actor) -> None:
        self.actor = actor
        self.is_over = False


_acting: Final[ContextVar[tuple[_Turn, ...]]] = ContextVar("acting", default=())
"""The turns of the running code."""
