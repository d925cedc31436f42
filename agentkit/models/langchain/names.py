"""What a chat model of LangChain is called, so that two that differ have different names."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson

from agentkit.models.langchain.forms import LIMITS
from agentkit.models.langchain.ids import provider_of
from agentkit.models.langchain.wrappers import chat_models

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

    from agentkit.models.langchain.wrappers import Chat

_MODEL: Final = ("model_name", "model", "model_id", "deployment_name", "azure_deployment")
_ADDRESS: Final = (
    "openai_api_base", "azure_endpoint", "anthropic_api_url", "base_url", "endpoint",
    "endpoint_url", "api_base", "client_options",
)  # fmt: skip
_NO_MATTER: Final = frozenset({
    "async_client", "cache", "callback_manager", "callbacks", "client", "custom_get_token_ids",
    "default_headers", "disable_streaming", "http_async_client", "http_client",
    "http_socket_options", "max_retries", "metadata", "name", "n_retries", "output_version",
    "profile", "rate_limiter", "request_timeout", "root_async_client", "root_client", "stream",
    "stream_chunk_timeout", "stream_usage", "streaming", "tags", "timeout", "verbose",
})  # fmt: skip
"""Fields that change nothing about an answer, or hold what only this process knows."""
_SECRET: Final = ("key", "secret", "password", "organization", "credentials", "_token", "headers")


@dataclass(frozen=True, slots=True)
class About:
    """What is known about a chat model."""

    name: str
    """Its name in AgentKit."""
    model: str
    """The model, as its provider calls it."""
    priced_by: str | None
    """Whose price list has it, by the id in genai-prices; None: nobody's."""
    variables: tuple[str, ...]
    """The environment variables that may hold its key."""
    is_local: bool = False
    """Whether it runs on this machine, and the program did not limit its answers."""
    fallbacks: tuple["About", ...] = ()
    """Those that may answer in its place."""

    def answered_by(self, model: str) -> "About | None":
        """Return which of them answered, by the model's name in the answer; None: not known."""
        likely = [about for about in (self, *self.fallbacks) if about.model in model]
        return max(likely, key=lambda about: len(about.model), default=None) if model else None


def describe(chat: "Chat") -> About:
    """Name a chat model after its class, its model, its server and its settings.

    The name is `langchain:ChatOpenAI:gpt-5-mini`, with `@host` for another server than the
    provider's own, and with `#` and a digest where settings of its own make it differ, what is
    bound and the fallbacks among them.
    """
    first, *others = (_describe(model, options) for model, options in chat_models(chat))
    if not others:
        return first
    name = f"{first.name.partition('#')[0]}#{_digest([about.name for about in (first, *others)])}"
    variables = dict.fromkeys(name for about in (first, *others) for name in about.variables)
    is_local = all(about.is_local for about in (first, *others))
    return About(name, first.model, first.priced_by, tuple(variables), is_local, tuple(others))


def _describe(chat: "BaseChatModel", options: Mapping[str, Any]) -> About:
    """Name one chat model, with the options that are bound to its calls."""
    kind = type(chat)
    named = [*map(options.get, _MODEL), *(getattr(chat, name, None) for name in _MODEL)]
    model = next((str(value) for value in named if value), "")
    host = _host(chat)
    settings = dict(_settings(chat))
    settings |= {f"bind {name}": value for name, value in _matters(options)}
    parts = ["langchain", kind.__name__, *([model] if model else [])]
    name = ":".join(parts) + (f"@{host}" if host else "")
    if settings:
        name += f"#{_digest(settings)}"
    provider = provider_of(kind.__name__, kind.__module__)
    if provider is None:
        return About(name, model, None, ())
    is_limited = any(options.get(one) or getattr(chat, one, None) for one in LIMITS)
    is_local = provider.runs_here(host) and not is_limited
    priced_by = None if host else provider.priced_by
    return About(name, model, priced_by, provider.variables, is_local)


def _digest(value: Any) -> str:
    data = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(data).hexdigest()[:8]


def _host(chat: "BaseChatModel") -> str:
    """The server, where it is not the class's own."""
    for name in _ADDRESS:
        address, field = getattr(chat, name, None), type(chat).model_fields.get(name)
        if isinstance(address, str) and field is not None and address != field.default:
            return urlsplit(address).netloc.rpartition("@")[2]
    return ""


def _settings(chat: "BaseChatModel") -> Iterator[tuple[str, Any]]:
    """The plain values that an answer depends on and that somebody set."""
    fields = type(chat).model_fields
    known: Mapping[str, Any] = chat._identifying_params
    values = {
        **{name: getattr(chat, name, None) for name in chat.model_fields_set if name in fields},
        **{name: value for name, value in known.items() if name not in fields},
    }
    yield from _matters(values)


def _matters(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Those that an answer depends on, as far as they are plain."""
    for name, value in values.items():
        if name in (*_MODEL, *_ADDRESS) or name in _NO_MATTER or name.startswith("_"):
            continue
        if name.endswith(_SECRET) or value in (None, False, "", [], {}):
            continue
        if _is_plain(value):
            yield name, value


def _is_plain(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True
