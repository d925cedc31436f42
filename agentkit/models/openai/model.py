"""OpenAIModel: OpenAI, and every server that speaks its Chat Completions."""

import ssl
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from agentkit.errors import InputError, ModelError, suggest
from agentkit.messages import Completion, Request, Usage
from agentkit.models.header_guard import HeaderGuard
from agentkit.models.hosted import DEFAULT, HostedModel, Retryable, Settings
from agentkit.models.keys import OPENAI_KEY, find_key, get_server
from agentkit.models.openai.answers import Pieces, Unreadable, read_answer
from agentkit.models.openai.dialect import Dialect
from agentkit.models.openai.errors import (
    Refusal,
    SentRequest,
    read_broken,
    read_error_body,
    read_refusal,
)
from agentkit.models.per_loop import PerLoop
from agentkit.models.prices import listed_cost, provider_at
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

_CONNECT_S = 10.0
_IDLE_S = 30.0
_LISTED_MODELS = 20


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
        if not name.strip():
            raise InputError("which model? Write its name after the colon: openai:gpt-5-mini")
        self._model = name
        self._server = get_server(base_url)
        self._given_key = api_key
        super().__init__(f"openai:{name}{self._server.label}", settings)
        self._dialect = Dialect(name, self._server, structured)
        self._clients = PerLoop(self._connect, _Client.close)

    def load(self) -> None:
        """Import the SDK, which takes a second."""
        import openai.resources.chat.completions  # noqa: F401

        _certificates()
        super().load()

    async def _prepare(self) -> None:
        await self._clients.get()

    async def _ask(self, request: Request) -> Completion:
        client = await self._clients.get()
        body = self._dialect.body(request)
        try:
            completion = await self._exchange(client, request, body)
        except _Refused as error:
            refusal = error.refusal
        except Unreadable as error:
            raise Retryable(str(error)) from None
        else:
            return self._read(request, body, completion)
        raise await self._failure(client, request, body, refusal)

    def _read(
        self, request: Request, body: Mapping[str, Any], completion: Completion
    ) -> Completion:
        """The completion with its text as the node's output expects it."""
        if completion.finish_reason == "refusal":
            return completion
        if not completion.text and completion.finish_reason == "stop" and "stop" not in body:
            raise Retryable("the server's answer is empty")
        self._dialect.taken(body)
        return replace(completion, text=self._dialect.text(request, body, completion.text))

    async def _exchange(
        self, client: "_Client", request: Request, body: Mapping[str, Any]
    ) -> Completion:
        """Send a request and read its answer.

        Raises:
            _Refused: The server answered with an error.
            Unreadable: Its answer makes no sense.
            Retryable: The connection failed.
        """
        raw = await client.sure(client.sdk.chat.completions.with_raw_response.create(**body))
        if "stream" not in body:
            return self._whole(request, raw.content)
        response = raw.http_response
        if "json" in response.headers.get("content-type", ""):
            try:
                content = await client.sure(response.aread())
            finally:
                await response.aclose()
            if not content.lstrip().startswith(b"data:"):
                completion = self._whole(request, content)
                self._dialect.learn_whole()
                return completion
        return await self._in_pieces(client, request, raw.parse())

    def _whole(self, request: Request, content: bytes) -> Completion:
        """The completion in an answer that came in one piece."""
        data = _json(content)
        if isinstance(data, Mapping) and not data.get("choices"):
            refusal = read_error_body(data.get("error"))
            if refusal is not None:
                raise _Refused(refusal)
        completion = read_answer(data)
        if request.on_text is not None and completion.text:
            request.on_text(completion.text)
        return completion

    async def _in_pieces(self, client: "_Client", request: Request, stream: Any) -> Completion:
        """The completion in an answer that comes as a stream."""
        pieces = Pieces()
        async with stream:
            while (piece := await client.sure(anext(stream, None))) is not None:
                text = pieces.add(_plain(piece))
                if text and request.on_text is not None:
                    request.on_text(text)
        return pieces.completion()

    async def _failure(
        self, client: "_Client", request: Request, body: Mapping[str, Any], refusal: Refusal
    ) -> Exception:
        """The error that a refusal means."""
        if refusal.status in (400, 422):
            change = self._dialect.learn(request, body, refusal.param, refusal.said)
            if change:
                return Retryable(change, changed=True)
        if refusal.status == 404:
            return ModelError(await self._not_found(client, refusal))
        return client.asked.failure(refusal)

    async def _not_found(self, client: "_Client", refusal: Refusal) -> str:
        """What to say when there is no such model, or no such address."""
        try:
            page = await client.sure(client.sdk.models.list())
            names = sorted(model.id for model in page.data)
        except (_Refused, Retryable, AttributeError, TypeError):
            said = redacted(refusal.said, client.asked.key)
            return (
                f"{self.name}: the server does not know the model '{self._model}', or "
                f"{self._server.url} is not the address of its API, which often ends in /v1 "
                f"(404): {said}"
            )
        shown = ", ".join(names[:_LISTED_MODELS]) or "none"
        more = ", ..." if len(names) > _LISTED_MODELS else ""
        return (
            f"{self.name}: the server has no model '{self._model}', or not for this key."
            f"{suggest(self._model, names)} It has: {shown}{more} "
            f"(all are listed at {self._server.url}/models)"
        )

    def _listed_cost(self, usage: Usage) -> float | None:
        return listed_cost(usage, self._model, provider_at(self._server.url))

    def _connect(self) -> "_Client":
        """A client for the running loop.

        Raises:
            AccessError: There is no key, and the server needs one.
        """
        import httpx2
        from openai import AsyncOpenAI

        key = find_key(self._server, self._given_key, self.name)
        seconds = self.settings.timeout_s
        timeout = httpx2.Timeout(seconds, connect=min(_CONNECT_S, seconds), pool=None)
        most = self.settings.max_concurrency
        http = httpx2.AsyncClient(
            verify=_certificates(),
            timeout=timeout,
            limits=httpx2.Limits(
                max_connections=most, max_keepalive_connections=most, keepalive_expiry=_IDLE_S
            ),
            trust_env=not self._server.is_loopback,
            event_hooks={"request": [HeaderGuard(self._server.variable == OPENAI_KEY, key)]},
        )
        sdk = AsyncOpenAI(
            api_key=key or "none",
            base_url=self._server.url,
            timeout=timeout,
            max_retries=0,
            http_client=http,
        )
        _ = sdk.chat.completions  # loads what the first request needs, before its time runs
        return _Client(sdk, SentRequest(self.name, self._server, key, self._given_key))


