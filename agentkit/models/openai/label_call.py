"""Decides by Chat Completions: options are labels, and servers tell how likely each is."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

from agentkit.errors import AgentKitError
from agentkit.messages import NOTHING_USED, Completion, Message, Request, Sampling, Usage
from agentkit.models.arrival import Try
from agentkit.models.decisions import NoLabel, decide_by_labels, read_labels
from agentkit.models.expert_counts import add_experts
from agentkit.models.hosted import Ask
from agentkit.models.openai.answers import Unreadable, clean, read_usage
from agentkit.models.openai.routed_experts import experts_in

_ONE_TOKEN = Sampling(temperature=1.0, max_tokens=1)
"""Some servers tell the probabilities after the temperature: at 1 they are the model's own."""


class FewerLabels(Exception):
    """The server tells of fewer tokens than it was asked for."""


class LabelCall:
    """The requests of Chat Completions that decide a question: each is a call of its own.

    Args:
        request: The request, of one question.
        repeat: Makes tries of a request until one succeeds.
        ask: Makes one, and gives the likeliest first tokens too.
    """

    def __init__(
        self,
        request: Request,
        repeat: Callable[[Request, Ask], Awaitable[Completion]],
        ask: Callable[[Try], Awaitable[tuple[Completion, Sequence[Any]]]],
    ) -> None:
        self._request = request
        self._repeat = repeat
        self._ask = ask
        self._usage = NOTHING_USED
        self._experts: tuple[tuple[int, ...], ...] = ()
        self._model = ""

    async def decide(self, most_labels: int, rotations: int) -> Completion:
        """Decide the question.

        Args:
            most_labels: The most options of one request.
            rotations: How often a choice is asked.

        Raises:
            CannotDecide: There are more options than it can tell apart.
            NoLabel: The server does not tell probabilities, or answers begin with no label.
            FewerLabels: It must be asked again, with fewer labels.
            ModelError: The server did not answer.
        """
        (question,) = self._request.questions
        try:
            decision = await decide_by_labels(question, self._probabilities, most_labels, rotations)
        except AgentKitError as error:
            error.spent = self._usage + (error.spent or NOTHING_USED)
            raise
        return Completion(
            "", self._usage, model=self._model, decisions=(decision,), experts=self._experts
        )

    async def _probabilities(self, text: str, labels: Sequence[str]) -> list[float]:
        request, (question,) = self._request, self._request.questions
        if self._usage.calls and request.on_retry is not None:
            await request.on_retry("", 0.0)
        sent = (*request.messages[:-1], Message("user", text, question.images))
        asked = replace(
            request, messages=sent, sampling=_ONE_TOKEN, schema=None, on_text=None, questions=()
        )
        found: list[Any] = []

        async def ask(request: Try) -> Completion:
            completion, tokens = await self._ask(request)
            found[:] = tokens
            return completion

        try:
            completion = await self._repeat(asked, ask)
        except FewerLabels:
            self._usage += Usage(calls=1, cost_usd=0.0)
            raise
        self._usage += completion.usage
        self._experts = add_experts(self._experts, completion.experts)
        self._model = completion.model
        return read_labels(found, labels)


def read_label(data: Any) -> tuple[Completion, Sequence[Any]]:
    """Return a completion of one token, and the likeliest tokens in its place.

    Raises:
        NoLabel: It does not tell them.
        Unreadable: It is no chat completion.
    """
    try:
        choice, model = data["choices"][0], data.get("model")
        usage, told = read_usage(data.get("usage")), choice.get("logprobs")
    except (AttributeError, IndexError, KeyError, TypeError):
        raise Unreadable("the server's answer has not the form of a chat completion") from None
    try:
        tokens = told["content"][0]["top_logprobs"]
    except (IndexError, KeyError, TypeError):
        spent = replace(usage, calls=0)
        raise NoLabel("the server does not tell how likely tokens are", spent) from None
    name = clean(model) if isinstance(model, str) else ""
    experts = experts_in(data, choice, usage)
    return Completion("", usage, model=name, experts=experts), tokens if isinstance(
        tokens, list
    ) else []
