"""The text of a file, and the line and column of any place in it."""

import re
from bisect import bisect_right
from dataclasses import dataclass

from agentkit.redaction import masked


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a file: what, and where."""

    start: int
    """Index of the character it begins at."""
    message: str
    """What is wrong and how to mend it."""


class Trap(Exception):
    """The file cannot be read any further."""

    def __init__(self, start: int, message: str) -> None:
        super().__init__(message)
        self.flaw = Flaw(start, message)


class FileText:
    """The text of a file, and where an index of it is."""

    def __init__(self, text: str) -> None:
        text = text.removeprefix("\ufeff")
        self.text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.unreadable: dict[int, Flaw] = {}
        """Lines that YAML cannot read, each with the reason."""
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]

    def line_start(self, index: int) -> int:
        """Index of the first character of the line that holds `index`."""
        return self._starts[bisect_right(self._starts, index) - 1]

    def line(self, index: int) -> str:
        """The line that holds `index`."""
        return self.rest_of_line(self.line_start(index))

    def rest_of_line(self, index: int) -> str:
        """What stands in the line from `index` on."""
        end = self.text.find("\n", index)
        return self.text[index : end if end >= 0 else len(self.text)]

    def follows(self, line: int | None, what: object = None) -> bool:
        """Return whether something only seems wrong because its line cannot be read."""
        return line in self.unreadable and self.unreadable[line] != what

    def place(self, index: int) -> tuple[int, int, str]:
        """Line and column, counted from 1, and the line itself, keys in it masked."""
        index = min(index, len(self.text))
        number = bisect_right(self._starts, index)
        return number, index - self._starts[number - 1] + 1, masked(self.line(index))
