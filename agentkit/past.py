"""Calls that a record already has, taken from there instead of being made again."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agentkit.messages import Call, Completion

CallKey = tuple[int, str, int | None, int]
"""Step, node, item and attempt."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A completion, and how it was come by."""

    completion: Completion
    latency_s: float
    """How long the model took."""
    reused: bool
    """Whether it was there already, so that nothing was paid for it."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a function node's function returned."""

    value: Any
    status: str
    """`ok` or `otherwise`."""
    latency_s: float


class Past:
    """The finished calls of an episode that are taken from its record.

    Args:
        answers: Completions by step, node, item and attempt.
        results: Results of functions by step, node and item.
    """

    def __init__(
        self,
        answers: Mapping[CallKey, Answer],
        results: Mapping[tuple[int, str, int | None], Result],
    ) -> None:
        self._answers = answers
        self._results = results

    def answer(self, call: Call) -> Answer | None:
        """The recorded answer of a call, if it has one."""
        return self._answers.get((call.step, call.node, call.item, call.attempt))

    def result(self, step: int, node: str, item: int | None) -> Result | None:
        """The recorded result of a function, if it has one."""
        return self._results.get((step, node, item))
