"""Where a recorded episode goes on, as the one who plays it needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agentkit.agent import Agent
from agentkit.errors import TraceError
from agentkit.events import EpisodeResumed
from agentkit.execution.scope import State
from agentkit.messages import NOTHING_USED, UNSET, Request, Usage
from agentkit.models.base import Priced, cost_of
from agentkit.models.token_estimates import most_usage
from agentkit.record.episode_state import EpisodeState
from agentkit.record.recorded_calls import RecordedCalls
from agentkit.record.summaries import EpisodeSummary
from agentkit.values import json_copy

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where an episode goes on."""

    record: EpisodeState
    """What counts of what was recorded before; where nothing does, the episode begins."""
    memory: Mapping[str, Any] | None
    """The memory it begins with; None: what the agent's memory keeps."""
    opening: EpisodeResumed | None = None
    """What is recorded first; None where nothing was recorded before."""
    state: State = field(default_factory=State)
    """What the step before left."""
    recorded_calls: RecordedCalls = field(default_factory=lambda: RecordedCalls({}))
    """Recorded calls that are not made again."""
    paid: Usage = NOTHING_USED
    """What was paid for, the recorded calls of the unfinished step left out."""
    used: Usage = NOTHING_USED
    """All that was paid for."""
    at_most: Usage = NOTHING_USED
    """The most tokens and cost of calls that were in flight when a process was killed."""
    seconds: float = 0.0
    """How long it was played."""
    restart: "Checkpoint | None" = None
    """What comes instead when the environment cannot be brought back to where it was."""
    until: int | None = None
    """The step before which a replay ends; None plays on."""
    stand_in: "gymnasium.Env[Any, Any] | None" = None
    """What a replay plays in when the environment does not repeat itself."""

    def restore_into(self, summary: EpisodeSummary) -> None:
        """Let a summary begin with what was recorded before."""
        done = self.record.progress
        summary.steps, summary.reward, summary.action = done.steps, done.reward, done.action
        summary.take_counts(done)
        summary.open_step = done.open_step
        summary.usage, summary.seconds = self.paid, self.seconds


def resumed_checkpoint(agent: Agent, record: EpisodeState, episode: int) -> Checkpoint | None:
    """Return where an episode goes on that was stopped; None when nothing was recorded of it."""
    if not record.spans:
        return None
    in_flight, at_most = calls_in_flight(agent, record)
    lost, kept, seconds = record.lost + in_flight, record.unfinished.paid, record.seconds
    paid = record.before + record.committed + lost
    used, memory = paid + kept, _first_memory(agent, record)

    def opening(step: int, told: Usage) -> EpisodeResumed:
        return EpisodeResumed(episode, step, None, told, seconds, at_most)

    again = opening(0, record.committed + lost + kept)
    known = record.at_most + at_most
    restart = Checkpoint(
        EpisodeState(), memory, again, paid=used, used=used, at_most=known, seconds=seconds
    )
    if record.started is None:
        return restart
    calls = RecordedCalls({record.steps: record.unfinished})
    return Checkpoint(
        record, memory, opening(record.steps, lost), _fitted(agent, record), calls,
        paid, used, known, seconds, restart,
    )  # fmt: skip


def calls_in_flight(agent: Agent, record: EpisodeState) -> tuple[Usage, Usage]:
    """Return what the calls that were in flight when a process was killed count for.

    Returns:
        The calls, at no cost or at an unknown one; and the most tokens and cost they took.
    """
    models = {model.name: model for _, model in agent.binding.asked}
    calls, at_most = NOTHING_USED, NOTHING_USED
    for event, tries in record.in_flight:
        model = models.get(event.model)
        request = Request(event.messages, event.sampling or UNSET, event.schema)
        most = most_usage(model, request)
        most_usd = None if model is None else cost_of(model, most)
        is_free = most_usd == 0 or not (model is None or isinstance(model, Priced))
        calls += Usage(calls=tries, cost_usd=0.0 if is_free else None)
        for _ in range(tries):
            at_most += replace(most, calls=0, cost_usd=most_usd or 0.0)
    return calls, at_most


def replayed_checkpoint(
    agent: Agent, record: EpisodeState, beginning: EpisodeState | None
) -> Checkpoint:
    """Return the beginning of an episode that is played again from its record.

    Args:
        agent: The agent.
        record: The record of the episode, with the calls of all steps.
        beginning: Of a fork: the record of what it copied, which is not played.
    """
    begun = beginning or EpisodeState()
    calls = RecordedCalls(record.calls, complete=True)
    return Checkpoint(
        begun, _first_memory(agent, record), state=_fitted(agent, begun), recorded_calls=calls,
        paid=record.before,
    )  # fmt: skip


def _first_memory(agent: Agent, record: EpisodeState) -> Mapping[str, Any] | None:
    return None if record.started is None else _known_memory(agent, record.started.memory)


def _known_memory(agent: Agent, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded memory with the keys that the agent has: others are dropped, new ones start."""
    start = agent.memory.start
    try:
        known = {key: json_copy(value, key) for key, value in recorded.items() if key in start}
    except TypeError as error:
        raise TraceError(f"the recorded memory is damaged: {error}") from error
    return {**agent.memory.fresh(), **known}


def _fitted(agent: Agent, record: EpisodeState) -> State:
    """A recorded state as far as it concerns the agent, which may have been edited since."""
    index, state = agent.graph.index, record.step_state
    return State(
        _known_memory(agent, state.memory),
        {name: value for name, value in state.values.items() if name in index},
        {name: turns for name, turns in state.turns.items() if name in index},
        {name: decided for name, decided in state.probabilities.items() if name in index},
    )
