"""Checks of the environment's arguments, each with a message that says how to mend it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

from agentkit_envs.webshop.nouns import get_nouns

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
        f"no option {name!r} at reset: there are {_listed(_RESET)}{_near(name, _RESET)}"
        for name in options
        if name not in _RESET
    ]
    session, instruction = options.get("session"), options.get("instruction")
    if session is not None and not (_is_whole(session) and 0 <= session < goals):
        problems.append(f"session is a whole number from 0 to {goals - 1}, not {session!r}")
    if instruction is not None and not (isinstance(instruction, str) and instruction.strip()):
        problems.append(
            f"instruction is a text that says what to buy, or None for the goal's own, "
            f"not {instruction!r}"
        )
    _refuse(problems)
    return Options(session, instruction)


def check_arguments(**given: Any) -> None:
    """Check some of the environment's arguments, given by name.

    Raises:
        ValueError: Some are wrong; every problem is listed.
    """
    problems = (_CHECKS[name](name, value) for name, value in given.items())
    _refuse([problem for problem in problems if problem])


def _refuse(problems: Sequence[str]) -> None:
    if len(problems) == 1:
        raise ValueError(problems[0])
    if problems:
        lines = "".join(f"\n  {problem}" for problem in problems)
        raise ValueError(f"{len(problems)} arguments are wrong{lines}")


def _one_of(name: str, value: object, known: Sequence[str]) -> str | None:
    if value in known:
        return None
    return f"{name} is {_listed(known)}, not {value!r}{_near(value, known)}"


def _whole(name: str, value: object, least: int, none: str | None = None) -> str | None:
    """`none`: what None stands for, where it is allowed."""
    if none is not None and value is None:
        return None
    if _is_whole(value) and isinstance(value, int) and value >= least:
        return None
    other = f", or None (null in YAML) for {none}" if none else ""
    return f"{name} is a whole number of at least {least}{other}, not {value!r}"


def _folder(name: str, value: object, none: str) -> str | None:
    if value is None or isinstance(value, Path):
        return None
    if isinstance(value, str) and value.strip():
        return None
    return f"{name} is the path of a folder, or None (null in YAML) for {none}, not {value!r}"


def _true_or_false(name: str, value: object) -> str | None:
    if isinstance(value, bool):
        return None
    return f"{name} is True or False (true or false in YAML), not {value!r}"


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
    "data": partial(_folder, none="the generated catalogue"),
    "observation_mode": partial(_one_of, known=("prompt", "text", "text_rich", "html")),
    "goals": partial(_one_of, known=("synthetic", "human")),
    "split": partial(_one_of, known=("test", "validation", "train", "all")),
    "max_steps": partial(_whole, least=1, none="no limit"),
    "products": partial(_whole, least=1, none="the usual ones"),
    "catalogue_seed": partial(_whole, least=0),
    "nouns": _tagger,
    "show_attributes": _true_or_false,
    "cache": partial(_folder, none="the user's cache folder"),
    "render_mode": _rendering,
}


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _listed(words: Sequence[str]) -> str:
    *first, last = [f"'{word}'" for word in words]
    return f"{', '.join(first)} or {last}"


def _near(value: object, known: Sequence[str]) -> str:
    near = get_close_matches(str(value), known, n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