class _Refused(Exception):
    """The server answered with an error."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal


@dataclass(frozen=True, slots=True)
class _Client:
    """The SDK's client, and what its errors mean."""

    sdk: "AsyncOpenAI"
    asked: SentRequest

    async def close(self) -> None:
        """Close its connections."""
        await self.sdk.close()

    async def sure(self, part: Awaitable[T]) -> T:
        """Await a part of an exchange. What goes wrong in it becomes an error of ours.

        The SDK's errors hold the request with its key, so they are not even the context of ours:
        these are raised after the others are gone.
        """
        import httpx2
        import openai

        failure: Exception
        try:
            return await part
        except openai.APIStatusError as error:
            failure = _Refused(read_refusal(error))
        except openai.APIConnectionError as error:
            failure = self._lost(error.__cause__ or error)
        except httpx2.HTTPError as error:
            failure = self._lost(error)
        except openai.APIError as error:
            failure = _Refused(read_broken(error))
        except ValueError:
            failure = Retryable("a part of the server's answer is no JSON")
        raise failure

    def _lost(self, error: BaseException) -> Retryable:
        import httpx2

        host = f"{self.asked.server.host}:{self.asked.server.port}"
        why = redacted(str(error), self.asked.key)
        if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
            return Retryable(
                f"no connection to {host}: {why or 'no answer in time'}. Is the server running, "
                "and is its address right?"
            )
        return Retryable(f"the connection to {host} was lost: {why or type(error).__name__}")


@cache
def _certificates() -> ssl.SSLContext:
    """The trusted authorities; loading them takes longer than making a client."""
    import httpx2

    return httpx2.create_ssl_context()


def _json(content: bytes) -> Any:
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise Unreadable("the server's answer is no JSON") from None


def _plain(piece: Any) -> Any:
    """A piece of a stream as JSON; the SDK hands on what is no piece as it came."""
    return piece.to_dict(warnings=False) if hasattr(piece, "to_dict") else piece
