"""What arguments functions take, and functions that take those of another one."""

import inspect
from collections.abc import Callable, Collection, Mapping
from inspect import signature
from typing import Any, ParamSpec, TypeVar

from agentkit.errors import suggest

P = ParamSpec("P")
T = TypeVar("T")


def takes_arguments_of(
    source: Callable[P, Any],
) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """Return a decorator for a function that passes all its arguments on to another one.

    Args:
        source: The function whose parameters it has; `run` for a `run_sync`.
    """

    def decorate(function: Callable[..., T]) -> Callable[P, T]:
        returned = signature(function).return_annotation
        shown = signature(source).replace(return_annotation=returned)
        function.__signature__ = shown  # type: ignore[attr-defined]
        return function

    return decorate


def parameters_of(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """Return the parameters of a function; of a built-in one that does not say them, any."""
    try:
        return inspect.signature(function).parameters
    except ValueError:
        return {"any": inspect.Parameter("any", inspect.Parameter.VAR_KEYWORD)}


def argument_problem(
    label: str,
    parameters: Mapping[str, inspect.Parameter],
    given: Collection[str],
    takes_step: bool,
) -> str | None:
    """Return what is wrong with the arguments of a function node, or None.

    Args:
        label: The function's name, for messages.
        parameters: Its parameters.
        given: The names of the arguments.
        takes_step: Whether its parameter `step` is the running step.
    """
    kinds = inspect.Parameter
    named = {
        name: parameter
        for name, parameter in parameters.items()
        if parameter.kind in (kinds.POSITIONAL_OR_KEYWORD, kinds.KEYWORD_ONLY)
        and not (takes_step and name == "step")
    }
    takes_any = any(p.kind is kinds.VAR_KEYWORD for p in parameters.values())
    expects = f"{label} takes: {', '.join(named) or 'nothing'}"
    for name in given:
        if name not in named and not takes_any:
            return f"unknown argument '{name}'.{suggest(name, set(named))} {expects}"
    for name, parameter in named.items():
        if parameter.default is kinds.empty and name not in given:
            return f"missing argument '{name}'. {expects}"
    return None
