"""From what a user writes to a Model: ids such as `echo`, `script:answers.json`, `rules`."""

import inspect
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import InputError
from agentkit.models.base import Model
from agentkit.models.hosted import DEFAULT, Settings
from agentkit.models.local import SMOLLM2
from agentkit.program.foreign_objects import is_runnable
from agentkit.program.threads import runs_on_loop

if TYPE_CHECKING:
    from langchain_core.runnables import Runnable

    ModelLike = Model | str | Callable[..., Any] | Runnable[Any, Any]
    """What a user may give for a model; a Runnable is a chat model of LangChain."""

BUILT_IN = (
    "echo",
    "rules",
    "script:FILE",
    "openai:NAME",
    "langchain:PROVIDER:NAME",
    "local:FILE.gguf",
    "local:FOLDER",
)
_HOSTED = ("openai", "langchain", "local")
_TAKERS: Final = {
    "base_url": ("openai",),
    "extra": ("openai", "local"),
    "rotations": ("openai", "local"),
    **dict.fromkeys(
        (
            "context",
            "threads",
            "engine",
            "dtype",
            "device",
            "option_scores",
            "expert_keep",
            "telemetry",
        ),
        ("local",),
    ),
}
"""The settings that not every model on a server or in this process has, and whose they are."""


def get_model(
    model: "ModelLike",
    *,
    settings: Settings | None = None,
    base_url: str | None = None,
    env_id: str | None = None,
    folder: Path | None = None,
) -> Model:
    """The model for an id, a Model (returned as it is), or a Python function of a Request.

    A chat model of LangChain becomes a Model too, also one that is wrapped.

    Args:
        model: What to look up.
        settings: How a model is called; for `openai:`, `langchain:` and `local:`.
        base_url: The address of the server; for `openai:`.
        env_id: The agent's environment, whose expert `rules` is.
        folder: Where relative file names start; by default the current folder.

    Raises:
        InputError: The id is unknown, or what it needs is missing.
    """
    given: dict[str, Any] = {"settings": settings, "base_url": base_url}
    given |= {name: getattr(settings, name, None) for name in _TAKERS if name != "base_url"}
    for name, value in given.items():
        if value not in (None, {}, getattr(DEFAULT, name, None)) and (
            wrong := not_taken(model, name)
        ):
            raise InputError(wrong)
    if isinstance(model, str):
        if not model.isprintable():
            raise InputError(f"the model {model!a} has characters that cannot be printed")
        if any(part != part.strip() for part in model.split(":")):
            tidy = ":".join(part.strip() for part in model.split(":"))
            raise InputError(f"the model '{model}' has a space around a name: write '{tidy}'")
        prefix, _, rest = model.partition(":")
        if prefix in _HOSTED:
            return _hosted(prefix, rest, settings or DEFAULT, base_url, folder)
        return _by_id(model, env_id, folder or Path())
    return _of_object(model, settings or DEFAULT)


def _of_object(model: Any, settings: Settings) -> Model:
    """The model for anything but an id."""
    if isinstance(model, type):
        raise InputError(f"{model.__name__} is a class: write {_call_of(model)}")
    if isinstance(model, Model) and runs_on_loop(model.complete):
        return model
    if is_runnable(model):
        from langchain_core.decisions import BaseDecisionModel

        if isinstance(model, BaseDecisionModel):
            from agentkit.models.langchain.decisions import LangChainDecisions

            return LangChainDecisions(model, settings)
        from agentkit.models.langchain.model import LangChainModel

        return LangChainModel(model, settings)
    from agentkit.models.function import FunctionModel, PlainModel

    if isinstance(model, Model):
        return PlainModel(model)
    if callable(model):
        return FunctionModel(model)
    raise InputError(f"a model is an id, a Model or a function; found {model!r}")


def _call_of(kind: type) -> str:
    """How one is made of a class."""
    try:
        parameters = [*inspect.signature(kind).parameters.values()]
    except (TypeError, ValueError):
        parameters = []
    needed = any(
        one.default is one.empty and one.kind not in (one.VAR_POSITIONAL, one.VAR_KEYWORD)
        for one in parameters
    )
    return f"{kind.__name__}({'...' if needed else ''})"


