"""Decides by Chat Completions: options are labels, and servers tell how likely each is."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from agentkit.errors import CannotDecide
from agentkit.messages import Completion, Message, Question, Request, Sampling, Usage
from agentkit.models.arrival import Try
from agentkit.models.decisions import decide_by_labels, read_labels
from agentkit.models.hosted import Settings
from agentkit.models.openai.answers import Unreadable, clean, read_usage
from agentkit.models.openai.dialect import Dialect

_ONE_TOKEN = Sampling(temperature=1.0, max_tokens=1)
"""Some servers tell the probabilities after the temperature: at 1 they are the model's own."""


class LabelCall:
    """The requests of Chat Completions that decide the questions of one request.

    Args:
        request: The request.
        dialect: Writes what is sent.
        settings: How the server is asked.
        fetch: Sends it, and gives the JSON of the answer.
    """

    def __init__(
        self,
        request: Try,
        dialect: Dialect,
        settings: Settings,
        fetch: Callable[[Try, Mapping[str, Any]], Awaitable[Any]],
    ) -> None:
        self._request = request
        self._dialect = dialect
        self._settings = settings
        self._fetch = fetch
        self._usage = Usage()
        self._model = ""
        self.asked: Request = request
        """The last request as it was asked."""
        self.body: dict[str, Any] = {}
        """What was sent for it."""

    async def decide(self, most_labels: int, most_tokens: int) -> Completion:
        """Decide all questions, one after the other.

        Args:
            most_labels: The most options of one request.
            most_tokens: Of how many tokens the server tells how likely they are.

        Raises:
            CannotDecide: The server does not tell, or answers begin with no label.
            Refused: The server answered with an error.
            Unreadable: Its answer makes no sense.
        """
        decisions = []
        for question in self._request.questions:

            async def ask(
                text: str, labels: Sequence[str], question: Question = question
            ) -> list[float]:
                return read_labels(await self._tokens(text, question, most_tokens), labels)

            rotations = self._settings.rotations
            decisions.append(await decide_by_labels(question, ask, most_labels, rotations))
        return Completion("", self._usage, model=self._model, decisions=tuple(decisions))

    async def _tokens(self, text: str, question: Question, most: int) -> Sequence[Any]:
        """The likeliest first tokens of the answer to a text."""
        sent = (*self._request.messages[:-1], Message("user", text, question.images))
        self.asked = asked = replace(
            self._request, messages=sent, sampling=_ONE_TOKEN, schema=None, on_text=None
        )
        body = self._dialect.body(asked, self._settings)
        self.body = body = {**body, "logprobs": True, "top_logprobs": most}
        data = await self._fetch(self._request, body)
        try:
            choice, model = data["choices"][0], data.get("model")
            self._usage += replace(read_usage(data.get("usage")), calls=1)
            told = choice.get("logprobs")
        except (AttributeError, IndexError, KeyError, TypeError):
            raise Unreadable("the server's answer has not the form of a chat completion") from None
        self._model = clean(model) if isinstance(model, str) else ""
        try:
            tokens = told["content"][0]["top_logprobs"]
        except (IndexError, KeyError, TypeError):
            raise CannotDecide("the server does not tell how likely tokens are") from None
        return tokens if isinstance(tokens, list) else []
