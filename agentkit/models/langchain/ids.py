"""The providers that `langchain:PROVIDER:NAME` knows: their packages, keys and classes."""

import importlib
import importlib.util
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from agentkit.errors import AccessError, InputError, ModelError, suggest
from agentkit.models.keys import is_loopback
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider that LangChain has a package for."""

    package: str
    """What pip installs."""
    kind: str
    """The class of its chat models."""
    variables: tuple[str, ...] = ()
    """The environment variables that may hold its key; none where there are other ways in."""
    priced_by: str | None = None
    """Its id in genai-prices."""
    model_field: str = "model"
    """What its class calls the name of the model."""
    addresses: tuple[str, ...] = ()
    """The environment variables that send its requests to another server."""
    is_local: bool = False
    """Whether its own server is on this machine."""

    def runs_here(self, host: str) -> bool:
        """Return whether its models run on this machine.

        Args:
            host: Another server than its own, with its port; empty for its own.
        """
        return is_loopback(urlsplit(f"//{host}").hostname or "") if host else self.is_local

    @property
    def module(self) -> str:
        """The module that has the class."""
        return self.package.replace("-", "_")


PROVIDERS: Final = {
    "anthropic": Provider(
        "langchain-anthropic", "ChatAnthropic", ("ANTHROPIC_API_KEY",), "anthropic",
        addresses=("ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL"),
    ),
    "azure_openai": Provider(
        "langchain-openai", "AzureChatOpenAI", ("AZURE_OPENAI_API_KEY", "OPENAI_API_KEY"), "azure",
        "azure_deployment",
    ),
    "bedrock": Provider("langchain-aws", "ChatBedrock", (), "aws"),
    "bedrock_converse": Provider("langchain-aws", "ChatBedrockConverse", (), "aws"),
    "cohere": Provider("langchain-cohere", "ChatCohere", ("COHERE_API_KEY",), "cohere"),
    "deepseek": Provider("langchain-deepseek", "ChatDeepSeek", ("DEEPSEEK_API_KEY",), "deepseek"),
    "fireworks": Provider(
        "langchain-fireworks", "ChatFireworks", ("FIREWORKS_API_KEY",), "fireworks"
    ),
    "google_genai": Provider(
        "langchain-google-genai", "ChatGoogleGenerativeAI", ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        "google",
    ),
    "google_vertexai": Provider("langchain-google-vertexai", "ChatVertexAI", (), "google"),
    "groq": Provider("langchain-groq", "ChatGroq", ("GROQ_API_KEY",), "groq"),
    "mistralai": Provider("langchain-mistralai", "ChatMistralAI", ("MISTRAL_API_KEY",), "mistral"),
    "nvidia": Provider(
        "langchain-nvidia-ai-endpoints", "ChatNVIDIA", ("NVIDIA_API_KEY",),
        addresses=("NVIDIA_BASE_URL",),
    ),
    "ollama": Provider(
        "langchain-ollama", "ChatOllama", addresses=("OLLAMA_HOST",), is_local=True
    ),
    "openai": Provider(
        "langchain-openai", "ChatOpenAI", ("OPENAI_API_KEY",), "openai",
        addresses=("OPENAI_API_BASE", "OPENAI_BASE_URL"),
    ),
    "perplexity": Provider(
        "langchain-perplexity", "ChatPerplexity", ("PPLX_API_KEY", "PERPLEXITY_API_KEY"),
        "perplexity",
    ),
    "together": Provider("langchain-together", "ChatTogether", ("TOGETHER_API_KEY",), "together"),
    "upstage": Provider("langchain-upstage", "ChatUpstage", ("UPSTAGE_API_KEY",)),
    "xai": Provider("langchain-xai", "ChatXAI", ("XAI_API_KEY",), "x-ai"),
}  # fmt: skip


_OWN_HOSTS: Final = ("api.openai.com", "api.anthropic.com")


def provider_of(kind: str, module: str) -> Provider | None:
    """The provider of a class of chat models."""
    package = module.split(".")[0]
    for provider in PROVIDERS.values():
        if provider.kind == kind and provider.module == package:
            return provider
    return None


def get_provider(provider_id: str) -> Provider:
    """The provider of an id, whose package is installed.

    Raises:
        InputError: There is no such provider, or its package is missing.
    """
    provider = PROVIDERS.get(provider_id)
    if provider is None:
        raise InputError(
            f"langchain: unknown provider '{provider_id}'.{suggest(provider_id, set(PROVIDERS))} "
            f"Providers: {', '.join(PROVIDERS)}. In Python, a chat model of any other package can "
            "be given as an object"
        )
    if importlib.util.find_spec(provider.module) is None:
        raise InputError(
            f"langchain:{provider_id} needs a package that is not installed: "
            f"pip install {provider.package}"
        )
    return provider


def other_host(provider: Provider) -> str:
    """The server that the environment names for a provider; empty for its own."""
    given = next((value for name in provider.addresses if (value := os.environ.get(name))), "")
    parts = urlsplit(given if "//" in given else f"//{given}")
    return "" if parts.hostname in _OWN_HOSTS else parts.netloc.rpartition("@")[2]


def load_class(provider: Provider) -> "type[BaseChatModel]":
    """The class of a provider's chat models."""
    kind: type[BaseChatModel] = getattr(importlib.import_module(provider.module), provider.kind)
    return kind


def make_chat(
    provider: Provider, model: str, name: str, options: Mapping[str, Any]
) -> "BaseChatModel":
    """A provider's chat model.

    Args:
        provider: Whose.
        model: The model, as the provider calls it.
        name: The model's name in AgentKit, for messages.
        options: Further arguments; those that the class does not have are left out.

    Raises:
        AccessError: The key is missing.
        ModelError: The package refuses.
    """
    kind = load_class(provider)
    taken = {key: value for key, value in options.items() if key in kind.model_fields}
    try:
        return kind(**{provider.model_field: model, **taken})
    except Exception as error:
        complaint = _complaint(error)
    variables = provider.variables
    keys = key_values(variables)
    if variables and not keys:
        raise AccessError(
            f"{name} needs a key: set the environment variable {' or '.join(variables)}"
        )
    for key in keys:
        complaint = complaint.replace(key, "[key]")
    raise ModelError(f"{name}: {provider.kind} cannot be made: {complaint}")


def key_values(variables: Sequence[str]) -> list[str]:
    """The keys that the environment holds."""
    return [value for variable in variables if (value := os.environ.get(variable, "").strip())]


def _complaint(error: Exception) -> str:
    """What is wrong, without the values that pydantic shows."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return redacted("; ".join(detail["msg"] for detail in error.errors(include_input=False)))
    return redacted(str(error))
