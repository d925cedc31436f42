"""Arguments of a wrong kind, refused in words."""

from inspect import iscoroutinefunction
from os import PathLike
from typing import Any

from agentkit.errors import InputError


def wrong_kind(value: Any, expected: str) -> str:
    """Return the message for a value of another kind than expected."""
    return f"expected {expected}, found {value!r:.60}"


def check_kind(name: str, value: Any, kinds: Any, holds: str) -> None:
    """Refuse an argument of another kind.

    Args:
        name: Its name.
        value: Its value; None passes, for it was not given.
        kinds: A type, or a tuple of them, that it may have.
        holds: What it holds, for the message.

    Raises:
        InputError: It is of another kind.
    """
    if value is not None:
        check_given(name, value, kinds, holds)


def check_given(name: str, value: Any, kinds: Any, holds: str) -> None:
    """Refuse an argument of another kind as `check_kind` does, None too."""
    if not isinstance(value, kinds) or isinstance(value, type):
        raise InputError(f"{name}: {wrong_kind(value, holds)}")


def check_path(name: str, value: Any) -> None:
    """Refuse an argument that is no path of a file or folder.

    Raises:
        InputError: It is none.
    """
    check_given(name, value, (str, PathLike), "a path")


def check_listener(value: Any) -> None:
    """Refuse what cannot be called with events, and a function whose call would be awaited.

    Raises:
        InputError: It cannot.
    """
    if value is not None and (not callable(value) or iscoroutinefunction(value)):
        found = "an async def, whose calls nobody awaits" if callable(value) else f"{value!r:.60}"
        raise InputError(f"on_event: expected a plain function, found {found}")
