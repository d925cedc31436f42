"""What has come of an answer in pieces: it counts when the time of the answer is over."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from math import inf
from typing import Final, Self

from agentkit.messages import Completion, Request
from agentkit.models import finish_reasons

_LONGEST_SILENCE_S: Final = 30.0
"""A stream without a piece for so long is dead; a shorter timeout takes half of its time."""


class Arrived:
    """The pieces of one answer so far: a model that streams tells of each."""

    __slots__ = ("_last_s", "_read", "pieces", "until_s")

    def __init__(self) -> None:
        self.pieces = 0
        """How many have come; nearly all servers send a token in each."""
        self.until_s = inf
        """When the time of the answer is over, on the clock of `time.monotonic`."""
        self._last_s = 0.0
        self._read: Callable[[], Completion] | None = None

    def tell(self, pieces: int, read: Callable[[], Completion]) -> None:
        """Note that pieces have come.

        Args:
            pieces: How many, with all before; nothing is noted where there are no new ones.
            read: Gives the answer so far; it is called when the time is over.

        Raises:
            TimeoutError: It is over. Libraries on the way can swallow that a call was ended.
        """
        if pieces > self.pieces:
            self.pieces, self._read, self._last_s = pieces, read, time.monotonic()
            if self.is_over:
                raise TimeoutError

    @property
    def is_over(self) -> bool:
        """Whether the time of the answer is over."""
        return time.monotonic() >= self.until_s

    @property
    def silent_s(self) -> float:
        """How long ago the last piece came, in seconds."""
        return time.monotonic() - self._last_s

    def cut_off(self, timeout_s: float) -> Completion | None:
        """Return the answer so far, when its time is over; None where no more pieces were coming.

        Args:
            timeout_s: How long it was waited for.
        """
        if self._read is None or self.silent_s > min(_LONGEST_SILENCE_S, timeout_s / 2):
            return None
        answer = self._read()
        usage = answer.usage
        usage = replace(usage, output_tokens=max(self.pieces, usage.output_tokens))
        came = f"{self.pieces:,} {'piece' if self.pieces == 1 else 'pieces'} of it had come"
        detail = _detail(
            answer,
            f"after {timeout_s:g} s, when {came}",
            ("That is the time of 'timeout_s': raise it, or lower 'max_tokens'."),
        )
        is_call = answer.finish_reason == finish_reasons.TOOL_CALLS
        reason = finish_reasons.TOOL_CALLS if is_call else finish_reasons.LENGTH
        return replace(answer, usage=usage, finish_reason=reason, detail=detail)


def cut_off_at(completion: Completion, where: str, advice: str) -> Completion:
    """Return a completion that says where it was cut off, unless it is whole or says so already.

    Args:
        completion: What a server answered.
        where: The limit, such as `at 8 tokens`.
        advice: Which setting to change.
    """
    if completion.finish_reason != finish_reasons.LENGTH or completion.detail:
        return completion
    return replace(completion, detail=_detail(completion, where, advice))


def _detail(answer: Completion, where: str, advice: str) -> str:
    """Why an answer was cut off, in words for the model and for who reads the record."""
    in_thoughts = not answer.text.strip() and answer.thoughts
    place, wish = (" in its reasoning", "think less") if in_thoughts else ("", "be shorter")
    return f"it was cut off{place} {where}; {wish}. ({advice})"


@dataclass(frozen=True, slots=True)
class Try(Request):
    """A request that is sent, with what has come of its answer."""

    arrived: Arrived = field(default_factory=Arrived, compare=False)
    """Tell it of each piece, where the answer comes in pieces."""

    @classmethod
    def of(cls, request: Request) -> Self:
        """Return a try of a request, of which nothing has come yet."""
        return cls(*(getattr(request, one.name) for one in fields(Request)))
