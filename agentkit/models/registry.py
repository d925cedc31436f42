"""From what a user writes to a Model: ids such as `echo`, `script:answers.json`, `rules`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from agentkit.errors import InputError, suggest
from agentkit.models.base import Model

BUILT_IN = ("echo", "rules", "script:FILE")
_HOSTED = ("openai", "langchain", "local")


def get_model(
    model: Model | str | Callable[..., Any],
    *,
    env_id: str | None = None,
    folder: Path | None = None,
) -> Model:
    """The model for an id, a Model (returned as it is), or a Python function of a Request.

    Args:
        model: What to look up.
        env_id: The agent's environment, whose expert `rules` is.
        folder: Where relative file names start; by default the current folder.

    Raises:
        InputError: The id is unknown, or what it needs is missing.
    """
    if isinstance(model, str):
        return _by_id(model, env_id, folder or Path())
    if isinstance(model, Model):
        return model
    if callable(model):
        from agentkit.models.function import FunctionModel

        return FunctionModel(model)
    raise InputError(f"a model is an id, a Model or a function; found {model!r}")


def _by_id(model_id: str, env_id: str | None, folder: Path) -> Model:
    prefix, _, rest = model_id.partition(":")
    if model_id == "echo":
        from agentkit.models.echo import EchoModel

        return EchoModel()
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
    hosted = " (hosted models are not in this version)" if prefix in _HOSTED else ""
    known = [*BUILT_IN, *(f"{name}:NAME" for name in model_prefixes())]
    raise InputError(
        f"unknown model '{model_id}'{hosted}.{suggest(prefix, {k.split(':')[0] for k in known})} "
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
