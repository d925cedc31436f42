"""Everything that is wrong with a catalogue's files, told in one error."""

import difflib
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

SHOWN = 20
"""Problems that the error shows in full; the rest are counted."""

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "an object with names",
    "finite_number": "a number that is not NaN or infinite",
    "float_type": "a number",
    "list_type": "a list",
    "model_type": "an object with names",
    "string_type": "text",
}


class Problems:
    """A list of problems that becomes one `ValueError`."""

    def __init__(self) -> None:
        self.count = 0
        self._lines: list[str] = []

    def add(self, where: str, what: str) -> None:
        """Note a problem; `where` is the file and what is known of the place in it."""
        self.count += 1
        if self.count <= SHOWN:
            self._lines.append(f"{where}: {what}")

    def add_invalid(self, where: str, error: ValidationError, names: Iterable[str] = ()) -> None:
        """Note what a model refused; `names` are those that the record has."""
        for problem in error.errors(include_url=False):
            place = ".".join(str(part) for part in problem["loc"])
            self.add(where, _told(place, problem["type"], problem, names))

    def error(self, subject: str) -> ValueError:
        """One error of all that was noted."""
        noun = "problem" if self.count == 1 else "problems"
        lines = [f"{subject}: {self.count} {noun}", *(f"  {line}" for line in self._lines)]
        if self.count > SHOWN:
            lines.append(f"  and {self.count - SHOWN} more")
        return ValueError("\n".join(lines))

    def check(self, subject: str) -> None:
        """Raise when there is any problem."""
        if self.count:
            raise self.error(subject)


def shown(value: object) -> str:
    """A value as an error shows it, cut when it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _told(place: str, kind: str, problem: Any, names: Iterable[str]) -> str:
    if kind == "missing":
        near = [] if "." in place else difflib.get_close_matches(place, list(names), 1)
        hint = f". Did you mean {near[0]!r}, which is there?" if near else ""
        return f"the field {place!r} is missing{hint}"
    expected = _EXPECTED.get(kind)
    said = f"expected {expected}" if expected else problem["msg"].removeprefix("Value error, ")
    field = f"{place!r}" if place else "the record"
    return f"{field} is {shown(problem['input'])}: {said}"
