"""ChatModel: a model whose answers have the form of Chat Completions, wherever it runs."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from agentkit.errors import CannotDecide
from agentkit.messages import Completion, Request
from agentkit.models.arrival import Try
from agentkit.models.decisions import NoLabel
from agentkit.models.hosted import HostedModel, Settings
from agentkit.models.openai.answers import (
    BrokenOff,
    EndedEarly,
    Unreadable,
    read_answer,
    read_json,
)
from agentkit.models.openai.dialect import Dialect
from agentkit.models.openai.errors import Refusal, Refused, read_error_in
from agentkit.models.openai.label_call import FewerLabels, LabelCall, read_label
from agentkit.models.openai.streamed_answer import StreamedAnswer, is_stream
from agentkit.models.retries import Retryable
from agentkit.models.thoughts import apart
from agentkit.redaction import redacted

_ENOUGH: Final = 2
"""Answers without any label, one after another, that tell of a model which thinks first."""
_FEWEST_TOKENS: Final = 5
_REST_S: Final = 3.0
"""How long the rest of a stream is waited for after the server said why its answer ended."""
_LAST_S: Final = 0.1
"""How long a server may take to end a stream after it said that this is all."""


class ChatModel(HostedModel):
    """The base of models with Chat Completions; a subclass says how a request is exchanged.

    Args:
        name: The id shown in traces.
        settings: Timeout, tries, limits, price, and how the server is asked.
        dialect: Writes the requests.
    """

    _empty_is_broken = True
    """Whether an answer without a text comes of a fault, which another try may mend."""

    _most_labels = 20
    """The most options that are told apart by one answer."""
    _most_tokens = 20
    """The most tokens whose probabilities the server tells."""

    def __init__(self, name: str, settings: Settings, dialect: Dialect) -> None:
        super().__init__(name, settings)
        self._dialect = dialect
        self._tells_labels = True
        self._unread = 0

    @property
    def takes_temperature(self) -> bool:
        """Whether the server has not refused a temperature."""
        return self._dialect.takes("temperature")

    @abstractmethod
    async def _exchange(self, request: Try, body: Mapping[str, Any]) -> Completion:
        """Send a request and read its answer.

        Raises:
            Refused: The server answered with an error.
            Unreadable: Its answer makes no sense.
            BrokenOff: It says that it broke its answer off.
            Retryable: The connection failed.
        """

    @abstractmethod
    async def _failure(
        self, request: Request, body: Mapping[str, Any], refusal: Refusal
    ) -> Exception:
        """Return the error that a refusal means, which asking in another way does not mend."""

    async def _secret(self) -> str | None:
        """The key, which a server's words may show."""
        return None

    @abstractmethod
    async def _fetch(self, request: Try, body: Mapping[str, Any]) -> Any:
        """Send a request and return the JSON of its whole answer.

        Raises:
            Refused: The server answered with an error.
            Unreadable: Its answer makes no sense.
            Retryable: The connection failed.
        """

    @property
    def most_questions(self) -> int:
        """How many questions one request may have."""
        return 1

    @property
    def decides(self) -> bool:
        """Whether it can decide, as far as is known."""
        return self._tells_labels

    async def decide(self, request: Request) -> Completion:
        """Decide the question of a request among the likeliest tokens of an answer.

        Raises:
            CannotDecide: The server does not tell them, there are more options than it can tell
                apart, or there are several questions.
            ModelError: The server did not answer in all tries, or refused a request.
            AccessError: The key is missing or was refused.
        """
        if len(request.questions) > 1:
            raise CannotDecide(f"{self.name} decides one question at a time")
        if not self._tells_labels:
            raise CannotDecide(f"{self.name} can only answer in text")
        labels = LabelCall(request, self._repeat, self._ask_label)
        try:
            completion = await labels.decide(self._most_labels, self.settings.rotations)
        except FewerLabels:
            completion = await labels.decide(self._most_labels, self.settings.rotations)
        except NoLabel as error:
            self._unread += 1
            self._tells_labels = self._unread < _ENOUGH
            raise NoLabel(f"{self.name} cannot decide: {error}", error.spent) from None
        self._unread = 0
        return completion

    async def _ask_label(self, request: Try) -> tuple[Completion, Sequence[Any]]:
        """Ask for the first token of an answer.

        Returns:
            The completion, and the likeliest tokens as Chat Completions has them.

        Raises:
            CannotDecide: The server does not tell them.
            FewerLabels: It tells of fewer tokens, so fewer labels must be asked for.
        """
        body = self._dialect.body(request, self.settings)
        body = {**body, "logprobs": True, "top_logprobs": self._most_tokens}
        try:
            return read_label(await self._fetch(request, body))
        except Unreadable as error:
            raise Retryable(str(error)) from None
        except Refused as error:
            refusal = error.refusal
        if refusal.status in (None, 400, 403, 422) and "logprobs" in refusal.said:
            if "top_logprobs" in refusal.said and self._most_tokens > _FEWEST_TOKENS:
                self._most_tokens = self._most_labels = _FEWEST_TOKENS
                raise FewerLabels
            self._tells_labels = False
            raise CannotDecide(f"{self.name} can only answer in text")
        said, settings = (refusal.param, refusal.said), self.settings
        change = self._dialect.learn(request, body, refusal.status, *said, settings)
        if change:
            raise Retryable(change, changed=True)
        raise await self._failure(request, body, refusal)

    async def _ask(self, request: Try) -> Completion:
        body = self._dialect.body(request, self.settings)
        try:
            completion = await self._exchange(request, body)
        except Refused as error:
            refusal = error.refusal
        except Unreadable as error:
            raise self._unreadable(body, error) from None
        except BrokenOff as error:
            said = redacted(str(error), await self._secret())
            raise Retryable(f"the server broke its answer off: {said}") from None
        else:
            return self._read(request, body, completion)
        blamed = refusal.answer(await self._secret())
        if blamed is not None:
            return self._read(request, body, blamed)
        change = self._dialect.learn(
            request, body, refusal.status, refusal.param, refusal.said, self.settings
        )
        if change:
            raise Retryable(change, changed=True)
        raise await self._failure(request, body, refusal)

    def _unreadable(self, body: Mapping[str, Any], error: Unreadable) -> Retryable:
        """The error for an answer without sense; a stream may be asked for whole from now on."""
        change = None
        if "stream" in body:
            ended = isinstance(error, EndedEarly)
            change = self._dialect.learn_broken_stream(str(error), ended=ended)
        return Retryable(change or str(error), changed=change is not None)

    def _read(
        self, request: Request, body: Mapping[str, Any], completion: Completion
    ) -> Completion:
        """The completion with its text as the node's output expects it.

        Raises:
            Retryable: There is nothing in it, and the server may do better.
        """
        if completion.finish_reason == "refusal":
            return completion
        completion = apart(completion)
        said = completion.text.strip() or completion.thoughts
        is_empty = not said and completion.finish_reason == "stop" and "stop" not in body
        if is_empty and self._empty_is_broken:
            raise self._unreadable(body, EndedEarly("the server's answer is empty"))
        self._dialect.taken(body)
        return replace(completion, text=self._dialect.text(request, body, completion.text))

    def _whole(self, request: Request, content: bytes) -> Completion:
        """The completion in an answer that came in one piece."""
        if is_stream(content):  # from a server that sends pieces, whatever it is asked for
            answer = StreamedAnswer()
            answer.feed(content)
            answer.end()
            completion = answer.completion()
        else:
            data = read_json(content)
            if refusal := read_error_in(data):
                raise Refused(refusal)
            completion = read_answer(data)
        if request.on_text is not None and completion.text:
            request.on_text(completion.text)
        return completion

    async def _in_pieces(
        self, request: Try, body: Mapping[str, Any], chunks: AsyncGenerator[bytes]
    ) -> Completion:
        """The completion in an answer that comes as a stream."""
        answer = StreamedAnswer()

        def so_far() -> Completion:
            return self._read(request, body, answer.cut_off())

        rest_until: float | None = None
        while not answer.done:
            try:
                async with asyncio.timeout_at(rest_until):
                    chunk = await anext(chunks, None)
            except (TimeoutError, Retryable):
                if rest_until is None:
                    raise
                return answer.completion()
            text = answer.end() if chunk is None else answer.feed(chunk)
            request.arrived.tell(answer.pieces, so_far)
            if text and request.on_text is not None:
                request.on_text(text)
            if chunk is None:
                return answer.completion()
            if not answer.finished:
                rest_until = None
            elif rest_until is None:
                rest_until = asyncio.get_running_loop().time() + _REST_S
        with suppress(TimeoutError, Retryable):  # the connection can be used again if that was all
            async with asyncio.timeout(_LAST_S):
                await anext(chunks, None)
        return answer.completion()
