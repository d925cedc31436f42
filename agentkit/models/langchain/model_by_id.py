"""A chat model of LangChain that is named by its provider and name, with its own connections."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agentkit.errors import InputError
from agentkit.models.header_guard import HeaderGuard
from agentkit.models.hosted import DEFAULT, Settings
from agentkit.models.keys import OPENAI_KEY
from agentkit.models.langchain.forms import Forms
from agentkit.models.langchain.ids import (
    Provider,
    get_provider,
    key_values,
    load_class,
    make_chat,
    other_host,
)
from agentkit.models.langchain.model import LangChainModel
from agentkit.models.langchain.names import About
from agentkit.models.per_loop import PerLoop

if TYPE_CHECKING:
    from httpx2 import AsyncClient


def make_langchain_model(rest: str, settings: Settings = DEFAULT) -> LangChainModel:
    """The model of an id `langchain:PROVIDER:NAME`.

    Args:
        rest: `PROVIDER:NAME`.
        settings: Timeout, tries, limits and price.

    Raises:
        InputError: There is no such provider, its package is missing, or the id is not whole.
    """
    provider, _, model = rest.partition(":")
    if not model.strip():
        example = f"langchain:{provider or 'openai'}:NAME"
        raise InputError(f"which model? Write provider and name after langchain: {example}")
    return _ModelById(provider, get_provider(provider), model, settings)


class _ModelById(LangChainModel):
    """A chat model that is made when it is first asked, one for each event loop."""

    def __init__(
        self, provider_id: str, provider: Provider, model: str, settings: Settings
    ) -> None:
        host = other_host(provider)
        name = f"langchain:{provider_id}:{model}{'@' if host else ''}{host}"
        priced_by = None if host else provider.priced_by
        about = About(name, model, priced_by, provider.variables, provider.runs_here(host))
        self._set_up(about, settings)
        self._takes_temperature = True
        self._provider = provider
        self._made = PerLoop(self._make, _Made.close)

    def check_ready(self) -> None:
        """Find out whether there is the key that its provider needs.

        Raises:
            AccessError: There is none.
            ModelError: The package refuses.
        """
        make_chat(self._provider, self._about.model, self.name, {})

    async def _get_forms(self) -> Forms:
        return (await self._made.get()).forms

    def _make(self) -> "_Made":
        http = None
        # LangChain's own cache would count the tokens of a kept answer once more.
        options: dict[str, Any] = {"max_retries": 0, "cache": False}
        ancestors = {kind.__name__ for kind in load_class(self._provider).__mro__}
        if "BaseChatOpenAI" in ancestors:
            # The package's own client is shared by all event loops, and breaks in the second.
            options["http_async_client"] = http = self._http()
            options["openai_proxy"] = None
        chat = make_chat(self._provider, self._about.model, self.name, options)
        return _Made(Forms(chat), http)

    def _http(self) -> "AsyncClient":
        """A client that follows no redirection: a header of the user's would go along."""
        from openai import DefaultAsyncHttpxClient

        from agentkit.models.bounded_http import ENCODINGS, bound_response

        variables = self._about.variables
        hooks: list[Callable[..., Any]] = []
        if OPENAI_KEY not in variables:
            hooks.append(HeaderGuard(False, next(iter(key_values(variables)), None)))
        return DefaultAsyncHttpxClient(
            follow_redirects=False,
            proxy=os.environ.get("OPENAI_PROXY") or None,
            headers={"accept-encoding": ENCODINGS},
            event_hooks={"request": hooks, "response": [bound_response]},
        )


@dataclass(frozen=True, slots=True)
class _Made:
    """A chat model with its own connections."""

    forms: Forms
    http: "AsyncClient | None"

    async def close(self) -> None:
        """Close the connections."""
        if self.http is not None:
            await self.http.aclose()
