"""One question to a model: render, complete, parse, and again when the answer cannot be used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from agentkit.errors import ErrorText, InputError, OutputError, RenderError
from agentkit.events import CallRetried, NodeFinished, NodeRetried, NodeStarted, NodeText
from agentkit.execution.binding import BoundNode, PromptNode
from agentkit.execution.decisions import (
    answer_without_call,
    doubt_of,
    make_question,
    questions_of,
)
from agentkit.execution.middlewares import Complete
from agentkit.execution.request_cache import request_key
from agentkit.execution.step_run import StepRun
from agentkit.execution.unusable_answers import correction, fault_of, is_cut
from agentkit.graph.node import MISSING
from agentkit.messages import Answer, Call, Completion, Image, Message, Question, Request, Turn
from agentkit.models.thoughts import AnswerText
from agentkit.models.token_estimates import schema_tokens
from agentkit.outputs.action import PARSE_ACTION, nothing_reads_actions
from agentkit.outputs.default_bounds import with_default_bounds
from agentkit.outputs.scalars import TextOutput
from agentkit.values import json_copy, json_text


class Outcome(NamedTuple):
    """What a call of a node gave."""

    value: Any
    status: str
    """`ok`, `cut` or `otherwise`."""
    turn: Turn | None = None
    """The question and the answer as `recall` shows them; None of a function."""
    probabilities: Mapping[str, float] | None = None
    """Of every option, where the value is a decision."""


@dataclass(slots=True)
class PromptCall:
    """One prompt, or one item of an `each` node, on its way to an answer."""

    run: StepRun
    node: PromptNode
    variables: Mapping[str, Any]
    before: tuple[Message, ...]
    """System, examples, context and recalled turns."""
    sent: tuple[Message, ...]
    """The prompt; of several turns the last is the user's."""
    item: int | None = None
    question: Question | None = None
    """What a model may decide; None of an output without options, or where it shall not."""
    attempt: int = 0
    answer: Answer | None = None
    """The last one; None while there is none."""
    cut_text: str | None = None
    """The last truncated text that may be used when all attempts are spent."""
    shown: AnswerText | None = None
    """Shows the text of the last request's answer as it arrives; None where nobody watches."""
    first: int = 1
    """The first attempt of the present model: another one is asked where a decision is unsure."""

    async def execute(self) -> Outcome:
        """Ask until the answer can be used, at most `attempts` times.

        Raises:
            OutputError: No answer could be used, nor a truncated one, and there is no `otherwise`.
            AgentKitError: The model failed, or the step was stopped.
            InputError: Nothing reads the action that it asks for.
        """
        run = self.run
        if self.node.output.takes_action and run.parse_action is None:
            raise InputError(nothing_reads_actions(self.node.compiled.name))
        messages = (*self.before, *self.sent)
        schema = self.schema
        while True:
            run.check_may_start()
            self.attempt += 1
            request = self._request(messages, schema)
            self._tell_start(request)
            self.answer = None
            only = answer_without_call(self.question)
            self.answer = answer = only or await self._path(request)(request)
            if not answer.reused:
                run.usage += answer.completion.usage
            if (doubt := doubt_of(self.node, answer.completion)) and self.node.stronger:
                self._tell_retry(answer, OutputError(doubt))
                self.node, self.first = self.node.stronger, self.attempt + 1
                schema = self.schema
                continue
            try:
                status, value, why = self._read(answer.completion)
                said = answer.completion.text
            except OutputError as error:
                most = self.first - 1 + self.node.compiled.node.attempts
                if not answer.completion.decisions and self.attempt < most:
                    self._tell_retry(answer, error)
                    examples = self.node.compiled.examples
                    messages = (*messages, *correction(answer.completion, error, examples))
                    continue
                status, value, said = self._stand_in(error)
                why = str(error)
            self._tell_end(status, value, why)
            turn = (*self.sent, Message("assistant", said))
            decision = answer.completion.decision if status == "ok" else None
            return Outcome(value, status, turn, decision.probabilities if decision else None)

    def _path(self, request: Request) -> Complete:
        """The way of a request to its answer; a question that is decided is waited for there."""
        run = self.run
        path = run.source.path(self.node, run.tracing)
        return run.source.shared.awaited(self.node.model, path) if request.questions else path

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """The JSON schema that is sent, with bounds that keep an answer within its tokens."""
        schema = self.node.output.json_schema(self.variables)
        if schema is None:
            return None
        return with_default_bounds(schema, schema_tokens(self.node.model, self.node.sampling))

    def _request(self, messages: tuple[Message, ...], schema: Mapping[str, Any] | None) -> Request:
        run, call = self.run, self._call()
        return Request(
            messages, run.source.sampling(self.node, call, self.first), schema, call,
            self.variables, self._text_sink() if run.streaming else None, self._on_retry,
            run.check_may_start, self.node.extra, questions_of(self.node, self.question),
            run.moment,
        )  # fmt: skip

    def _call(self) -> Call:
        run = self.run
        return Call(run.episode, run.step, self.node.compiled.name, self.item, self.attempt)

    def _read(self, completion: Completion) -> tuple[str, Any, str]:
        """Return the status and the value of a completion, and why it is not whole.

        Raises:
            OutputError: It cannot be used, or not before the attempts are spent.
        """
        fault, text = fault_of(completion), completion.text
        output, cut = self.node.output, self.node.compiled.node.cut
        values = self.variables
        if output.takes_action:
            values = {**values, PARSE_ACTION: self.run.parse_action}
        if fault is None:
            is_decided = bool(completion.decisions)
            value = output.value_of(text) if is_decided else output.parse(text, values)
            return "ok", self._checked(value), ""
        if cut == "error" or not is_cut(completion):
            raise OutputError(fault)
        if isinstance(output, TextOutput):
            try:
                value = self._checked(output.parse(text, values))
            except OutputError as error:
                raise OutputError(f"{fault} {error}") from error
            if cut == "accept":
                return "cut", value, fault
            self.cut_text = text
            raise OutputError(fault)
        try:
            value = output.parse_cut(text, values)
        except OutputError:
            raise OutputError(fault) from None
        return "ok", self._checked(value), ""

    def _checked(self, value: Any) -> Any:
        check_value(self.node, value, self.variables)
        return value

    def _stand_in(self, error: OutputError) -> tuple[str, Any, str]:
        """Return what stands for an answer when all attempts are spent: status, value and text.

        Raises:
            OutputError: Nothing does, so the node fails.
        """
        otherwise, recorded = self.node.compiled.node.otherwise, self.run.source.recorded_calls
        if otherwise is not MISSING:
            return "otherwise", json_copy(otherwise), json_text(otherwise)
        if self.cut_text is not None and not (recorded and recorded.has_failed(self._call())):
            return "cut", self.cut_text.strip(), self.cut_text
        times = f"{self.attempt} attempt{'s' if self.attempt > 1 else ''}"
        raise OutputError(f"no usable answer in {times}; the last one: {error}") from error

    async def _on_retry(self, reason: str, wait_s: float) -> None:
        run, name = self.run, self.node.compiled.name
        if self.shown is not None:
            self.shown.start_again()
        if run.emit and reason:
            run.emit(CallRetried(run.step, name, self.item, self.attempt, reason, wait_s))

    def _text_sink(self) -> Callable[[str], None] | None:
        step, name, item, emit = self.run.step, self.node.compiled.name, self.item, self.run.emit
        if emit is None:
            return None
        self.shown = AnswerText(lambda text: emit(NodeText(step, name, item, text)))
        return self.shown

    def _tell_start(self, request: Request) -> None:
        run, node = self.run, self.node
        if run.emit:
            key = request_key(node.model, request).hex() if node.compiled.node.reuse else ""
            run.emit(
                NodeStarted(
                    run.step, node.compiled.name, self.item, self.attempt, node.model.name,
                    request.messages, request.sampling, request.schema, request_key=key,
                    extra=request.extra or None, turns=len(self.sent),
                )
            )  # fmt: skip

    def _tell_retry(self, answer: Answer, error: OutputError) -> None:
        run = self.run
        if run.emit:
            run.emit(
                NodeRetried(
                    run.step, self.node.compiled.name, self.item, self.attempt,
                    ErrorText(error), answer.completion, answer.latency_s, answer.reused,
                    answer.waited_s,
                )
            )  # fmt: skip

    def _tell_end(self, status: str, value: Any, why: str) -> None:
        run = self.run
        if run.emit:
            run.emit(
                NodeFinished(
                    run.step, self.node.compiled.name, self.item, self.attempt, status, value,
                    *told(self.answer), why,
                )
            )  # fmt: skip


