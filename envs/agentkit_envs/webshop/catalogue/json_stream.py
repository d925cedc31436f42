"""JSON files of any size, read one element at a time in little memory."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import JSONDecodeError
from pathlib import Path
from typing import Any, TextIO

CHUNK = 1 << 20
"""Characters read at a time."""
LONGEST = 1 << 26
"""Characters that one element may have: more means that a quote or bracket is not closed."""
_SPACE = " \t\r\n"


class BrokenJsonError(ValueError):
    """The file cannot be read on from here; the message says where and why."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a file's outermost list or object."""

    line: int
    """Where it starts, counted from 1."""
    key: str
    """Its name in an object; empty in a list."""
    value: Any
    text: str
    """The value as the file writes it."""


def elements(path: Path, opening: str, chunk: int = CHUNK) -> Iterator[Element]:
    """The elements of the list (`opening` is "[") or object ("{") that the file is.

    `chunk` characters are read at a time.

    Raises:
        BrokenJsonError: When the file is no such thing, or broken somewhere.
        OSError: When it cannot be opened.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from _Reader(file, chunk).elements(opening)


class _Reader:
    def __init__(self, file: TextIO, chunk: int) -> None:
        self._file = file
        self._chunk = chunk
        self._text = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._decoder = json.JSONDecoder()

    def elements(self, opening: str) -> Iterator[Element]:
        closing = "]" if opening == "[" else "}"
        self._expect(opening)
        if self._next() == closing:
            self._at += 1
        else:
            yield self._element(opening)
            while self._expect("," + closing) == ",":
                yield self._element(opening)
        if self._next():
            raise self._broken(f"there is more after the closing {closing!r}")

    def _element(self, opening: str) -> Element:
        key = ""
        if opening == "{":
            if self._next() != '"':
                raise self._broken("expected a name in double quotes")
            key = self._value()[0]
            self._expect(":")
        self._next()
        line = self._line
        return Element(line, key, *self._value())

    def _value(self) -> tuple[Any, str]:
        """The value that starts here, and its text."""
        while True:
            try:
                value, end = self._decoder.raw_decode(self._text, self._at)
            except JSONDecodeError as error:
                if self._complete(error) or not self._more():
                    # The decoder has already passed a control character, such as a line's end.
                    passed = error.msg.startswith("Invalid control character")
                    self._skip_to(error.pos - passed)
                    raise self._broken(_reason(error)) from error
            except (ValueError, RecursionError) as error:
                raise self._broken(f"it cannot be read: {error}") from error
            else:
                # A number may go on in the next chunk: "0", "0." and "0e-" all read as 0.
                if end + 2 < len(self._text) or not self._more():
                    text = self._text[self._at : end]
                    self._skip_to(end)
                    return value, text

    def _complete(self, error: JSONDecodeError) -> bool:
        """Whether the text is broken whatever follows."""
        if len(self._text) - self._at > LONGEST:
            return True
        if error.msg.startswith("Unterminated string"):
            return False
        # What the decoder complains of near the end may only be that the rest is not read yet.
        return len(self._text) - error.pos > CHUNK

    def _expect(self, characters: str) -> str:
        found = self._next()
        if not found or found not in characters:
            expected = " or ".join(repr(c) for c in characters)
            raise self._broken(f"expected {expected}, found {repr(found) if found else 'the end'}")
        self._at += 1
        return found

    def _next(self) -> str:
        """The next character that is no space, without passing it; empty at the end."""
        while True:
            at = self._at
            while at < len(self._text) and self._text[at] in _SPACE:
                at += 1
            self._skip_to(at)
            if at < len(self._text):
                return self._text[at]
            if not self._more():
                return ""

    def _more(self) -> bool:
        """Read on, and let go of what was passed; False when there is no more."""
        rest = self._text[self._at :]
        try:
            # At least as much as is waiting, so that a long element costs no more than its length.
            chunk = "" if self._ended else self._file.read(max(self._chunk, len(rest)))
        except UnicodeDecodeError as error:
            raise self._broken(f"it is not UTF-8 text (after here): {error.reason}") from error
        if chunk:
            self._text, self._at = rest + chunk, 0
        self._ended = not chunk
        return not self._ended

    def _skip_to(self, at: int) -> None:
        self._line += self._text.count("\n", self._at, at)
        self._at = at

    def _broken(self, why: str) -> BrokenJsonError:
        return BrokenJsonError(f"line {self._line}: broken JSON: {why}")


def _reason(error: JSONDecodeError) -> str:
    """The decoder's reason with the text around it."""
    near = error.doc[max(0, error.pos - 20) : error.pos + 20]
    return f"{error.msg.lower()} near {near!r}"
