"""LangChainDecisions: any decision model of LangChain."""

from typing import TYPE_CHECKING, Any

from agentkit.errors import AgentKitError, ModelError
from agentkit.messages import Completion, Decision, Question, Request, Usage
from agentkit.models.arrival import Try
from agentkit.models.hosted import DEFAULT, HostedModel, Settings
from agentkit.models.langchain.errors import failure
from agentkit.models.langchain.messages import content_of, to_langchain
from agentkit.models.retries import Retryable
from agentkit.program.raised_errors import passes_through

if TYPE_CHECKING:
    from langchain_core.decisions import BaseDecisionModel

_MOST_QUESTIONS = 64
"""System One's bound, which the providers of such models share."""


class LangChainDecisions(HostedModel):
    """A decision model of LangChain, from whatever package. It cannot answer in text.

    Args:
        model: The decision model. It is left as it is.
        settings: Timeout, tries, limits and price.
    """

    decides = True
    most_questions = _MOST_QUESTIONS

    def __init__(self, model: "BaseDecisionModel", settings: Settings = DEFAULT) -> None:
        super().__init__(f"langchain:{type(model).__name__}:{model.model}", settings)
        self._decider = model

    async def decide(self, request: Request) -> Completion:
        """Decide the questions of a request.

        Raises:
            ModelError: The provider did not answer in all tries, or refused the request.
            AccessError: The key is missing or was refused.
        """
        return await self.complete(request)

    async def _ask(self, request: Try) -> Completion:
        if not request.questions:
            raise ModelError(
                f"{self.name} can only decide: give node '{request.call.node}' an output of "
                "options and 'decide: true', or another model"
            )
        before, questions = request.messages[:-1], request.questions
        named = {f"q{number}": _question(one) for number, one in enumerate(questions)}
        state: Any = to_langchain(before or request.messages)
        try:
            response = await self._decider.ainvoke({"state": state, "questions": named})
            answers = [response.answers[name] for name in named]
            pairs = zip(questions, answers, strict=True)
            decisions = tuple(_decision(question, answer) for question, answer in pairs)
            return Completion("", _usage(response.usage), model=response.model, decisions=decisions)
        except Exception as error:
            if isinstance(error, (AgentKitError, Retryable)) or passes_through(error):
                raise
            outcome = failure(error, self.name, (), [])
        # Errors of a provider can hold the request with its key: ours do not come from them.
        raise outcome


def _question(question: Question) -> Any:
    from langchain_core.decisions import Choice, Noul, Score

    if question.kind == "predicate":
        return Noul(instructions=content_of(question.text, question.images))
    if question.kind == "score":
        return Score(
            instructions=content_of(question.text, question.images), criteria=[*question.shown]
        )
    criteria: dict[str, Any] = dict.fromkeys(question.options)
    return Choice(instructions=content_of(question.text, question.images), criteria=criteria)


def _decision(question: Question, answer: Any) -> Decision:
    if question.kind == "predicate":
        return Decision({"yes": answer.noul, "no": 1 - answer.noul})
    if question.kind == "score":
        places = enumerate(question.options)
        return Decision({one: answer.probabilities.get(place, 0.0) for place, one in places})
    return Decision({one: answer.probabilities.get(one, 0.0) for one in question.options})


def _usage(usage: Any) -> Usage:
    if not usage:
        return Usage()
    details = usage.get("input_token_details") or {}
    return Usage(usage["input_tokens"], usage["output_tokens"], details.get("cache_read") or 0)
