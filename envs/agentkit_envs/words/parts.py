"""The parts that values consist of, each with its words: a choice, a number, an array, a text."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

LONGEST_LIST = 100
"""So many names are listed; of more, the first and the last are said."""
_LONGEST_NAME = 100
"""Characters of a text that are held against the names, to find the one that was meant."""
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


class NotUnderstood(ValueError):
    """A text that is no value of a part; the message says what would be one."""


class Part(Protocol):
    """A part of a value."""

    def say(self, value: Any) -> str:
        """Return the words for a value."""
        ...

    def read(self, text: str) -> Any:
        """Return the value that a text says.

        Raises:
            NotUnderstood: It says none.
        """
        ...

    @property
    def form(self) -> str:
        """What texts say a value, in a few words."""
        ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few values, each with a name, or a whole number in a range."""

    first: int
    count: int
    names: tuple[str, ...] | None = None

    def say(self, value: Any) -> str:
        """Return the name, or the number."""
        place = int(value) - self.first
        if self.names is None or not 0 <= place < self.count:
            return str(int(value))
        return self.names[place]

    def read(self, text: str) -> int:
        """Return the value of a name, whatever its case, or of a number."""
        if self.names is None:
            return _whole(text, self.first, self.first + self.count - 1)
        known = {_folded(name): number for number, name in enumerate(self.names)}
        if (number := known.get(_folded(text))) is not None:
            return self.first + number
        near = get_close_matches(_folded(text[:_LONGEST_NAME]), known, n=1)
        hint = f"; did you mean '{self.names[known[near[0]]]}'?" if near else ""
        raise NotUnderstood(f"expected {self.form}{hint}")

    @property
    def options(self) -> list[str]:
        """All words that are read, the first value's first."""
        if self.names is not None:
            return list(self.names)
        return [str(self.first + number) for number in range(self.count)]

    @property
    def form(self) -> str:
        """The names, or the range."""
        if self.names is not None and self.count <= LONGEST_LIST:
            return f"one of {', '.join(self.names)}"
        first, last = self.say(self.first), self.say(self.first + self.count - 1)
        kind = "a whole number from" if self.names is None else f"one of {self.count} names from"
        return f"{kind} {first} to {last}"


@dataclass(frozen=True, slots=True)
class Number:
    """A number in a range, both ends included."""

    low: float
    high: float
    is_whole: bool

    def say(self, value: Any) -> str:
        """Return the number with four digits, a whole one with all."""
        return said(value)

    def read(self, text: str) -> float:
        """Return the number."""
        if self.is_whole:
            return _whole(text, self.low, self.high)
        match = _NUMBER.fullmatch(text.strip())
        number = float(match[0]) if match else math.nan
        inside = min(max(number, self.low), self.high)  # 0.1 is less than the float32 near it
        if math.isfinite(number) and math.isclose(number, inside, rel_tol=1e-6, abs_tol=1e-9):
            return inside
        raise NotUnderstood(f"expected {self.form}")

    @property
    def form(self) -> str:
        """The range."""
        return _range("a whole number" if self.is_whole else "a number", self.low, self.high)


@dataclass(frozen=True, slots=True)
class Array:
    """Numbers side by side; of two dimensions and more, a line for each row."""

    low: npt.NDArray[Any]
    """The least value of each number; its shape and type are those of the values."""
    high: npt.NDArray[Any]

    def say(self, value: Any) -> str:
        """Return the numbers, those of the last of three dimensions with `/` between."""
        return "\n".join(self._rows(np.asarray(value)))

    def _rows(self, array: npt.NDArray[Any]) -> list[str]:
        if array.ndim == 3:
            return [" ".join("/".join(map(said, cell)) for cell in row) for row in array]
        if array.ndim == 2:
            return [" ".join(map(said, row)) for row in array]
        return [", ".join(map(said, array.ravel()))]

    def read(self, text: str) -> npt.NDArray[Any]:
        """Return the array whose numbers stand in order, with commas or spaces between."""
        texts = text.replace(",", " ").strip("[]() ").split()
        if len(texts) != self.low.size:
            raise NotUnderstood(f"expected {self.form}, not {len(texts)}")
        ends = zip(self.low.ravel(), self.high.ravel(), strict=True)
        is_whole = not np.issubdtype(self.low.dtype, np.floating)
        numbers = [
            Number(float(low), float(high), is_whole).read(one)
            for one, (low, high) in zip(texts, ends, strict=True)
        ]
        return np.array(numbers, self.low.dtype).reshape(self.low.shape)

    @property
    def form(self) -> str:
        """How many numbers, and their range where it is one."""
        lows, highs = set(self.low.ravel().tolist()), set(self.high.ravel().tolist())
        numbers = f"{self.low.size} numbers"
        if len(lows) == len(highs) == 1:
            return _range(f"{numbers}, each", lows.pop(), highs.pop())
        return f"{numbers}, from {said_all(self.low)} to {said_all(self.high)}"


