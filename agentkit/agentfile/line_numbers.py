"""The text of a file, and the line and column of any place in it."""

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from agentkit.redaction import masked


@dataclass(frozen=True, slots=True)
class Flaw:
    """One thing wrong with a file: what, and where."""

    start: int
    """Index of the character it begins at."""
    message: str
    """What is wrong and how to mend it."""
    indent: bool = field(default=False, compare=False)
    """Whether all that is wrong is how far the line is indented."""


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
        self._written: dict[int, str] = {}
        """Lines that were indented anew, as they are written."""
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]

    def indent(self, widths: Mapping[int, int], flaws: list[Flaw]) -> None:
        """Indent lines anew; places, those of the flaws too, stay those of the file as written.

        Args:
            widths: The spaces of each line.
            flaws: What was found in it so far.
        """
        lines, starts = self.text.split("\n"), self._starts
        shifts = dict.fromkeys(range(1, len(lines) + 1), 0)
        for number, width in widths.items():
            line = lines[number - 1]
            self._written.setdefault(number, line)
            lines[number - 1] = " " * width + line.lstrip(" \t")
            shifts[number] = len(lines[number - 1]) - len(line)
        self.text = "\n".join(lines)
        self._starts = [0, *(match.end() for match in re.finditer("\n", self.text))]

        def moved(flaw: Flaw) -> Flaw:
            number = bisect_right(starts, flaw.start)
            column = max(flaw.start - starts[number - 1] + shifts[number], 0)
            return replace(flaw, start=self._starts[number - 1] + column)

        flaws[:] = map(moved, flaws)
        self.unreadable = {number: moved(flaw) for number, flaw in self.unreadable.items()}

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
        column, line = index - self._starts[number - 1] + 1, self.line(index)
        if (written := self._written.get(number)) is not None:
            column, line = max(column - len(line) + len(written), 1), written
        return number, column, masked(line)
