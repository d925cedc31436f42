"""OpenAIModel: OpenAI, and every server that speaks its Chat Completions."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Any, Final

from agentkit.errors import InputError, ModelError, suggest
from agentkit.messages import Completion, Request, Sampling, Usage
from agentkit.models.hosted import DEFAULT, HostedModel, Retryable, Settings
from agentkit.models.keys import find_key, get_server
from agentkit.models.openai.answers import EndedEarly, Unreadable, read_answer, read_json
from agentkit.models.openai.client import Client, certificates, connect
from agentkit.models.openai.dialect import Dialect
from agentkit.models.openai.errors import Refusal, Refused, SentRequest, read_error_in
from agentkit.models.openai.streamed_answer import StreamedAnswer, is_stream
from agentkit.models.per_loop import PerLoop
from agentkit.models.prices import listed_cost, provider_at
from agentkit.models.thoughts import apart
from agentkit.program.argument_kinds import check_given
from agentkit.redaction import redacted

_REST_S: Final = 3.0
"""How long the rest of a stream is waited for after the server said why its answer ended."""
_LAST_S: Final = 0.1
"""How long a server may take to end a stream after it said that this is all."""
_LISTED_MODELS: Final = 20
_READ_MODELS: Final = 1000
_NO_MODEL: Final = re.compile(r"invalid model|model\b.{0,80}\b(?:not found|not exist)", re.I)


class OpenAIModel(HostedModel):
    """A model of OpenAI, or on any server with its Chat Completions (vLLM, llama.cpp, Ollama).

    Args:
        name: The model, as the server calls it.
        base_url: The server; by default OPENAI_BASE_URL, or OpenAI's own.
        api_key: The key; by default what the environment holds for this server, see
            `agentkit.models.keys`.
        settings: Timeout, tries, limits and price.
        structured: Whether the server is asked to hold answers to a node's schema, where it can.

    Raises:
        InputError: `base_url` is no address of a server.
    """

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | None = None,
        settings: Settings = DEFAULT,
        structured: bool = True,
    ) -> None:
        check_given("name", name, str, "the name of a model")
        if not name.strip():
            raise InputError("which model? Write its name after the colon: openai:gpt-5-mini")
        self._model = name
        self._server = get_server(base_url)
        self._given_key = api_key
        super().__init__(f"openai:{name}{self._server.label}", settings)
        self._dialect = Dialect(name, self._server, structured)
        self._clients = PerLoop(self._connect, Client.close)

    def schema_tokens(self, sampling: Sampling) -> int | None:
        """None for OpenAI, whose models end their answers: a bound could only truncate one."""
        return None if self._server.is_openai else super().schema_tokens(sampling)

    def load(self) -> None:
        """Import the SDK, which takes a second."""
        import openai.resources.chat.completions  # noqa: F401

        certificates()
        super().load()

    async def _prepare(self) -> None:
        await self._clients.get()

    async def _ask(self, request: Request) -> Completion:
        client = await self._clients.get()
        body = self._dialect.body(request, self.settings.stream)
        try:
            completion = await self._exchange(client, request, body)
        except Refused as error:
            refusal = error.refusal
        except Unreadable as error:
            raise self._unreadable(body, error) from None
        else:
            return self._read(request, body, completion)
        blamed = refusal.answer(client.asked.key)
        if blamed is not None:
            return self._read(request, body, blamed)
        raise await self._failure(client, request, body, refusal)

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
        if not said and completion.finish_reason == "stop" and "stop" not in body:
            raise self._unreadable(body, EndedEarly("the server's answer is empty"))
        self._dialect.taken(body)
        return replace(completion, text=self._dialect.text(request, body, completion.text))

    async def _exchange(
        self, client: Client, request: Request, body: Mapping[str, Any]
    ) -> Completion:
        """Send a request and read its answer.

        Raises:
            Refused: The server answered with an error.
            Unreadable: Its answer makes no sense.
            Retryable: The connection failed.
        """
        raw = await client.sure(client.sdk.chat.completions.with_raw_response.create(**body))
        if "stream" not in body:
            return self._whole(request, raw.content)
        response = raw.http_response
        try:
            if "json" not in response.headers.get("content-type", ""):
                async with aclosing(response.aiter_bytes()) as chunks:
                    return await self._in_pieces(client, request, chunks)
            content = await client.sure(response.aread())
        finally:
            await response.aclose()
        completion = self._whole(request, content)
        if not is_stream(content):
            self._dialect.learn_whole()
        return completion

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
        self, client: Client, request: Request, chunks: AsyncGenerator[bytes]
    ) -> Completion:
        """The completion in an answer that comes as a stream."""
        answer = StreamedAnswer()
        rest_until: float | None = None
        while not answer.done:
            try:
                async with asyncio.timeout_at(rest_until):
                    chunk = await client.sure(anext(chunks, None))
            except (TimeoutError, Retryable):
                if rest_until is None:
                    raise
                return answer.completion()
            text = answer.end() if chunk is None else answer.feed(chunk)
            if text and request.on_text is not None:
                request.on_text(text)
            if chunk is None:
                return answer.completion()
            if answer.finished and (text or rest_until is None):
                rest_until = asyncio.get_running_loop().time() + _REST_S
        with suppress(TimeoutError, Retryable):  # the connection can be used again if that was all
            async with asyncio.timeout(_LAST_S):
                await client.sure(anext(chunks, None))
        return answer.completion()

    async def _failure(
        self, client: Client, request: Request, body: Mapping[str, Any], refusal: Refusal
    ) -> Exception:
        """The error that a refusal means."""
        change = self._dialect.learn(request, body, refusal.status, refusal.param, refusal.said)
        if change:
            return Retryable(change, changed=True)
        if refusal.status == 404 or (refusal.status == 400 and _NO_MODEL.search(refusal.said)):
            return ModelError(await self._not_found(client, refusal))
        return client.asked.failure(refusal)

    async def _not_found(self, client: Client, refusal: Refusal) -> str:
        """What to say when there is no such model, or no such address."""
        said = redacted(refusal.said, client.asked.key)
        try:
            page = await client.sure(client.sdk.models.with_raw_response.list())
            data = read_json(page.content)["data"][:_READ_MODELS]
            names = sorted(redacted(model["id"], client.asked.key) for model in data)
        except (Refused, Retryable, Unreadable, AttributeError, KeyError, TypeError):
            return (
                f"{self.name}: the server does not know the model '{self._model}', or "
                f"{self._server.url} is not the address of its API, which often ends in /v1 "
                f"({refusal.status}): {said}"
            )
        shown = ", ".join(names[:_LISTED_MODELS]) or "none"
        more = ", ..." if len(names) > _LISTED_MODELS else ""
        return (
            f"{self.name}: the server has no model '{self._model}', or not for this key "
            f"({refusal.status}): {said}{suggest(self._model, names)} It has: {shown}{more} "
            f"(all are listed at {self._server.url}/models)"
        )

    def _listed_cost(self, usage: Usage) -> float | None:
        return listed_cost(usage, self._model, provider_at(self._server.url))

    def check_key(self) -> None:
        """Find out whether there is the key that its server needs.

        Raises:
            AccessError: There is none, or it may not be sent.
        """
        self._find_key()

    def _find_key(self) -> str | None:
        return find_key(self._server, self._given_key, self.name)

    def _connect(self) -> Client:
        """A client for the running loop.

        Raises:
            AccessError: There is no key, and the server needs one.
        """
        key = self._find_key()
        return connect(SentRequest(self.name, self._server, key, self._given_key), self.settings)