@dataclass(frozen=True, slots=True)
class Line:
    """A text as it is; `space` says which are taken."""

    space: Any

    def say(self, value: Any) -> str:
        """Return the text, or a short picture of what is none."""
        return value if isinstance(value, str) else repr(value)[:200]

    def read(self, text: str) -> str:
        """Return the text."""
        if text in self.space:
            return text
        raise NotUnderstood(f"expected {self.form}")

    @property
    def form(self) -> str:
        """What texts the space takes."""
        longest = getattr(self.space, "max_length", None)
        return "a text" if longest is None else f"a text of {self.space!r}"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture, which models that see are shown; words only say that it is there."""

    height: int
    width: int

    def say(self, value: Any) -> str:
        """Return its size and where it is."""
        return f"a picture of {self.width} x {self.height}, in info.image"

    def read(self, text: str) -> Any:
        """Refuse: no text says a picture."""
        raise NotUnderstood(f"expected {self.form}")

    @property
    def form(self) -> str:
        """That it is a picture."""
        return "a picture"


@dataclass(frozen=True, slots=True)
class Several:
    """A number of values that changes."""

    of: "Sequence[tuple[str, Part]]"
    split: Callable[[Any], Sequence[Any]]

    def say(self, value: Any) -> str:
        """Return the values of each, a line for each."""
        rows = [*value][:LONGEST_LIST]
        lines = [
            ", ".join(
                part.say(one) for (_, part), one in zip(self.of, self.split(row), strict=True)
            )
            for row in rows
        ]
        more = len(value) - len(rows)
        return "\n".join([*lines, f"and {more} more"] if more else lines or ["none"])

    def read(self, text: str) -> Any:
        """Refuse: actions have a fixed number of parts."""
        raise NotUnderstood(f"expected {self.form}")

    @property
    def form(self) -> str:
        """That there may be any number."""
        return "any number of values"


def said(number: Any) -> str:
    """Return a number in words: whole ones with all digits, others with four."""
    if isinstance(number, (bool, np.bool_)):
        return str(int(number))
    if isinstance(number, (int, np.integer)):
        return str(number)
    return f"{float(number):.4g}"


def said_all(array: npt.NDArray[Any]) -> str:
    """Return the numbers of an array in brackets, the first few of many."""
    texts = [said(number) for number in array.ravel()[:12]]
    return f"[{', '.join(texts)}{', ...' if array.size > 12 else ''}]"


def _whole(text: str, low: float, high: float) -> int:
    if re.fullmatch(r"[-+]?\d{1,18}", text.strip()) and low <= int(text) <= high:
        return int(text)
    raise NotUnderstood(f"expected {_range('a whole number', low, high)}")


def _range(what: str, low: float, high: float) -> str:
    if math.isinf(low) and math.isinf(high):
        return what
    if math.isinf(high):
        return f"{what} of at least {said(low)}"
    return (
        f"{what} of at most {said(high)}"
        if math.isinf(low)
        else (f"{what} from {said(low)} to {said(high)}")
    )


def _folded(text: str) -> str:
    """A text as names are compared: case, spaces, hyphens and quotes around it do not matter."""
    return re.sub(r"[\s_-]+", " ", text.strip().strip("\"'`.").lower()).strip()
