"""Checks of arguments: each gives a line that says what is wrong and what would be right, or None.

`refuse` makes one error of such lines, so that everything is told at once.
"""

import math
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path


def refuse(problems: Iterable[str | None], subject: str = "arguments") -> None:
    """Raise one `ValueError` of all problems that there are.

    Raises:
        ValueError: There is at least one.
    """
    found = [problem for problem in problems if problem]
    if len(found) == 1:
        raise ValueError(found[0])
    if found:
        lines = "".join(f"\n  {line}" for problem in found for line in problem.splitlines())
        raise ValueError(f"{len(found)} {subject} are wrong{lines}")


def text(name: str, value: object, meaning: str) -> str | None:
    """`meaning`: what the text says, for the message."""
    return None if isinstance(value, str) else f"{name} is {meaning}, not {value!r}"


def whole(
    name: str, value: object, least: int, none: str | None = None, most: int | None = None
) -> str | None:
    """`none`: what None stands for, where it is allowed; `most`: the largest, if any."""
    if none is not None and value is None:
        return None
    if is_whole(value) and isinstance(value, int) and _between(value, least, most):
        return None
    return f"{name} is a whole number {_range(least, most)}{_or_none(none)}, not {value!r}"


def seconds(name: str, value: object) -> str | None:
    """A time that is over some day."""
    if (is_whole(value) or isinstance(value, float)) and 0 < float(str(value)) < math.inf:
        return None
    return f"{name} is a number of seconds above 0, not {value!r}"


def pair(name: str, value: object, least: int, meaning: str, most: int | None = None) -> str | None:
    """Two whole numbers; `meaning` says of what."""
    found = list(value) if isinstance(value, (list, tuple)) else []
    if len(found) == 2 and all(is_whole(part) and _between(part, least, most) for part in found):
        return None
    return f"{name} is {meaning}, two whole numbers {_range(least, most)}, not {value!r}"


def true_or_false(name: str, value: object) -> str | None:
    """True or False and nothing like them."""
    if isinstance(value, bool):
        return None
    return f"{name} is True or False (true or false in YAML), not {value!r}"


def one_of(name: str, value: object, known: Sequence[str]) -> str | None:
    """One of a few words."""
    if value in known:
        return None
    return f"{name} is {listed(known)}, not {value!r}{near(value, known)}"


def folder(name: str, value: object, none: str) -> str | None:
    """The path of a folder, which need not be there; `none` says what None stands for."""
    if value is None or (isinstance(value, (str, Path)) and str(value).strip()):
        return None
    return f"{name} is the path of a folder{_or_none(none)}, not {value!r}"


def existing_folder(name: str, value: object, none: str) -> str | None:
    """A folder that is there; `none` says what None stands for."""
    problem = folder(name, value, none)
    if problem or not isinstance(value, (str, Path)) or Path(value).is_dir():
        return problem
    why = "that is no folder" if Path(value).exists() else "there is no such folder"
    return f"{name} is '{value}': {why}"


def is_whole(value: object) -> bool:
    """Whether it is an int, and not True or False."""
    return isinstance(value, int) and not isinstance(value, bool)


def listed(words: Sequence[str]) -> str:
    """The words in quotes, with `or` before the last."""
    *first, last = [f"'{word}'" for word in words]
    return f"{', '.join(first)} or {last}" if first else last


def near(value: object, known: Sequence[str]) -> str:
    """The known word that was probably meant, as the end of a message."""
    close = get_close_matches(str(value), known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _between(value: int, least: int, most: int | None) -> bool:
    return value >= least and (most is None or value <= most)


def _range(least: int, most: int | None) -> str:
    return f"of at least {least}" if most is None else f"from {least} to {most}"


def _or_none(none: str | None) -> str:
    return f", or None (null in YAML) for {none}" if none else ""
