"""Functions that take the arguments of another one: editors, mypy and `inspect` show them."""

from collections.abc import Callable
from inspect import signature
from typing import Any, ParamSpec, TypeVar

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
