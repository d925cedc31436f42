"""Calls that a record already has, taken from there instead of being made again."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson

from agentkit.errors import FunctionError, ModelError, ReplayError, TraceError
from agentkit.events import (
    Event,
    NodeFailed,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    StepFailed,
)
from agentkit.messages import (
    NOTHING_USED,
    UNSET,
    Answer,
    Call,
    Completion,
    Message,
    Request,
    Sampling,
    Usage,
)
from agentkit.record.line import picture_name
from agentkit.values import as_recorded

T = TypeVar("T")
CallKey = tuple[str, int | None, int]
"""Node, item and attempt."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a function node's function returned."""

    value: Any
    status: str
    """`ok` or `otherwise`."""
    latency_s: float


@dataclass(slots=True)
class StepCalls:
    """What a record says of the calls of one step."""

    asked: dict[CallKey, bytes] = field(default_factory=dict)
    """A digest of what was asked last: of messages, or of a function's arguments."""
    questions: dict[CallKey, bytes] = field(default_factory=dict)
    """The digests of the questions that the answers and results belong to."""
    functions: set[CallKey] = field(default_factory=set)
    """Those of the questions that are calls of functions."""
    answers: dict[CallKey, Answer] = field(default_factory=dict)
    results: dict[CallKey, Result] = field(default_factory=dict)
    refused: dict[CallKey, Answer] = field(default_factory=dict)
    """Answers that nodes failed with."""
    errors: dict[CallKey, str] = field(default_factory=dict)
    """Why nodes failed without an answer."""
    unanswered: Usage = NOTHING_USED
    """Calls of a step that failed which got no answer; their cost is None when a price of the step
    was unknown."""
    sampling: dict[CallKey, Sampling] = field(default_factory=dict)
    """The settings of further attempts, which are not those of the node."""
    request_keys: dict[CallKey, str] = field(default_factory=dict)
    """Digests of the requests of nodes with `reuse`."""

    def take(self, event: Event) -> None:
        """Take in an event of the step.

        Raises:
            TraceError: It ends a call that was not begun.
        """
        if isinstance(event, NodeStarted):
            self._began(event)
        elif isinstance(event, NodeRetried):
            self._answered(event, event.completion)
        elif isinstance(event, NodeFinished):
            key = event.node, event.item, event.attempt
            if key in self.functions:
                self.results[key] = Result(event.value, event.status, event.latency_s)
                self.questions[key] = self.asked[key]
            elif event.completion is not None:
                self._answered(event, event.completion)
        elif isinstance(event, NodeFailed):
            self._failed(event)
        elif isinstance(event, StepFailed):
            answers = [*self.answers.values(), *self.refused.values()]
            known = sum(answer.completion.usage.calls for answer in answers if not answer.reused)
            self.unanswered = unanswered(event, known)

    def _began(self, event: NodeStarted) -> None:
        key = event.node, event.item, event.attempt
        if event.function:
            self.functions.add(key)
            self.asked[key] = _arguments_digest(event.arguments or {})
        else:
            self.asked[key] = _messages_digest(first_question(event.messages, event.attempt))
            if event.attempt > 1:
                self.sampling[key] = event.sampling or UNSET
        if event.request_key:
            self.request_keys[key] = event.request_key

    def _answered(self, event: NodeRetried | NodeFinished, completion: Completion) -> None:
        key = event.node, event.item, event.attempt
        self.answers[key] = _answer(event, completion)
        self.questions[key] = self._question(event)

    def _failed(self, event: NodeFailed) -> None:
        key = event.node, event.item, event.attempt
        if event.completion is not None:
            self.refused[key] = _answer(event, event.completion)
            self.questions.setdefault(key, self._question(event))
        elif key in self.asked and key not in self.answers and key not in self.results:
            self.errors[key] = event.error

    def _question(self, event: NodeRetried | NodeFinished | NodeFailed) -> bytes:
        key = event.node, event.item, event.attempt
        if key not in self.asked:
            raise TraceError(
                f"the record of step {event.step} is damaged: {_name(key)} was answered, and "
                "nothing says what it was asked"
            )
        return self.asked[key]

    def reusable(self) -> list[tuple[bytes, Completion]]:
        """The completions of nodes with `reuse`, by the digests of their requests."""
        return [
            (bytes.fromhex(digest), self.answers[key].completion)
            for key, digest in self.request_keys.items()
            if key in self.answers
        ]

    @property
    def ended(self) -> bool:
        """Whether every call that was begun came to an end."""
        known = (self.answers, self.results, self.refused, self.errors)
        return all(any(key in calls for calls in known) for key in self.asked)

    @property
    def paid(self) -> Usage:
        """What was paid for the completions that nodes went on with."""
        paid = (one.completion.usage for one in self.answers.values() if not one.reused)
        return sum(paid, NOTHING_USED)


