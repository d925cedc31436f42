"""OpenAIModel: OpenAI, and every server that speaks its Chat Completions."""

import re
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, Final

from agentkit.errors import AgentKitError, CannotDecide, InputError, ModelError, suggest
from agentkit.messages import NOTHING_USED, Completion, Request, Sampling, Usage
from agentkit.models.arrival import Try
from agentkit.models.hosted import DEFAULT, LOCAL_MAX_TOKENS, Settings
from agentkit.models.keys import find_key, get_server
from agentkit.models.openai.answers import (
    Unreadable,
    read_json,
)
from agentkit.models.openai.chat_model import ChatModel
from agentkit.models.openai.client import Client, certificates, connect
from agentkit.models.openai.decisions import DecisionWires, read_decisions
from agentkit.models.openai.dialect import Dialect, named_extra
from agentkit.models.openai.errors import Refusal, Refused, SentRequest, read_error_in
from agentkit.models.openai.streamed_answer import is_stream
from agentkit.models.per_loop import PerLoop
from agentkit.models.prices import listed_cost, provider_at
from agentkit.models.retries import Retryable
from agentkit.program.argument_kinds import check_given
from agentkit.program.threads import Slots
from agentkit.redaction import redacted

_LISTED_MODELS: Final = 20
_READ_MODELS: Final = 1000
_NO_MODEL: Final = re.compile(r"invalid model|model\b.{0,80}\b(?:not found|not exist)", re.I)


