"""Moments of episodes: the first of a new one, and any step of a recorded one."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentkit.agent import Agent
from agentkit.asking import Turn
from agentkit.environment import make_env
from agentkit.errors import InputError
from agentkit.messages import Image, Message
from agentkit.reading import Record, Run
from agentkit.rendering import Moment
from agentkit.scope import State
from agentkit.values import json_text


def first_moment(agent: Agent, seed: int) -> Moment:
    """The beginning of an episode: the environment is reset, nothing has run.

    Raises:
        InputError: The environment cannot be made, or the memory file cannot be read.
    """
    observation: Any = None
    info: Mapping[str, Any] = {}
    if agent.env is not None:
        env = make_env(agent)
        try:
            observation, info = env.reset(seed=seed)
        finally:
            env.close()
    if agent.memory.file is not None:
        agent.memory.load()
    return Moment(_names(observation, info, None, 0, 0, []), State(memory=agent.memory.begin()))


def recorded_moment(agent: Agent, run: Run, episode: int, step: int, node: str) -> Moment:
    """A step of a recorded episode, as one node of the agent found it.

    Raises:
        InputError: The record does not reach that step, or the agent has no such node.
        TraceError: The record cannot be read.
    """
    index = agent.graph.index
    before = agent.graph.ancestors[index[node]] if node in index else 0
    story = _Story(run.folder, {name for name, i in index.items() if before >> i & 1})
    story.read(run.events(episode), step)
    if not story.reached:
        raise InputError(
            f"episode {episode} of {run.folder} has no step {step}: it has {story.steps}"
        )
    return Moment(
        story.names(episode, step),
        State(story.memory, story.values, story.turns),
        story.step_memory,
        story.step_values,
        story.step_turns,
        frozenset(story.settled),
    )


def _names(
    observation: Any,
    info: Mapping[str, Any],
    reward: float | None,
    step: int,
    episode: int,
    history: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "observation": observation,
        "actions": info.get("actions"),
        "reward": reward,
        "step": step,
        "episode": episode,
        "info": info,
        "history": history,
    }


@dataclass(slots=True)
class _Story:
    """Follows an episode's events up to a step, keeping what its nodes would see."""

    folder: Path
    before: set[str]
    """The nodes that come before the one in question."""
    observation: Any = None
    info: Mapping[str, Any] = field(default_factory=dict)
    reward: float | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    turns: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    step_memory: dict[str, Any] = field(default_factory=dict)
    step_values: dict[str, Any] = field(default_factory=dict)
    step_turns: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    reached: bool = False
    last: int = -1
    """The last step the record has anything of."""
    _asked: dict[tuple[str, int | None], Message] = field(default_factory=dict)
    _pairs: dict[str, dict[int, Turn]] = field(default_factory=dict)

    @property
    def steps(self) -> str:
        """Which steps there are, in words."""
        return f"steps 0 to {self.last}" if self.last >= 0 else "no step"

    def names(self, episode: int, step: int) -> dict[str, Any]:
        """What the environment gives at that step."""
        return _names(self.observation, self.info, self.reward, step, episode, self.history)

    def read(self, events: Iterable[Record], step: int) -> None:
        """Take in everything before a step, and of the step what came before the node."""
        for event in events:
            at = event.get("step", 0)
            self.last = max(self.last, at)
            if at > step:
                return
            if event["event"] == "episode_started":
                self.observation, self.info = event["observation"], event["info"]
                self.memory.update(event["memory"])
                self.reached = step == 0
            elif event["event"] == "environment_stepped":
                if at < step:
                    self._stepped(event)
                    self.reached = at == step - 1
            elif at < step or event.get("node") in self.before:
                self._node_event(event)

    def _stepped(self, event: Record) -> None:
        entry = {"observation": self.observation, "action": event["action"]}
        self.history.append({**entry, "reward": event["reward"]})
        self.observation, self.info = event["observation"], event["info"]
        self.reward = event["reward"]

    def _node_event(self, event: Record) -> None:
        """Take in an event of a node, or commit the step it was part of."""
        kind = event["event"]
        if kind == "node_started" and event["attempt"] == 1 and event["messages"]:
            self._asked[event["node"], event["item"]] = self._message(event["messages"][-1])
        elif kind == "node_finished":
            self._finished(event)
        elif kind == "node_skipped":
            self.settled.add(event["node"])
        elif kind == "memory_written":
            self.step_memory[event["key"]] = event["value"]
        elif kind == "step_finished":
            self.memory |= self.step_memory
            self.values |= self.step_values
            self.turns |= self.step_turns
            self._forget()
        elif kind == "step_failed":
            self._forget()

    def _finished(self, event: Record) -> None:
        name, item = event["node"], event["item"]
        asked = self._asked.pop((name, item), None)
        if asked is not None:
            completion, value = event["completion"], event["value"]
            kept = event["status"] == "ok" and completion is not None
            text = completion["text"] if kept else json_text(value)
            self._pairs.setdefault(name, {})[item or 0] = (asked, Message("assistant", text))
        if item is not None:
            return
        self.settled.add(name)
        self.step_values[name] = event["value"]
        pairs = self._pairs.pop(name, {})
        self.step_turns[name] = tuple(pairs[i] for i in sorted(pairs))

    def _forget(self) -> None:
        self.step_memory, self.step_values, self.step_turns = {}, {}, {}
        self._asked, self._pairs = {}, {}
        self.settled = set()

    def _message(self, record: Record) -> Message:
        images = tuple(
            Image((self.folder / name).read_bytes(), f"image/{Path(name).suffix[1:]}")
            for name in record.get("images", ())
        )
        return Message(record["role"], record["content"], images)
