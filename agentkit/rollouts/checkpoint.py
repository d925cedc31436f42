"""Where a recorded episode goes on, as the one who plays it needs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from agentkit.agent import Agent
from agentkit.events import EnvironmentStepped, EpisodeResumed, EpisodeStarted
from agentkit.execution.scope import State
from agentkit.messages import NOTHING_USED, Completion, Usage
from agentkit.record.episode_state import EpisodeState
from agentkit.record.recorded_calls import RecordedCalls
from agentkit.record.summaries import EpisodeSummary
from agentkit.values import json_copy

if TYPE_CHECKING:
    import gymnasium


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where an episode goes on."""

    opening: EpisodeResumed | None
    """What is recorded first; None where nothing was recorded before."""
    started: EpisodeStarted | None
    """How the episode began; None lets it begin now."""
    memory: Mapping[str, Any] | None
    """The memory it begins with; None: what the agent's memory keeps."""
    state: State
    """What the step before left."""
    history: Sequence[Mapping[str, Any]]
    outcomes: Sequence[EnvironmentStepped]
    """What the environment answered so far."""
    over: str | None
    """What the environment said when it ended the episode."""
    misunderstood: int
    """How many of the last actions in a row were not understood."""
    reward: float
    """The sum of the rewards."""
    action: str | None
    """The last action."""
    recorded_calls: RecordedCalls
    """Recorded calls that are not made again."""
    reuse: Sequence[tuple[bytes, Completion]]
    """Completions that nodes with `reuse` may take again, by their requests' digests."""
    paid: Usage
    """What was paid for, the recorded calls of the unfinished step left out."""
    used: Usage
    """All that was paid for."""
    seconds: float
    """How long it was played."""
    restart: "Checkpoint | None" = None
    """What comes instead when the environment cannot be brought back to where it was."""
    until: int | None = None
    """The step before which a replay ends; None plays on."""
    stand_in: "gymnasium.Env[Any, Any] | None" = None
    """What a replay plays in when the environment does not repeat itself."""

    def restore_into(self, summary: EpisodeSummary) -> None:
        """Let a summary begin with what was recorded before."""
        summary.steps, summary.reward = len(self.outcomes), self.reward
        summary.usage, summary.seconds, summary.action = self.paid, self.seconds, self.action


def resumed_checkpoint(agent: Agent, record: EpisodeState, episode: int) -> Checkpoint | None:
    """Where an episode goes on that was stopped; None when nothing was recorded of it."""
    if not record.spans:
        return None
    begun = record.started is not None
    lost, kept = record.lost, record.unfinished.paid
    paid = record.before + record.committed + lost
    used = paid + kept
    everything = record.committed + lost + kept
    restart = Checkpoint(
        opening=_opening(record, episode, 0, everything),
        started=None,
        memory=_first_memory(agent, record),
        state=State(),
        history=(),
        outcomes=(),
        over=None,
        misunderstood=0,
        reward=0.0,
        action=None,
        recorded_calls=RecordedCalls({}),
        reuse=(),
        paid=used,
        used=used,
        seconds=record.seconds,
    )
    if not begun:
        return restart
    return replace(
        _going_on(agent, record),
        opening=_opening(record, episode, record.steps, lost),
        recorded_calls=RecordedCalls({record.steps: record.unfinished}),
        paid=paid,
        used=used,
        restart=restart,
    )


def _going_on(agent: Agent, record: EpisodeState) -> Checkpoint:
    """An episode after its last finished step."""
    step_state = record.step_state
    return Checkpoint(
        opening=None,
        started=record.started,
        memory=_first_memory(agent, record),
        state=_fitted(agent, State(step_state.memory, step_state.values, step_state.turns)),
        history=step_state.history,
        outcomes=record.outcomes,
        over=record.over,
        misunderstood=record.misunderstood,
        reward=record.reward,
        action=record.action,
        recorded_calls=RecordedCalls({}),
        reuse=record.reuse,
        paid=NOTHING_USED,
        used=NOTHING_USED,
        seconds=record.seconds,
    )


def _opening(record: EpisodeState, episode: int, step: int, lost: Usage) -> EpisodeResumed:
    return EpisodeResumed(episode, step, None, lost, record.seconds)


def _first_memory(agent: Agent, record: EpisodeState) -> Mapping[str, Any] | None:
    return None if record.started is None else _known_memory(agent, record.started.memory)


def _known_memory(agent: Agent, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """A recorded memory with the keys that the agent has: others are dropped, new ones start."""
    start = agent.memory.start
    known = {key: json_copy(value) for key, value in recorded.items() if key in start}
    return {**agent.memory.fresh(), **known}


def _fitted(agent: Agent, state: State) -> State:
    """A recorded state as far as it concerns the agent, which may have been edited since."""
    index = agent.graph.index
    return State(
        _known_memory(agent, state.memory),
        {name: value for name, value in state.values.items() if name in index},
        {name: turns for name, turns in state.turns.items() if name in index},
    )


def replayed_checkpoint(
    agent: Agent, record: EpisodeState, beginning: EpisodeState | None
) -> Checkpoint:
    """An episode that is played again from its record.

    Args:
        agent: The agent.
        record: The record of the episode, with the calls of all steps.
        beginning: Of a fork: the record of what it copied, which is not played.
    """
    return replace(
        _going_on(agent, beginning or EpisodeState()),
        memory=_first_memory(agent, record),
        recorded_calls=RecordedCalls(record.calls, complete=True),
        paid=record.before,
        seconds=0.0,
    )
