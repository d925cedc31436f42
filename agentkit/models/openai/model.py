"""OpenAIModel: OpenAI, and every server that speaks its Chat Completions."""

import re
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, Final

from agentkit.errors import InputError, ModelError, suggest
from agentkit.messages import Completion, Request, Usage
from agentkit.models.hosted import DEFAULT, Retryable, Settings
from agentkit.models.keys import find_key, get_server
from agentkit.models.openai.answers import Unreadable, read_json
from agentkit.models.openai.chat_model import ChatModel
from agentkit.models.openai.client import Client, certificates, connect
from agentkit.models.openai.dialect import Dialect
from agentkit.models.openai.errors import Refusal, Refused, SentRequest
from agentkit.models.openai.streamed_answer import is_stream
from agentkit.models.per_loop import PerLoop
from agentkit.models.prices import listed_cost, provider_at
from agentkit.program.argument_kinds import check_given
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
        shown = f"openai:{name}{self._server.label}"
        super().__init__(shown, settings, Dialect(name, self._server.is_openai, structured))
        self._clients = PerLoop(self._connect, Client.close)

    def load(self) -> None:
        """Import the SDK, which takes a second."""
        import openai.resources.chat.completions  # noqa: F401

        certificates()
        super().load()

    async def _prepare(self) -> None:
        await self._clients.get()

    async def _secret(self) -> str | None:
        return (await self._clients.get()).asked.key

    async def _exchange(self, request: Request, body: Mapping[str, Any]) -> Completion:
        client = await self._clients.get()
        raw = await client.sure(client.sdk.chat.completions.with_raw_response.create(**body))
        if "stream" not in body:
            return self._whole(request, raw.content)
        response = raw.http_response
        try:
            if "json" not in response.headers.get("content-type", ""):
                async with aclosing(client.sure_all(response.aiter_bytes())) as chunks:
                    return await self._in_pieces(request, chunks)
            content = await client.sure(response.aread())
        finally:
            await response.aclose()
        completion = self._whole(request, content)
        if not is_stream(content):
            self._dialect.learn_whole()
        return completion

    async def _failure(self, refusal: Refusal) -> Exception:
        client = await self._clients.get()
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