def not_taken(model: Any, setting: str) -> str | None:
    """Return that a model has no such setting of a server, and which have it; None: it has it."""
    takers = _TAKERS.get(setting, _HOSTED)
    kind = model.partition(":")[0] if isinstance(model, str) else is_runnable(model) and "langchain"
    if kind in takers:
        return None
    shown = model if isinstance(model, str) else type(model).__name__
    kinds = ", ".join(f"{one}:" for one in takers)
    said = f"the model '{shown}' takes no '{setting}': only {kinds} models do"
    if setting == "extra":
        said += ". A chat model of LangChain takes its own fields in Python, with bind"
    return said


def file_of(model_id: str) -> str | None:
    """Return the file that an id names; None: it names none."""
    prefix, _, name = model_id.partition(":")
    named = prefix == "script" or (prefix == "local" and name != SMOLLM2)
    return name if named and name else None


def _hosted(
    prefix: str, rest: str, settings: Settings, base_url: str | None, folder: Path | None
) -> Model:
    if prefix == "openai":
        from agentkit.models.openai.model import OpenAIModel

        return OpenAIModel(rest, base_url=base_url, settings=settings)
    if prefix == "local":
        from agentkit.models.local.find import find_model

        path = find_model(rest, folder or Path())
        if path.is_dir() or settings.engine == "transformers":
            from agentkit.models.local.transformers.model import TransformersModel

            return TransformersModel(rest, path, settings, folder)
        from agentkit.models.local.llamacpp.model import LlamaCppModel

        return LlamaCppModel(rest, settings, folder)
    from agentkit.models.langchain.model_by_id import make_langchain_model

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
    known = [*BUILT_IN, *(f"{name}:NAME" for name in model_prefixes())]
    raise InputError(
        f"unknown model '{model_id}'.{_meant(model_id, known)} Models: {', '.join(known)}"
    )


_FAMILIES: Final = {
    "gpt-oss": "langchain:ollama",
    "gpt": "openai",
    "chatgpt": "openai",
    "o1": "openai",
    "o3": "openai",
    "o4": "openai",
    "claude": "langchain:anthropic",
    "gemini": "langchain:google_genai",
    "mistral": "langchain:mistralai",
    "ministral": "langchain:mistralai",
    "magistral": "langchain:mistralai",
    "codestral": "langchain:mistralai",
    "command": "langchain:cohere",
    "deepseek": "langchain:deepseek",
    "grok": "langchain:xai",
    "sonar": "langchain:perplexity",
    **dict.fromkeys(("gemma", "llama", "mixtral", "phi", "qwen", "smollm"), "langchain:ollama"),
}
"""How names of models begin, and the prefix of whoever has them."""
_PROVIDERS: Final = {
    "azure": "azure_openai",
    "google": "google_genai",
    "gemini": "google_genai",
    "mistral": "mistralai",
    "vertexai": "google_vertexai",
    "x-ai": "xai",
}
"""What providers are called by others, and by LangChain."""


def _meant(model_id: str, known: Sequence[str]) -> str:
    """` Did you mean 'x'?` for the model that an unknown id most likely means, or nothing."""
    from agentkit.models.langchain.ids import PROVIDERS

    name = "-".join(model_id.split())
    first, _, rest = name.replace("/", ":", 1).partition(":")
    whose = _PROVIDERS.get(first.lower(), first.lower())
    family = next((f for f in _FAMILIES if name.lower().startswith(f)), None)
    meant = None
    if first.lower() == "openai" and rest:
        meant = f"openai:{rest}"
    elif whose in PROVIDERS and rest:
        meant = f"langchain:{whose}:{rest}"
    elif SMOLLM2 in name.lower():
        return f" Did you mean 'local:{SMOLLM2}'?"
    elif name.lower().endswith(".gguf"):
        return f" Did you mean 'local:{model_id}'?"
    elif family is not None and not rest:
        meant = f"{_FAMILIES[family]}:{name}"
    if meant is not None:
        return f" Did you mean '{meant}'? Without a key there is 'echo', which repeats its prompt."
    by_prefix = {one.partition(":")[0]: one for one in (*known, "none")}
    near = get_close_matches(first.lower(), by_prefix, n=1)
    whole = by_prefix[near[0]] if near else ""
    return f" Did you mean '{whole}'?" if whole else ""


def _rules(env_id: str | None) -> Model:
    if env_id is None:
        raise InputError(
            "the model 'rules' is an environment's expert, and this agent has no environment"
        )
    from agentkit.models.rules import RulesModel
    from agentkit.plugins import get_expert

    return RulesModel(get_expert(env_id))
