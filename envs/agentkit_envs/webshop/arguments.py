"""Checks of the environment's arguments, each with a message that says how to mend it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

_OPTIONS = ("session", "instruction")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a reset."""

    session: int | None = None
    """Number of the goal to take."""
    instruction: str | None = None
    """The text to show instead of the goal's own."""


def check_options(options: Mapping[str, Any], goals: int) -> Options:
    """The options of a reset, of a shop with so many goals.

    Raises:
        ValueError: An option is unknown or has a wrong value; every problem is listed.
    """
    problems = [
        f"no option {name!r} at reset: there are {_listed(_OPTIONS)}{_near(name, _OPTIONS)}"
        for name in options
        if name not in _OPTIONS
    ]
    session, instruction = options.get("session"), options.get("instruction")
    if session is not None and not (_is_whole(session) and 0 <= session < goals):
        problems.append(f"session is a whole number from 0 to {goals - 1}, not {session!r}")
    if instruction is not None and not isinstance(instruction, str):
        problems.append(f"instruction is a text, not {instruction!r}")
    if problems:
        raise ValueError("\n".join(problems))
    return Options(session, instruction)


def one_of(name: str, value: str, known: Sequence[str]) -> str:
    """The value, if it is known.

    Raises:
        ValueError: It is not.
    """
    if value in known:
        return value
    raise ValueError(f"{name} is {_listed(known)}, not {value!r}{_near(value, known)}")


def whole(name: str, value: int, least: int = 1) -> int:
    """The value, if it is a whole number and not below the least.

    Raises:
        ValueError: It is not.
    """
    if not _is_whole(value) or value < least:
        raise ValueError(f"{name} is a whole number of at least {least}, not {value!r}")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(words: Sequence[str]) -> str:
    *first, last = [f"'{word}'" for word in words]
    return f"{', '.join(first)} or {last}"


def _near(value: object, known: Sequence[str]) -> str:
    near = get_close_matches(str(value), known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
