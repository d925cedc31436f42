"""Questions that models decide: which ones, and what is made of the answers."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from agentkit.errors import CannotDecide, InputError, ModelError, OutputError
from agentkit.execution.binding import PromptNode
from agentkit.execution.shared_requests import SharedRequests
from agentkit.messages import NOTHING_USED, Answer, Completion, Image, Question, Request, Usage
from agentkit.models.base import DecisionModel, Model, can_decide, is_certain
from agentkit.models.decisions import certain, checked_decision
from agentkit.models.finish_reasons import REFUSAL, STOP


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
    node: PromptNode, request: Request, shared: SharedRequests, joined: Callable[[], None]
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
