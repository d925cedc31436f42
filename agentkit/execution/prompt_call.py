"""One question to a model: render, complete, parse, and again when the answer cannot be used."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from agentkit.errors import (
    AgentKitError,
    ErrorText,
    OutputError,
    RenderError,
    StepInterrupted,
    TraceError,
)
from agentkit.events import (
    CallRetried,
    Event,
    NodeFinished,
    NodeRetried,
    NodeStarted,
    NodeText,
)
from agentkit.execution.binding import BoundNode
from agentkit.execution.completions import CompletionSource
from agentkit.execution.request_cache import request_key
from agentkit.graph.node import MISSING
from agentkit.messages import (
    NOTHING_USED,
    Answer,
    Call,
    Completion,
    Image,
    Message,
    Request,
    Turn,
    Usage,
)
from agentkit.observability.telemetry import Tracing
from agentkit.outputs.declaration import Output
from agentkit.values import json_copy, json_text

_MOST_ITEMS: Final = 10_000
"""The most items an `each` node takes: more is a mistake in the list, not a wish."""


@dataclass(slots=True)
class Shared:
    """What every question of a step shares."""

    step: int
    episode: int
    emit: Callable[[Event], None] | None
    streaming: bool
    source: CompletionSource
    stopping: Callable[[], bool]
    tracing: Tracing | None = None
    usage: Usage = NOTHING_USED
    """What the step has used so far."""


class Unanswered(Exception):
    """A question got no usable answer; carries what is known about the last attempt."""

    def __init__(
        self,
        cause: AgentKitError,
        attempt: int = 1,
        answer: Answer | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.attempt = attempt
        self.answer = answer


@dataclass(slots=True)
class PromptCall:
    """One prompt, or one item of an `each` node, on its way to an answer."""

    shared: Shared
    bound: BoundNode
    output: Output
    variables: Mapping[str, Any]
    before: tuple[Message, ...]
    """System, context and recalled turns."""
    sent: Message
    item: int | None = None
    attempt: int = 0
    answer: Answer | None = None
    """The last one; None while there is none."""
    status: str = "ok"

    async def ask(self) -> tuple[Any, Turn]:
        """Ask until the answer can be used, at most `attempts` times.

        Returns:
            The node's value, and the question and answer as `recall` shows them.

        Raises:
            Unanswered: The model failed, or no answer could be used and there is no `otherwise`.
        """
        try:
            return await self._ask()
        except (StepInterrupted, TraceError):
            raise
        except AgentKitError as error:
            raise Unanswered(error, self.attempt, self.answer) from error

    async def _ask(self) -> tuple[Any, Turn]:
        node = self.bound.compiled.node
        messages = (*self.before, self.sent)
        schema = self.output.json_schema(self.variables)
        while True:
            self._may_start()
            self.attempt += 1
            answer = await self._complete(messages, schema)
            said = Message("assistant", answer.completion.text)
            try:
                value = self._read(answer.completion)
            except OutputError as error:
                if self.attempt == node.attempts:
                    return self._fall_back(error)
                self._retried(answer, error)
                messages = (*messages, said, _correction(error))
                continue
            self._finished("ok", value)
            return value, (self.sent, said)

    async def _complete(
        self, messages: tuple[Message, ...], schema: Mapping[str, Any] | None
    ) -> Answer:
        """Ask the model once."""
        shared, bound = self.shared, self.bound
        name, model = bound.compiled.name, bound.prompt_model
        call = Call(shared.episode, shared.step, name, self.item, self.attempt)
        sink = self._text_sink() if shared.streaming else None
        sampling = shared.source.sampling(bound)
        request = Request(
            messages, sampling, schema, call, self.variables, sink, self._on_retry, self._may_start
        )
        if shared.emit:
            key = request_key(model, request).hex() if bound.compiled.node.reuse else ""
            shared.emit(
                NodeStarted(
                    shared.step, name, self.item, self.attempt, model.name, messages,
                    sampling, schema, request_key=key,
                )
            )  # fmt: skip
        self.answer = None
        self.answer = answer = await shared.source.get(bound, request, shared.tracing)
        if not answer.reused:
            shared.usage += answer.completion.usage
        return answer

    def _may_start(self) -> None:
        if self.shared.stopping():
            raise StepInterrupted("stopped before the model was asked")

    async def _on_retry(self, reason: str, wait_s: float) -> None:
        shared, name = self.shared, self.bound.compiled.name
        if shared.emit:
            shared.emit(CallRetried(shared.step, name, self.item, self.attempt, reason, wait_s))

    def _text_sink(self) -> Callable[[str], None] | None:
        shared, name, item = self.shared, self.bound.compiled.name, self.item
        emit = shared.emit
        if emit is None:
            return None
        return lambda text: emit(NodeText(shared.step, name, item, text))

    def _read(self, completion: Completion) -> Any:
        """Parse a completion and hold it against the node's checks."""
        if completion.finish_reason == "length":
            raise OutputError("it was cut off at the token limit; be shorter.")
        if completion.finish_reason == "refusal":
            raise OutputError("it is a refusal, not an answer.")
        value = self.output.parse(completion.text, self.variables)
        check_value(self.bound, value, self.variables)
        return value

    def _fall_back(self, error: OutputError) -> tuple[Any, Turn]:
        """Take `otherwise` when all attempts are spent; without one the node fails."""
        node = self.bound.compiled.node
        if node.otherwise is MISSING:
            times = "1 attempt" if self.attempt == 1 else f"{self.attempt} attempts"
            raise OutputError(f"no usable answer in {times}; the last one: {error}") from error
        value = json_copy(node.otherwise)
        self._finished("otherwise", value)
        return value, (self.sent, Message("assistant", json_text(value)))

    def _retried(self, answer: Answer, error: OutputError) -> None:
        shared = self.shared
        if shared.emit:
            shared.emit(
                NodeRetried(
                    shared.step, self.bound.compiled.name, self.item, self.attempt,
                    ErrorText(error), answer.completion, answer.latency_s, answer.reused,
                    answer.waited_s,
                )
            )  # fmt: skip

    def _finished(self, status: str, value: Any) -> None:
        shared = self.shared
        self.status = status
        if shared.emit:
            shared.emit(
                NodeFinished(
                    shared.step, self.bound.compiled.name, self.item, self.attempt, status, value,
                    *told(self.answer),
                )
            )  # fmt: skip


