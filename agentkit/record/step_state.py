"""The state that an episode's next step starts from, folded from its recorded events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentkit.errors import TraceError
from agentkit.messages import Image, Message, Turn
from agentkit.record.reader import Record
from agentkit.values import json_text

_Pairs = dict[int, tuple[Record, str]]
"""A node's questions as they were recorded, and its answers, by item."""


@dataclass(slots=True)
class StepState:
    """Takes in an episode's events one after the other, keeping what its nodes would see.

    What a step wrote stands in `step_memory`, `step_values` and `step_turns` until it ends.
    """

    folder: Path
    """The run's folder, where its pictures are."""
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
    _turns: dict[str, _Pairs] = field(default_factory=dict)
    _step_turns: dict[str, _Pairs] = field(default_factory=dict)
    _asked: dict[tuple[str, int | None], Record] = field(default_factory=dict)
    _pairs: dict[str, _Pairs] = field(default_factory=dict)

    @property
    def turns(self) -> dict[str, tuple[Turn, ...]]:
        """The questions and answers of every node that ever ran.

        Raises:
            TraceError: A picture is missing.
        """
        return self._restored(self._turns)

    @property
    def step_turns(self) -> dict[str, tuple[Turn, ...]]:
        """Those of this step.

        Raises:
            TraceError: A picture is missing.
        """
        return self._restored(self._step_turns)

    def begin(self, event: Record) -> None:
        """Take in the beginning of the episode."""
        self.observation, self.info = event["observation"], event["info"]
        self.memory.update(event["memory"])

    def step_environment(self, event: Record) -> None:
        """Take in what the environment answered."""
        entry = {"observation": self.observation, "action": event["action"]}
        self.history.append({**entry, "reward": event["reward"]})
        self.observation, self.info = event["observation"], event["info"]
        self.reward = event["reward"]

    def take(self, event: Record) -> None:
        """Take in an event of a node, or commit the step it was part of."""
        kind = event["event"]
        if kind == "node_started" and event["attempt"] == 1 and event["messages"]:
            self._asked[event["node"], event["item"]] = event["messages"][-1]
        elif kind == "node_finished":
            self._finished(event)
        elif kind == "node_skipped":
            self.settled.add(event["node"])
        elif kind == "memory_written":
            self.step_memory[event["key"]] = event["value"]
        elif kind == "step_finished":
            self.memory |= self.step_memory
            self.values |= self.step_values
            self._turns |= self._step_turns
            self._forget()
        elif kind in ("step_started", "step_failed"):
            self._forget()

    def _finished(self, event: Record) -> None:
        name, item = event["node"], event["item"]
        asked = self._asked.pop((name, item), None)
        if asked is not None:
            completion, value = event["completion"], event["value"]
            kept = event["status"] == "ok" and completion is not None
            text = completion["text"] if kept else json_text(value)
            self._pairs.setdefault(name, {})[item or 0] = (asked, text)
        if item is not None:
            return
        self.settled.add(name)
        self.step_values[name] = event["value"]
        self._step_turns[name] = self._pairs.pop(name, {})

    def _forget(self) -> None:
        self.step_memory, self.step_values, self._step_turns = {}, {}, {}
        self._asked, self._pairs = {}, {}
        self.settled = set()

    def _restored(self, turns: dict[str, _Pairs]) -> dict[str, tuple[Turn, ...]]:
        return {
            name: tuple(
                (recorded_message(self.folder, asked), Message("assistant", text))
                for _, (asked, text) in sorted(pairs.items(), key=lambda pair: pair[0])
            )
            for name, pairs in turns.items()
        }


def recorded_message(folder: Path, record: Record) -> Message:
    """A message as it was sent, with its pictures.

    Raises:
        TraceError: A picture is missing.
    """
    try:
        images = tuple(
            Image((folder / name).read_bytes(), f"image/{Path(name).suffix[1:]}")
            for name in record.get("images", ())
        )
    except OSError as error:
        raise TraceError(f"cannot read the picture {error.filename}: {error.strerror}") from error
    return Message(record["role"], record["content"], images)
