"""The state that an episode's next step starts from, folded from its recorded events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from agentkit import events
from agentkit.messages import Message, Turn
from agentkit.values import json_text


@dataclass(slots=True)
class StepState:
    """Takes in an episode's events one after the other, keeping what its nodes would see.

    What a step wrote stands in `step_memory`, `step_values` and `step_turns` until it ends.
    """

    observation: Any = None
    info: Mapping[str, Any] = field(default_factory=dict)
    reward: float | None = None
    """The last reward."""
    history: list[dict[str, Any]] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    step_memory: dict[str, Any] = field(default_factory=dict)
    step_values: dict[str, Any] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    """The nodes that ran or were skipped in the step."""
    turns: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    """The questions and answers of every node that ever ran."""
    step_turns: dict[str, tuple[Turn, ...]] = field(default_factory=dict)
    probabilities: dict[str, Any] = field(default_factory=dict)
    """What the nodes decided whose last value is a decision; a list of a node with `each`."""
    step_probabilities: dict[str, Any] = field(default_factory=dict)
    """The same of the step; None of a value that is no decision."""
    _decided: dict[str, dict[int, Any]] = field(default_factory=dict)
    """What the items of the nodes decided that are not finished."""
    _asked: dict[tuple[str, int | None], tuple[Message, ...]] = field(default_factory=dict)
    _pairs: dict[str, dict[int, Turn]] = field(default_factory=dict)
    """The questions and answers of the nodes that are not finished, by item."""

    def begin(self, event: events.EpisodeStarted) -> None:
        """Take in the beginning of the episode."""
        self.observation, self.info = event.observation, event.info
        self.memory.update(event.memory)

    def step_environment(self, event: events.EnvironmentStepped) -> None:
        """Take in what the environment answered."""
        entry = {"observation": self.observation, "action": event.action}
        self.history.append({**entry, "reward": event.reward})
        self.observation, self.info = event.observation, event.info
        self.reward = event.reward

    def take(self, event: events.Event) -> None:
        """Take in an event of a node, or commit the step it was part of."""
        match event:
            case events.NodeStarted(attempt=1, messages=[_, *_]):
                self._asked[event.node, event.item] = event.messages[-event.turns :]
            case events.NodeFinished():
                self._finished(event)
            case events.NodeSkipped():
                self.settled.add(event.node)
            case events.MemoryWritten():
                self.step_memory[event.key] = event.value
            case events.StepFinished():
                self.memory |= self.step_memory
                self.values |= self.step_values
                self.turns |= self.step_turns
                decided = self.probabilities | self.step_probabilities
                self.probabilities = {name: one for name, one in decided.items() if one}
                self._forget()
            case events.StepStarted() | events.StepFailed():
                self._forget()

    def _finished(self, event: events.NodeFinished) -> None:
        name, item = event.node, event.item
        asked = self._asked.pop((name, item), None)
        if asked is not None:
            completion = event.completion if event.status == "ok" else None
            text = json_text(event.value) if completion is None else completion.text
            self._pairs.setdefault(name, {})[item or 0] = (*asked, Message("assistant", text))
        if item is not None:
            self._decided.setdefault(name, {})[item] = event.probabilities
            return
        items = self._decided.pop(name, {})
        listed = [items[number] for number in sorted(items)]
        self.step_probabilities[name] = listed if any(listed) else event.probabilities
        self.settled.add(name)
        self.step_values[name] = event.value
        pairs = self._pairs.pop(name, {})
        self.step_turns[name] = tuple(pairs[number] for number in sorted(pairs))

    def _forget(self) -> None:
        self.step_memory, self.step_values, self.step_turns = {}, {}, {}
        self.step_probabilities, self._decided = {}, {}
        self._asked, self._pairs = {}, {}
        self.settled = set()