def told(answer: Answer | None) -> tuple[Completion | None, float, bool, float]:
    """What events tell of an answer: the completion, its times, whether it was there already."""
    if answer is None:
        return None, 0.0, False, 0.0
    return answer.completion, answer.latency_s, answer.reused, answer.waited_s


def _correction(error: OutputError) -> Message:
    return Message("user", f"That answer cannot be used: {error}\nAnswer again, in full.")


def check_value(bound: BoundNode, value: Any, variables: Mapping[str, Any]) -> None:
    """Hold a value against a node's checks.

    Raises:
        OutputError: A check says no.
    """
    for check, expression in bound.compiled.checks:
        try:
            met = expression.evaluate({**variables, "output": value})
        except RenderError as error:
            raise OutputError(f"it cannot be checked: {error}") from error
        if not met:
            raise OutputError(check.say or f"it must meet this condition: {check.that}")


def make_prompt_call(
    shared: Shared,
    bound: BoundNode,
    variables: Mapping[str, Any],
    before: tuple[Message, ...],
    item: int | None,
) -> PromptCall:
    """A prompt node's question, its prompt filled in.

    Raises:
        RenderError: The prompt cannot be filled in.
    """
    output = bound.prompt_output
    text = question_text(bound, output, variables)
    sent = Message("user", text, question_images(bound, variables))
    return PromptCall(shared, bound, output, variables, before, sent, item)


def checked_items(items: Any) -> Sequence[Any]:
    """What an `each` node goes through; null is an empty list.

    Raises:
        RenderError: It is no list, or one of too many items.
    """
    if items is None:
        return []
    if not isinstance(items, (list, tuple)) or len(items) > _MOST_ITEMS:
        found = f"{len(items)} items" if isinstance(items, (list, tuple)) else repr(items)[:80]
        raise RenderError(f"each: expected a list of at most {_MOST_ITEMS} items, found {found}")
    return items


def question_text(bound: BoundNode, output: Output, variables: Mapping[str, Any]) -> str:
    """The prompt as it is sent: filled in, and last what the output asks for."""
    template = bound.compiled.template
    prompt = template.render(variables).strip() if template else ""
    instruction = output.instruction(variables)
    return f"{prompt}\n\n{instruction}" if instruction else prompt


def question_images(bound: BoundNode, variables: Mapping[str, Any]) -> tuple[Image, ...]:
    """The pictures that go with the prompt."""
    if bound.compiled.images is None:
        return ()
    from agentkit.outputs.images import to_images

    return to_images(bound.compiled.images.evaluate(variables))