class RecordedCalls:
    """The calls of an episode that are taken from its record.

    Args:
        steps: The recorded calls, by step.
        complete: Whether the record is all there is: a call that it does not have is an error,
            and so is again what was an error then.
    """

    def __init__(self, steps: Mapping[int, StepCalls], *, complete: bool = False) -> None:
        self._steps = steps
        self._complete = complete
        self._untaken = {step: set(calls.answers) for step, calls in steps.items()}

    def answer(self, request: Request) -> Answer | None:
        """The recorded answer to a request, if it has one.

        Raises:
            ReplayError: It was given to another question, or is missing from a complete record.
            ModelError: The model failed then, in a complete record.
        """
        call = request.call
        key = call.node, call.item, call.attempt
        calls = self._steps.get(call.step)
        if calls is None:
            self._refuse(call.step, key)
            return None
        known = calls.answers.get(key)
        if known is None and self._complete:
            known = calls.refused.get(key)
            if known is None and key in calls.errors:
                raise ModelError(calls.errors[key])
        if known is None:
            self._refuse(call.step, key)
            return None
        if calls.questions[key] != _messages_digest(first_question(request.messages, call.attempt)):
            raise _other_question(call.step, key, "was asked something else")
        self._untaken.get(call.step, set()).discard(key)
        return known

    def sampling(self, call: Call) -> Sampling | None:
        """Return the recorded settings of a further attempt; None where there are none."""
        calls, key = self._steps.get(call.step), (call.node, call.item, call.attempt)
        return None if calls is None else calls.sampling.get(key)

    def has_failed(self, call: Call) -> bool:
        """Return whether a complete record says that a node failed with the answer to this call."""
        calls, key = self._steps.get(call.step), (call.node, call.item, call.attempt)
        return self._complete and calls is not None and key in calls.refused

    def result(
        self, step: int, node: str, item: int | None, arguments: Mapping[str, Any]
    ) -> Result | None:
        """The recorded result of a function, if it has one.

        Raises:
            ReplayError: It was called with other arguments, or is missing from a complete record.
            FunctionError: The function failed then, in a complete record.
        """
        key = node, item, 1
        calls = self._steps.get(step)
        known = None if calls is None else calls.results.get(key)
        if calls is None or known is None:
            if calls is not None and self._complete and key in calls.errors:
                raise FunctionError(calls.errors[key])
            self._refuse(step, key)
            return None
        if calls.questions[key] != _arguments_digest(arguments):
            raise _other_question(step, key, "was called with other arguments")
        return known

    def settle(self, step: int) -> Usage:
        """Return what was paid in a step for answers that nobody asked for, once.

        Of a complete record: the calls that got no answer.
        """
        untaken = self._untaken.pop(step, None)
        if untaken is None:
            return NOTHING_USED
        if self._complete:
            return self._steps[step].unanswered
        answers = (self._steps[step].answers[key] for key in untaken)
        return sum((one.completion.usage for one in answers if not one.reused), NOTHING_USED)

    def _refuse(self, step: int, key: CallKey) -> None:
        """Refuse a call that a complete record does not have."""
        if self._complete:
            raise ReplayError(f"step {step}, {_name(key)}: the record has no such call")


def _other_question(step: int, key: CallKey, what: str) -> ReplayError:
    return ReplayError(
        f"step {step}, {_name(key)} {what} when this was recorded, so the recorded answer is "
        "not its own: the agent, its functions or AgentKit have changed since"
    )


def _name(key: CallKey) -> str:
    node, item, attempt = key
    name = f"node '{node}'" if item is None else f"node '{node}' item {item}"
    return name if attempt == 1 else f"{name} attempt {attempt}"


def unanswered(failed: StepFailed, known: int) -> Usage:
    """Return the calls of a failed step that got no answer.

    Args:
        failed: The end of the step.
        known: How many of its calls have an answer in the record.
    """
    cost_usd = None if failed.usage.cost_usd is None else 0.0
    return Usage(calls=max(0, failed.usage.calls - known), cost_usd=cost_usd)


def _answer(event: NodeRetried | NodeFinished | NodeFailed, completion: Completion) -> Answer:
    return Answer(completion, event.latency_s, event.reused, event.waited_s)


def _arguments_digest(arguments: Mapping[str, Any]) -> bytes:
    data = orjson.dumps(as_recorded(arguments), option=orjson.OPT_SORT_KEYS)
    return hashlib.blake2b(data, digest_size=16).digest()


def first_question(messages: Sequence[T], attempt: int) -> Sequence[T]:
    """Return the messages of the first attempt.

    Each further attempt adds the answer before it, as the model is shown it, and what is wrong with
    it. Both follow from that answer, which is recorded, and how they are said may change.
    """
    return messages[: len(messages) - 2 * (attempt - 1)]


def one_wording(text: str) -> str:
    """Return a prompt with the blanks of a form as they were written until November 2026."""
    return text.replace("<text>", '"..."')


def _messages_digest(messages: Iterable[Message]) -> bytes:
    """A digest of roles, texts and names of pictures."""
    digest = hashlib.blake2b(digest_size=16)
    for message in messages:
        for text in (
            message.role,
            *map(picture_name, message.images),
            one_wording(message.content),
        ):
            data = text.encode("utf-8", "replace")  # as it is written
            digest.update(b"%d:" % len(data) + data)
    return digest.digest()