def told(answer: Answer | None) -> tuple[Completion | None, float, bool, float]:
    """What events tell of an answer: the completion, its times, whether it was there already."""
    if answer is None:
        return None, 0.0, False, 0.0
    return answer.completion, answer.latency_s, answer.reused, answer.waited_s


def check_value(node: BoundNode, value: Any, variables: Mapping[str, Any]) -> None:
    """Hold a value against a node's checks.

    Raises:
        OutputError: A check says no.
    """
    for check, expression in node.compiled.checks:
        try:
            met = expression.evaluate({**variables, "output": value})
        except RenderError as error:
            raise OutputError(f"it cannot be checked: {error}") from error
        if not met:
            raise OutputError(check.say or f"it must meet this condition: {check.that}")


def make_prompt_call(
    run: StepRun,
    node: PromptNode,
    variables: Mapping[str, Any],
    before: tuple[Message, ...],
    item: int | None,
) -> PromptCall:
    """Return a prompt node's question, its prompt filled in.

    Raises:
        RenderError: The prompt cannot be filled in.
    """
    *earlier, (_, last) = node.compiled.turns
    before_it = [Message(role, turn.render(variables).strip()) for role, turn in earlier]
    prompt, images = last.render(variables).strip(), _images(node, variables)
    sent = (*before_it, Message("user", _text(node, prompt, variables), images))
    question = make_question(node, prompt, images, variables)
    return PromptCall(run, node, variables, before, sent, item, question)


def _text(node: PromptNode, prompt: str, variables: Mapping[str, Any]) -> str:
    """The prompt as it is sent: last what the output asks for."""
    instruction = node.output.instruction(variables)
    return f"{prompt}\n\n{instruction}" if instruction else prompt


def _images(node: PromptNode, variables: Mapping[str, Any]) -> tuple[Image, ...]:
    """The pictures that go with the prompt."""
    if node.compiled.images is None:
        return ()
    from agentkit.outputs.images import to_images

    return to_images(node.compiled.images.evaluate(variables))
