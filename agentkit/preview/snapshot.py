"""Snapshots of episodes: the first of a new one, and any step of a recorded one."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from agentkit.agent import Agent
from agentkit.environments.answers import reset_env
from agentkit.environments.make import call_env, make_env
from agentkit.errors import InputError
from agentkit.events import EnvironmentStepped, EpisodeStarted, Event, StepStarted
from agentkit.execution.scope import State
from agentkit.messages import Turn
from agentkit.record.reader import Run
from agentkit.record.step_state import StepState
from agentkit.templates.prompt_names import step_names


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A point in an episode: what a node finds when its turn comes."""

    names: Mapping[str, Any]
    """What the environment gives: observation, actions, reward, step, episode, info, history."""
    state: State = field(default_factory=State)
    """What the step before left."""
    memory: Mapping[str, Any] = field(default_factory=dict)
    """What nodes before this one wrote in this step."""
    values: Mapping[str, Any] = field(default_factory=dict)
    """Values that nodes got in this step."""
    turns: Mapping[str, tuple[Turn, ...]] = field(default_factory=dict)
    """Their questions and answers."""
    settled: frozenset[str] = frozenset()
    """The nodes that ran or were skipped in this step; what the others give is not known."""
    probabilities: Mapping[str, Any] = field(default_factory=dict)
    """What nodes decided in this step; None of a value that is no decision."""


def first_snapshot(agent: Agent, seed: int) -> Snapshot:
    """The beginning of an episode: the environment is reset, nothing has run.

    Raises:
        InputError: The environment cannot be made, or the memory file cannot be read.
        EnvError: The environment cannot be reset.
    """
    observation: Any = None
    info: Mapping[str, Any] = {}
    if agent.env is not None:
        with closing(make_env(agent)) as env:
            observation, info = call_env(partial(reset_env, env, seed))
    if agent.memory.file is not None:
        agent.memory.load()
    return Snapshot(
        step_names(observation, info, None, 0, 0, []), State(memory=agent.memory.begin())
    )


def recorded_snapshot(agent: Agent, run: Run, episode: int, step: int, node: str) -> Snapshot:
    """A step of a recorded episode, as one node of the agent found it.

    Raises:
        InputError: The record does not reach that step, or the agent has no such node.
        TraceError: The record cannot be read.
    """
    index = agent.graph.index
    before = agent.graph.ancestors[index[node]] if node in index else 0
    step_state = StepState()
    earlier = {name for name, i in index.items() if before >> i & 1}
    last = _read(step_state, run.events(episode), earlier, step)
    if last is not None:
        has = f"steps 0 to {last}" if last >= 0 else "no step"
        raise InputError(f"episode {episode} of {run.folder} has no step {step}: it has {has}")
    return Snapshot(
        step_names(
            step_state.observation,
            step_state.info,
            step_state.reward,
            step,
            episode,
            step_state.history,
        ),
        State(step_state.memory, step_state.values, step_state.turns, step_state.probabilities),
        step_state.step_memory,
        step_state.step_values,
        step_state.step_turns,
        frozenset(step_state.settled),
        step_state.step_probabilities,
    )


def _read(
    step_state: StepState, events: Iterable[Event], before: Collection[str], step: int
) -> int | None:
    """Take in everything before a step, and of the step what came before a node.

    Returns:
        None when the record reaches the step, else the last step it has anything of.
    """
    reached, last = False, -1
    for event in events:
        at = getattr(event, "step", 0)
        last = max(last, at)
        if at > step:
            break
        if isinstance(event, EpisodeStarted):
            step_state.begin(event)
            reached = step == 0
        elif isinstance(event, EnvironmentStepped):
            if at < step:
                step_state.step_environment(event)
                reached = at == step - 1
        elif isinstance(event, StepStarted) or at < step or getattr(event, "node", None) in before:
            step_state.take(event)
    return None if reached else last
