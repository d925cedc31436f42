"""Checks of the environment's arguments, each with a message that says how to mend it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from agentkit_envs.checks import (
    folder,
    is_whole,
    listed,
    near,
    one_of,
    refuse,
    true_or_false,
    whole,
)
from agentkit_envs.webshop.goals.nouns import get_nouns

_RESET = ("session", "instruction")


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a reset."""

    session: int | None = None
    """Number of the goal to take."""
    instruction: str | None = None
    """The text to show instead of the goal's own."""


def check_options(options: Mapping[str, Any] | None, goals: int) -> Options:
    """The options of a reset, of a shop with so many goals.

    Raises:
        ValueError: An option is unknown or has a wrong value; every problem is listed.
    """
    if options is None:
        return Options()
    if not isinstance(options, Mapping):
        raise ValueError(f"options is a dict such as {{'session': 3}}, or None, not {options!r}")
    problems = [
        f"no option {name!r} at reset: there are {listed(_RESET)}{near(name, _RESET)}"
        for name in options
        if name not in _RESET
    ]
    session, instruction = options.get("session"), options.get("instruction")
    if session is not None and not (is_whole(session) and 0 <= session < goals):
        problems.append(f"session is a whole number from 0 to {goals - 1}, not {session!r}")
    if instruction is not None and not (isinstance(instruction, str) and instruction.strip()):
        problems.append(
            f"instruction is a text that says what to buy, or None for the goal's own, "
            f"not {instruction!r}"
        )
    refuse(problems)
    return Options(session, instruction)


def check_arguments(**given: Any) -> None:
    """Check some of the environment's arguments, given by name.

    Raises:
        ValueError: Some are wrong; every problem is listed.
    """
    problems = (_CHECKS[name](name, value) for name, value in given.items())
    refuse(problems)


def _tagger(name: str, value: object) -> str | None:
    if not isinstance(value, str):
        return f"{name} is 'rules', 'spacy' or 'spacy:MODEL', not {value!r}"
    try:
        get_nouns(value)
    except ValueError as error:
        return str(error)
    return None


def _rendering(name: str, value: object) -> str | None:
    return None if value is None or value == "ansi" else f"{name} is None or 'ansi', not {value!r}"


_CHECKS: dict[str, Callable[[str, object], str | None]] = {
    "data": partial(folder, none="the generated catalogue"),
    "observation_mode": partial(one_of, known=("prompt", "text", "text_rich", "html")),
    "goals": partial(one_of, known=("synthetic", "human")),
    "split": partial(one_of, known=("test", "validation", "train", "all")),
    "max_steps": partial(whole, least=1, none="no limit"),
    "products": partial(whole, least=1, none="the usual ones"),
    "catalogue_seed": partial(whole, least=0),
    "nouns": _tagger,
    "show_attributes": true_or_false,
    "cache": partial(folder, none="the user's cache folder"),
    "render_mode": _rendering,
}
