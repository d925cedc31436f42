"""The client of a server with Chat Completions: what it sends, and what its errors mean."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from agentkit.errors import ModelError
from agentkit.models.header_guard import HeaderGuard
from agentkit.models.hosted import PLACES, Settings
from agentkit.models.keys import OPENAI_KEY
from agentkit.models.openai.answers import Unreadable, read_json
from agentkit.models.openai.errors import Refused, SentRequest, read_broken, read_refusal
from agentkit.models.retries import Retryable
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from httpx2 import AsyncClient
    from openai import AsyncOpenAI

T = TypeVar("T")

_CONNECT_S = 10.0
_IDLE_S = 30.0
_PROPS_S = 10.0
"""How long a server may take to say how many calls it takes; one with busy cores takes seconds."""
_LOADING = 503
_MOST_SLOTS = 1000


@dataclass(frozen=True, slots=True)
class Client:
    """The SDK's client, and what its errors mean."""

    sdk: "AsyncOpenAI"
    asked: SentRequest
    http: "AsyncClient"

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
            failure = Refused(read_refusal(error))
        except openai.APIConnectionError as error:
            failure = self._lost(error.__cause__ or error)
        except httpx2.HTTPError as error:
            failure = self._lost(error)
        except openai.APIError as error:
            failure = Refused(read_broken(error))
        except UnicodeEncodeError:
            failure = ModelError(
                f"{self.asked.name}: the request cannot be sent: a lone surrogate stands in a "
                "choice or name of the output, in 'stop' or in 'extra'"
            )
        except ValueError:
            failure = Retryable("a part of the server's answer is no JSON")
        raise failure

    async def slots(self) -> int | None:
        """Ask a llama.cpp server how many calls it takes at once; None: it does not say yet.

        Whatever else answers takes as many as any other server. It is asked beside its API, at
        `/props`, as llama.cpp has it.
        """
        import httpx2

        address = self.asked.server.url.removesuffix("/v1") + "/props"
        try:
            async with asyncio.timeout(_PROPS_S):
                response = await self.http.get(address)
            if response.status_code == _LOADING:
                return None
            slots = read_json(response.content)["total_slots"] if response.is_success else None
        except httpx2.ConnectError:
            return None
        except (TimeoutError, httpx2.HTTPError, Unreadable, KeyError, TypeError, IndexError):
            return PLACES
        return slots if type(slots) is int and 0 < slots <= _MOST_SLOTS else PLACES

    async def sure_all(self, parts: AsyncGenerator[T]) -> AsyncGenerator[T]:
        """Yield the parts of an exchange. What goes wrong in them becomes an error of ours."""
        async with aclosing(parts):
            while (part := await self.sure(anext(parts, None))) is not None:
                yield part

    def _lost(self, error: BaseException) -> Retryable | ModelError:
        import httpx2

        host = f"{self.asked.server.host}:{self.asked.server.port}"
        why = redacted(str(error), self.asked.key)
        if isinstance(error, httpx2.DecodingError):
            return Retryable(why)
        if "WRONG_VERSION_NUMBER" in why:
            return ModelError(
                f"{self.asked.name}: {host} does not speak https. If it speaks http, write "
                "'base_url' with http://"
            )
        if isinstance(error, (httpx2.ConnectError, httpx2.ConnectTimeout)):
            return Retryable(
                f"no connection to {host}: {why or 'no answer in time'}. Is the server running, "
                "and is its address right?"
            )
        return Retryable(f"the connection to {host} was lost: {why or type(error).__name__}")


def connect(asked: SentRequest, settings: Settings) -> Client:
    """Return a client for the running loop.

    Args:
        asked: The server, and the key to send.
        settings: Timeout and limits.
    """
    import httpx2
    from openai import AsyncOpenAI

    from agentkit.models.bounded_http import ENCODINGS, bound_response

    server, key, seconds = asked.server, asked.key, settings.timeout_s
    timeout = httpx2.Timeout(seconds, connect=min(_CONNECT_S, seconds), pool=None)
    most = None if settings.max_concurrency == "auto" else settings.max_concurrency
    http = httpx2.AsyncClient(
        verify=certificates(),
        headers={"accept-encoding": ENCODINGS},
        timeout=timeout,
        limits=httpx2.Limits(
            max_connections=most, max_keepalive_connections=most, keepalive_expiry=_IDLE_S
        ),
        trust_env=not server.is_loopback,
        event_hooks={
            "request": [HeaderGuard(server.variable == OPENAI_KEY, key)],
            "response": [bound_response],
        },
    )
    sdk = AsyncOpenAI(
        api_key=key or "none",
        base_url=server.url,
        timeout=timeout,
        max_retries=0,
        http_client=http,
    )
    _ = sdk.chat.completions  # loads what the first request needs, before its time runs
    return Client(sdk, asked, http)


@cache
def certificates() -> ssl.SSLContext:
    """The trusted authorities; loading them takes longer than making a client."""
    import httpx2

    return httpx2.create_ssl_context()
