"""EnvSpec: which environment an agent plays in, and its arguments."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import InputError, RenderError
from agentkit.program.argument_kinds import wrong_kind
from agentkit.templates.template import TemplateProblem, compile_expression, compile_template

if TYPE_CHECKING:
    import gymnasium

_ONE_EXPRESSION: Final = re.compile(r"\{\{((?:(?!\{\{|\}\}).)*)\}\}")


EnvFactory = Callable[..., "gymnasium.Env[Any, Any]"]
"""What makes an environment: a class of `gymnasium.Env`, or a function that returns a new one."""


@dataclass(frozen=True, slots=True, init=False)
class EnvSpec:
    """Which environment an agent plays in; each episode makes one of its own.

    Args:
        id: The id it is registered under, or what makes it: a class of `gymnasium.Env`, or a
            function that returns a new environment at each call.
        arguments: Its arguments.
        make: What makes it, where `id` is only to be its name in records.

    Raises:
        InputError: It is none of these, such as an environment that was made already.
    """

    id: str
    """The id it is registered under, such as `agentkit/Crafter-v1`; of what makes it, its module
    and name, such as `my_game:Corridor`."""
    arguments: Mapping[str, Any]
    """Its arguments; a text may be a template over the agent's inputs."""
    make: EnvFactory | None
    """What makes it; None for one that is registered."""

    def __init__(
        self,
        id: str | EnvFactory,
        arguments: Mapping[str, Any] | None = None,
        make: EnvFactory | None = None,
    ) -> None:
        factory = make if isinstance(id, str) else id
        if wrong := _not_an_env(id) or (make is not None and _not_an_env(make)):
            raise InputError(wrong)
        if not isinstance(arguments or {}, Mapping):
            raise InputError(f"environment arguments: {wrong_kind(arguments, 'a mapping')}")
        object.__setattr__(self, "id", id if isinstance(id, str) else _factory_name(id))
        object.__setattr__(self, "arguments", arguments or {})
        object.__setattr__(self, "make", factory)


def _not_an_env(env: Any) -> str | None:
    """Return what is wrong with what shall be an environment; None when nothing is."""
    if isinstance(env, str):
        return None if env.strip() else "the environment's id is empty"
    import gymnasium
    from gymnasium.envs.registration import EnvSpec as Registered

    kinds = "a registered id, a class of gymnasium.Env, or a function that makes one"
    if isinstance(env, gymnasium.Env):
        name = type(env.unwrapped).__name__
        return (
            f"this environment was made already, and each episode makes its own: give {kinds}, "
            f"such as {name} or lambda: {name}(...)"
        )
    if isinstance(env, Registered):
        return f"this is an EnvSpec of Gymnasium: give its id, '{env.id}'"
    if isinstance(env, type) and not issubclass(env, gymnasium.Env):
        return f"the class {env.__name__} is no gymnasium.Env: expected {kinds}"
    if isinstance(env, Mapping):
        return "this is a mapping: write EnvSpec(id, {argument: value})"
    return None if callable(env) else wrong_kind(env, kinds)


def _factory_name(make: Any) -> str:
    """Return the module and name of what makes an environment."""
    inner = getattr(make, "func", make)  # of a functools.partial
    named = inner if hasattr(inner, "__qualname__") else type(inner)
    return f"{named.__module__}:{named.__qualname__}"


def env_arguments(env: EnvSpec, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """An environment's arguments with the inputs filled in.

    A text that is one `{{ expression }}` keeps the type of its value.

    Raises:
        RenderError: An argument uses something that is no input.
    """

    def fill(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [fill(item) for item in value]
        if not isinstance(value, str) or "{{" not in value:
            return value
        whole = _ONE_EXPRESSION.fullmatch(value.strip())
        try:
            if whole:
                return compile_expression(whole[1]).evaluate(inputs)
            return compile_template(value).render(inputs)
        except TemplateProblem as error:
            raise RenderError(f"env: {error.message}") from error

    filled: dict[str, Any] = fill(dict(env.arguments))
    return filled
