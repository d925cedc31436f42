"""Questions that models decide: which ones, in which requests, and what is made of the answers."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

from agentkit.errors import AgentKitError, CannotDecide, InputError, ModelError, OutputError
from agentkit.execution.binding import PromptNode
from agentkit.messages import NOTHING_USED, Answer, Completion, Image, Question, Request, Usage
from agentkit.models.base import DecisionModel, Model, can_decide, is_certain
from agentkit.models.decisions import certain, checked_decision
from agentkit.models.finish_reasons import REFUSAL, STOP
from agentkit.values import json_text

_LONGEST_WAIT_S: Final = 0.05
"""How long a request waits for questions that are on their way to it: some may wait for room in
the budget, which this very request has taken."""

_ROUNDS: Final = 3
"""Rounds of the event loop in which the questions begin that are ready at the same time."""


def check_decisions(nodes: Iterable[PromptNode]) -> None:
    """Refuse models that cannot decide, where their nodes or entries say that they do.

    Raises:
        InputError: It lists them.
    """
    if lines := [_cannot(node) for node in nodes if node.decide is True and not _may(node)]:
        raise InputError("\n".join(lines))


def _may(node: PromptNode) -> bool:
    return can_decide(node.model)


def _cannot(node: PromptNode) -> str:
    return (
        f"node '{node.compiled.name}' is to be decided ('decide: true'), and {node.model.name} can "
        "only answer in text: say 'decide: auto', or give it another model"
    )


def make_question(
    node: PromptNode, prompt: str, images: tuple[Image, ...], variables: Mapping[str, Any]
) -> Question | None:
    """Return the question of a node that decides; None where it is answered in text.

    Args:
        node: The node.
        prompt: What it asks, without what its output asks for.
        images: Its pictures.
        variables: What its options read.

    Raises:
        RenderError: There are no options.
    """
    output = node.output
    if not node.decide or output.question_kind is None:
        return None
    options = tuple(output.options(variables))
    return Question(prompt, options, output.question_kind, images, output.meanings)


def questions_of(node: PromptNode, question: Question | None) -> tuple[Question, ...]:
    """Return what the model of a node is to decide: nothing where it can only answer in text.

    Raises:
        InputError: It can only do so, and the node is to be decided.
    """
    if question is None:
        return ()
    if _may(node):
        return (question,)
    check_decisions([node])
    return ()


def answer_without_call(question: Question | None) -> Answer | None:
    """Return the answer to a question that has only one; None where there is something to ask."""
    if question is None or len(question.options) != 1:
        return None
    (option,) = question.options
    decided = Completion(option, NOTHING_USED, decisions=(certain(question, option),))
    return Answer(decided, 0.0, reused=True)


def doubt_of(node: PromptNode, completion: Completion) -> str | None:
    """Return why a decision is not sure enough for its node, in words; None: it is."""
    unsure, decision = node.compiled.node.unsure, completion.decision
    if unsure is None or node.stronger is None or decision is None:
        return None
    if decision.winner is None:
        return f"it refused: {node.stronger.model.name} is asked"
    probability = decision.probabilities[decision.winner]
    if probability >= unsure.below:
        return None
    return (
        f"it is unsure: '{decision.winner}' has the probability {probability:.3g}, below "
        f"{unsure.below:g}; {node.stronger.model.name} is asked"
    )


async def decide(
    node: PromptNode, request: Request, shared: "SharedRequests", joined: Callable[[], None]
) -> Completion:
    """Let a node's model decide the question of a request.

    Args:
        node: The node.
        request: What it asks.
        shared: What several nodes ask together.
        joined: Called when the question is asked in the request of another node.

    Raises:
        ModelError: The model did not answer, or not to what it was asked.
    """
    model = node.model
    assert isinstance(model, DecisionModel)  # else there would be no question
    try:
        completion: object = await shared.decide(model, request, joined)
    except CannotDecide as error:
        if node.decide is True:
            message = f"node '{node.compiled.name}' is to be decided ('decide: true'): {error}"
            raise CannotDecide(message, error.spent) from None
        return await _in_text(model, request, error)
    if not isinstance(completion, Completion):
        return completion  # type: ignore[return-value]  # who asks refuses it
    if not completion.decisions:
        completion = _as_certain(node, request, completion)
    if not completion.decisions:
        if node.decide is True and not is_certain(model):
            raise CannotDecide(_cannot(node), completion.usage)
        return completion
    try:
        decision = checked_decision(model.name, request.questions[0], completion.decisions[0])
    except ModelError as error:
        error.spent = completion.usage
        raise
    text, reason = decision.winner, STOP
    if text is None:
        text, reason = completion.text, REFUSAL
    return replace(completion, text=text, finish_reason=reason, decisions=(decision,))


async def _in_text(model: Model, request: Request, error: CannotDecide) -> Completion:
    """Let a model answer in text what it cannot decide."""
    taken: Usage = error.spent or NOTHING_USED
    if taken.calls and request.on_retry is not None:
        await request.on_retry("", 0.0)
    completion: object = await model.complete(replace(request, questions=()))
    if not isinstance(completion, Completion) or not taken.calls:
        return completion  # type: ignore[return-value]  # who asks refuses what is none
    return replace(completion, usage=completion.usage + taken)


def _as_certain(node: PromptNode, request: Request, completion: Completion) -> Completion:
    """An answer in text of who has no doubt, as a decision, where it names an option."""
    if not is_certain(node.model) or completion.finish_reason != STOP:
        return completion
    try:
        value = node.output.parse(completion.text, request.variables)
    except OutputError:
        return completion
    question = request.questions[0]
    option = next(one for one in question.options if node.output.value_of(one) == value)
    return replace(completion, decisions=(certain(question, option),))


@dataclass(slots=True, eq=False)
class _Batch:
    """Questions that are asked in one request."""

    requests: list[Request] = field(default_factory=list)
    answers: "asyncio.Future[list[Completion | Exception]]" = field(
        default_factory=lambda: asyncio.get_running_loop().create_future()
    )


class SharedRequests:
    """Asks questions that are ready at the same time, of one model after the same messages, in one
    request, where the model takes several."""

    def __init__(self) -> None:
        self._coming: dict[Hashable, int] = {}
        self._arrived = asyncio.Event()
        self._open: dict[Hashable, _Batch] = {}

    def awaited(
        self, model: Any, next: Callable[[Request], Awaitable[Answer]]
    ) -> Callable[[Request], Awaitable[Answer]]:
        """Return a way to an answer on which questions are waited for by others of their kind."""

        async def ask(request: Request) -> Answer:
            if not _is_shareable(model, request):
                return await next(request)
            with self._coming_of(_kind_of(model, request)):
                return await next(request)

        return ask

    @contextmanager
    def _coming_of(self, key: Hashable) -> Iterator[None]:
        self._coming[key] = self._coming.get(key, 0) + 1
        try:
            yield
        finally:
            self._coming[key] -= 1
            if not self._coming[key]:
                del self._coming[key]
            self._arrived.set()

    async def decide(
        self, model: DecisionModel, request: Request, joined: Callable[[], None]
    ) -> Completion:
        """Decide the question of a request, maybe together with others.

        Its usage counts once: in the answer of the first.

        Args:
            model: The model.
            request: The request, of one question.
            joined: Called when it is asked in the request of another.

        Raises:
            ModelError: The model did not answer.
        """
        if not _is_shareable(model, request):
            return await model.decide(request)
        key = _kind_of(model, request)
        batch = self._open.get(key)
        if batch is None:
            return await self._lead(model, request, key)
        position = len(batch.requests)
        batch.requests.append(request)
        self._arrived.set()
        await asyncio.wait([batch.answers])
        if batch.answers.cancelled():  # so was who asked, and not this one
            return await model.decide(request)
        answer = batch.answers.result()[position]
        if isinstance(answer, Completion) and answer.usage == NOTHING_USED:
            joined()
        return _given(answer)

    async def _lead(self, model: DecisionModel, request: Request, key: Hashable) -> Completion:
        """Wait for those that come at the same time, and ask for all."""
        batch = self._open[key] = _Batch([request])
        try:
            try:
                await self._gather(batch, key)
            finally:
                del self._open[key]
            answers = await _decide_all(model, batch.requests)
            batch.answers.set_result(answers)
        except Exception as error:
            if len(batch.requests) > 1:
                batch.answers.set_exception(error)
            raise
        finally:
            if not batch.answers.done():
                batch.answers.cancel()
        return _given(answers[0])

    async def _gather(self, batch: _Batch, key: Hashable) -> None:
        for _ in range(_ROUNDS):  # the tasks of other nodes begin, and those of their items
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(_LONGEST_WAIT_S):
                while len(batch.requests) < self._coming.get(key, 0):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return


def _is_shareable(model: Any, request: Request) -> bool:
    """Whether others may be asked in the same request: there is something that all have in front.

    What follows on nothing is its own state.
    """
    has_others = len(request.questions) == 1 and len(request.messages) > 1
    return has_others and can_decide(model) and model.most_questions > 1


def _kind_of(model: Any, request: Request) -> Hashable:
    return id(model), request.messages[:-1], json_text(request.extra)


def _given(answer: Completion | Exception) -> Completion:
    if isinstance(answer, Exception):
        raise answer
    return answer


async def _decide_all(
    model: DecisionModel, requests: Sequence[Request]
) -> list[Completion | Exception]:
    """Decide the questions of requests of one kind, in as few as the model takes."""
    answers: list[Completion | Exception] = []
    most = max(1, model.most_questions)
    for start in range(0, len(requests), most):
        answers += await _decide_part(model, requests[start : start + most])
    return answers


async def _decide_part(
    model: DecisionModel, requests: Sequence[Request]
) -> list[Completion | Exception]:
    first, *others = requests
    if not others:
        return [await model.decide(first)]
    questions = tuple(request.questions[0] for request in requests)
    try:
        whole = await model.decide(replace(first, questions=questions))
    except CannotDecide as error:
        return await _decide_each(model, requests, error.spent or NOTHING_USED)
    if len(whole.decisions) != len(questions):
        wrong = ModelError(
            f"{model.name} gave {len(whole.decisions)} decisions for {len(questions)} questions"
        )
        wrong.spent = whole.usage
        raise wrong
    parts = [replace(whole, decisions=(decision,)) for decision in whole.decisions]
    return [parts[0], *(replace(part, usage=NOTHING_USED) for part in parts[1:])]


async def _decide_each(
    model: DecisionModel, requests: Sequence[Request], taken: Usage
) -> list[Completion | Exception]:
    """Decide questions one by one, each for its own node; the first has what was used before."""
    first = requests[0]
    if taken.calls and first.on_retry is not None:
        await first.on_retry("", 0.0)
    found = await asyncio.gather(*map(model.decide, requests), return_exceptions=True)
    answers: list[Completion | Exception] = []
    for one in found:
        if isinstance(one, BaseException) and not isinstance(one, Exception):
            raise one
        answers.append(one)
    lead = answers[0]
    if isinstance(lead, Completion):
        answers[0] = replace(lead, usage=lead.usage + taken)
    elif isinstance(lead, AgentKitError):
        lead.spent = (lead.spent or NOTHING_USED) + taken
    return answers