class OpenAIModel(ChatModel):
    """A model of OpenAI, or on any server with its Chat Completions (vLLM, llama.cpp, Ollama).

    Args:
        name: The model, as the server calls it.
        base_url: The server; by default OPENAI_BASE_URL, or OpenAI's own.
        api_key: The key; by default what the environment holds for this server, see
            `agentkit.models.keys`.
        settings: Timeout, tries, limits, price, and how the server is asked.

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
    ) -> None:
        check_given("name", name, str, "the name of a model")
        if not name.strip():
            raise InputError("which model? Write its name after the colon: openai:gpt-5-mini")
        self._model = name
        self._server = get_server(base_url)
        self._given_key = api_key
        if self._server.is_loopback:
            self.default_max_tokens = LOCAL_MAX_TOKENS
            self._tells_slots = True
        dialect = Dialect(name, self._server.is_openai, self.default_max_tokens)
        super().__init__(f"openai:{name}{self._server.label}", settings, dialect)
        self._wires = DecisionWires(name, self._server.is_openai)
        self._finding_out = Slots(1)
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

    async def _slots(self) -> int | None:
        return await (await self._clients.get()).slots()

    async def _secret(self) -> str | None:
        return (await self._clients.get()).asked.key

    async def _exchange(self, request: Try, body: Mapping[str, Any]) -> Completion:
        client = await self._clients.get()
        create = client.sdk.chat.completions.with_raw_response.create
        # llama.cpp says that it keeps a connection after a stream, and closes it. A new one costs
        # little without TLS; a request on one that closes would be lost, and count as a call.
        alone = {"Connection": "close"} if "stream" in body and not self._server.encrypted else None
        sent = create(**body, extra_body=request.extra or None, extra_headers=alone)
        raw = await client.sure(sent)
        if "stream" not in body:
            return self._whole(request, raw.content)
        response = raw.http_response
        try:
            if "json" not in response.headers.get("content-type", ""):
                async with aclosing(client.sure_all(response.aiter_bytes())) as chunks:
                    return await self._in_pieces(request, body, chunks)
            content = await client.sure(response.aread())
        finally:
            await response.aclose()
        completion = self._whole(request, content)
        if not is_stream(content):
            self._dialect.learn_whole()
        return completion

    async def _fetch(self, request: Try, body: Mapping[str, Any]) -> Any:
        client = await self._clients.get()
        create = client.sdk.chat.completions.with_raw_response.create
        raw = await client.sure(create(**body, extra_body=request.extra or None))
        return self._json(raw.content)

    def _json(self, content: bytes) -> Any:
        data = read_json(content)
        if refusal := read_error_in(data):
            raise Refused(refusal)
        return data

    @property
    def most_questions(self) -> int:
        """How many questions one request may have."""
        return self._wires.most_questions

    @property
    def decides(self) -> bool:
        """Whether it can decide, as far as is known."""
        return self._wires.some_left or super().decides

    async def decide(self, request: Request) -> Completion:
        """Decide the questions of a request: by a server's own decisions where it has them.

        Which of its interfaces it has is found out by the first request; others wait for it.

        Raises:
            CannotDecide: It can only answer in text, or one question at a time.
            ModelError: The server did not answer in all tries, or refused the request.
            AccessError: The key is missing or was refused.
        """
        if self._wires.settled:
            return await self._decide(request)
        await self._finding_out.take()
        try:
            return await self._decide(request)
        finally:
            self._finding_out.leave()

    async def _decide(self, request: Request) -> Completion:
        taken = NOTHING_USED
        if ways := [*self._wires.ways(request)]:
            try:
                completion = await self._repeat(request, partial(self._decide_natively, ways))
                return self._priced(completion)
            except CannotDecide as error:
                taken = error.spent or NOTHING_USED
        try:
            if taken.calls and len(request.questions) == 1 and request.on_retry is not None:
                await request.on_retry("", 0.0)
            completion = await super().decide(request)
        except AgentKitError as error:
            error.spent = taken + (error.spent or NOTHING_USED)
            raise
        return replace(completion, usage=completion.usage + taken)

    async def _decide_natively(self, ways: list[str], request: Try) -> Completion:
        """Ask on the first of the paths that are left, which it is taken from when it refuses."""
        path, client = ways[0], await self._clients.get()
        body = self._wires.body(path, request)
        refusal = None
        try:
            data = self._json(await client.sure(client.post(path, body)))
            completion = read_decisions(path, data, request.questions)
        except Refused as error:
            refusal = error.refusal
        except Unreadable as error:
            if path == self._wires.known:
                raise Retryable(str(error)) from None
        else:
            self._wires.took(path)
            return completion
        if not self._wires.refused(path, refusal):
            assert refusal is not None
            raise await self._failure(request, body, refusal)
        del ways[0]
        if not ways:
            raise CannotDecide(f"{self.name} does not decide this question")
        raise Retryable(f"it does not take {path}: asking {ways[0]}", changed=True)

    def _priced(self, completion: Completion) -> Completion:
        """The completion with the price of decisions, where the provider has one for them."""
        if self.settings.price is not None:
            return completion
        cost_usd = self._decisions_cost(completion.usage)
        if cost_usd is None:
            return completion
        return replace(completion, usage=replace(completion.usage, cost_usd=cost_usd))

    async def _failure(
        self, request: Request, body: Mapping[str, Any], refusal: Refusal
    ) -> Exception:
        client = await self._clients.get()
        if refusal.status == 404 or (refusal.status == 400 and _NO_MODEL.search(refusal.said)):
            return ModelError(await self._not_found(client, refusal))
        failure = client.asked.failure(refusal)
        advice = self._advice(request, body, refusal)
        if advice and isinstance(failure, ModelError):
            return ModelError(f"{str(failure).removesuffix('.')}. {advice}")
        return failure

    def _advice(self, request: Request, body: Mapping[str, Any], refusal: Refusal) -> str:
        """Which setting asked for what a server refused; empty where none did."""
        extra = named_extra(request, refusal.param, refusal.said)
        schema = "response_format" in body
        if extra is not None:
            with_schema = ", or turn the schema off with 'structured: off'" if schema else ""
            return f"'{extra}' stands under 'extra' of the model: change or remove it{with_schema}"
        if schema and self.settings.structured == "on":
            return (
                "The model has 'structured: on', so the answer's schema ('response_format') is "
                "always sent: with 'structured: auto' it is asked without what the server refuses"
            )
        return ""

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
        cost_usd = listed_cost(usage, self._model, provider_at(self._server.url))
        return self._decisions_cost(usage) if cost_usd is None else cost_usd

    def _decisions_cost(self, usage: Usage) -> float | None:
        """What decisions cost, where the provider lists them apart from answers in text."""
        provider = provider_at(self._server.url)
        return listed_cost(usage, self._model, provider and f"{provider}-decisions")

    def check_ready(self) -> None:
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
