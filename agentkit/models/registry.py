"""From what a user writes to a Model: ids such as `echo`, `script:answers.json`, `rules`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from agentkit.errors import InputError, suggest
from agentkit.models.base import Model
from agentkit.models.hosted import DEFAULT, Settings
from agentkit.threads import runs_on_loop

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

BUILT_IN = ("echo", "rules", "script:FILE", "openai:NAME", "langchain:PROVIDER:NAME")
_HOSTED = ("openai", "langchain")


def get_model(
    model: Model | str | Callable[..., Any],
    *,
    settings: Settings | None = None,
    base_url: str | None = None,
    env_id: str | None = None,
    folder: Path | None = None,
) -> Model:
    """The model for an id, a Model (returned as it is), or a Python function of a Request.

    A chat model of LangChain becomes a Model too.

    Args:
        model: What to look up.
        settings: How the server of a model is called; for `openai:` and `langchain:`.
        base_url: The address of the server; for `openai:`.
        env_id: The agent's environment, whose expert `rules` is.
        folder: Where relative file names start; by default the current folder.

    Raises:
        InputError: The id is unknown, or what it needs is missing.
    """
    if settings is not None and not takes_settings(model):
        raise InputError(
            f"{_shown(model)} takes no settings: only openai: and langchain: models do"
        )
    if base_url is not None and not takes_address(model):
        raise InputError(f"{_shown(model)} takes no 'base_url': only openai:NAME does")
    if isinstance(model, str):
        if not model.isprintable():
            raise InputError(f"the model {model!a} has characters that cannot be printed")
        if any(part != part.strip() for part in model.split(":")):
            tidy = ":".join(part.strip() for part in model.split(":"))
            raise InputError(f"the model '{model}' has a space around a name: write '{tidy}'")
        prefix, _, rest = model.partition(":")
        if prefix in _HOSTED:
            return _hosted(prefix, rest, settings or DEFAULT, base_url)
        return _by_id(model, env_id, folder or Path())
    if isinstance(model, Model) and runs_on_loop(model.complete):
        return model
    return _of_object(model, settings or DEFAULT)


def _of_object(model: Any, settings: Settings) -> Model:
    """The model for an object of Python that is none by itself."""
    if is_chat_model(model):
        from agentkit.models.langchain.model import LangChainModel

        return LangChainModel(model, settings)
    from agentkit.models.function import FunctionModel, PlainModel

    if isinstance(model, Model):
        return PlainModel(model)
    if callable(model):
        return FunctionModel(model)
    raise InputError(f"a model is an id, a Model or a function; found {model!r}")


def takes_settings(model: Any) -> bool:
    """Whether a model runs on a server, so that `Settings` apply to it."""
    if isinstance(model, str):
        return model.partition(":")[0] in _HOSTED
    return is_chat_model(model)


def takes_address(model: Any) -> bool:
    """Whether a model's server can be chosen."""
    return isinstance(model, str) and model.partition(":")[0] == "openai"


def is_chat_model(model: object) -> "TypeGuard[BaseChatModel]":
    """Whether it is a chat model of LangChain, found out without loading LangChain."""
    return any(
        kind.__name__ == "BaseChatModel" and kind.__module__.startswith("langchain_core.")
        for kind in type(model).__mro__
    )


def _shown(model: Any) -> str:
    return f"the model '{model}'" if isinstance(model, str) else f"a {type(model).__name__}"


def _hosted(prefix: str, rest: str, settings: Settings, base_url: str | None) -> Model:
    if prefix == "openai":
        from agentkit.models.openai.model import OpenAIModel

        return OpenAIModel(rest, base_url=base_url, settings=settings)
    from agentkit.models.langchain.model import make_langchain_model

    return make_langchain_model(rest, settings)


def _by_id(model_id: str, env_id: str | None, folder: Path) -> Model:
    prefix, _, rest = model_id.partition(":")
    if model_id == "echo":
        from agentkit.models.echo import EchoModel

        return EchoModel()
    if model_id == "none":
        from agentkit.models.none import NoModel

        return NoModel()
    if model_id == "rules":
        return _rules(env_id)
    if prefix == "script" and rest:
        from agentkit.models.scripted import load_script

        return load_script(folder / rest)
    from agentkit.plugins import get_model_factory, model_prefixes

    factory = get_model_factory(prefix)
    if factory is not None:
        model: Model = factory(rest)
        return model
    later = " (models in this process come with a later version)" if prefix == "local" else ""
    known = [*BUILT_IN, *(f"{name}:NAME" for name in model_prefixes())]
    raise InputError(
        f"unknown model '{model_id}'{later}.{suggest(prefix, {k.split(':')[0] for k in known})} "
        f"Models: {', '.join(known)}"
    )


def _rules(env_id: str | None) -> Model:
    if env_id is None:
        raise InputError(
            "the model 'rules' is an environment's expert, and this agent has no environment"
        )
    from agentkit.models.rules import RulesModel
    from agentkit.plugins import get_expert

    return RulesModel(get_expert(env_id))
