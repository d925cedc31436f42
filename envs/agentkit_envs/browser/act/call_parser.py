"""Read one call such as `click('e3', button='left')` as values; nothing is evaluated."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_CALL = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z_][A-Za-z0-9_]*+\s*+\(")
_SPACE = re.compile(r"(?:\s|#[^\n]*)*")
_END = re.compile(r"(?:[\s;,]|#[^\n]*)*")
_KEYWORD = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\s*=(?!=)\s*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![A-Za-z_0-9.])")
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_+-]*")
_TEXTS = {
    mark: re.compile(rf"{mark}((?:\\.|(?!{mark})[^\\])*+){mark}", re.DOTALL)
    for mark in ('"""', "'''", '"')
}
# An apostrophe between two letters, as in 'it's', does not end a text: no list of values has a
# quote there.
_TEXTS["'"] = re.compile(r"'((?:\\.|[^\\']|(?<=\w)'(?=\w))*+)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U00[0-9A-Fa-f]{6}|\n|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "/": "/", "\n": ""}
_LISTS = {"[": "]", "(": ")"}
_FENCE = re.compile(r"```[A-Za-z]*\n(.*?)\n?```|`+([^`]*)`+", re.DOTALL)


class NoCall(ValueError):
    """A text that is not one call; the message says what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value as it was written."""

    kind: str
    """text, number, word (a name without quotes) or list."""
    text: str
    """What a text says; of the others what was written."""
    items: tuple["Literal", ...] = ()
    """Of a list."""

    def __str__(self) -> str:
        return quoted(self.text) if self.kind == "text" else self.text


@dataclass(frozen=True, slots=True)
class Call:
    """A name with its values."""

    name: str
    values: tuple[Literal, ...]
    named: tuple[tuple[str, Literal], ...]


def quoted(text: str) -> str:
    r"""The text between single quotes, as `read_call` reads it back: 'it\'s'."""
    return "'" + "".join(_escaped(letter) for letter in text) + "'"


def shortened(text: str, longest: int = 80) -> str:
    """The text on one line, cut off when it is longer than so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= longest else line[: longest - 3] + "..."


def without_wrapping(text: str) -> str:
    """The text without white space, a code fence and semicolons around it."""
    bare = text.strip()
    fenced = _FENCE.fullmatch(bare)
    if fenced is not None:
        bare = (fenced[1] if fenced[1] is not None else fenced[2]).strip()
    return bare.rstrip("; \n\t\r")


def read_call(text: str) -> Call:
    """Read exactly one call; raises `NoCall`."""
    bare = without_wrapping(text)
    if not bare:
        raise NoCall("the text is empty")
    return _Reader(bare).call()


def read_calls(text: str) -> list[Call]:
    """Read one or several calls, with blanks, commas or semicolons between; raises `NoCall`."""
    bare = without_wrapping(text)
    if not bare:
        raise NoCall("the text is empty")
    return _Reader(bare).calls()


def _escaped(letter: str) -> str:
    if letter in "\\'":
        return "\\" + letter
    if letter in "\n\t\r":
        return {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[letter]
    if letter.isprintable():
        return letter
    code = ord(letter)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _unescaped(match: re.Match[str]) -> str:
    said = match[1]
    if len(said) > 1:
        return chr(int(said[1:], 16)) if int(said[1:], 16) <= 0x10FFFF else match[0]
    return _ESCAPED.get(said, match[0])


def _whole_letters(text: str) -> str:
    """The text with halves of letters (\\ud83d\\ude00) put together, or replaced if alone."""
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


class _Reader:
    """Goes through a text from its beginning to its end."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = _SPACE.match(text).end()  # type: ignore[union-attr]

    def call(self) -> Call:
        """The one call that the whole text is."""
        call = self._call()
        self._nothing_more()
        return call

    def calls(self) -> list[Call]:
        """The calls that the whole text is."""
        calls = [self._call()]
        self._take(_END)
        while _CALL.match(self._text, self._at):
            calls.append(self._call())
            self._take(_END)
        self._nothing_more()
        return calls

    def _call(self) -> Call:
        if not _CALL.match(self._text, self._at):
            raise NoCall(self._no_beginning())
        name = self._take(_NAME)[0]
        self._space()
        self._at += 1
        values, named = self._arguments()
        self._space()
        return Call(name, tuple(values), tuple(named))

    def _arguments(self) -> tuple[list[Literal], list[tuple[str, Literal]]]:
        values: list[Literal] = []
        named: list[tuple[str, Literal]] = []
        while not self._closed(")", "the bracket ')' is missing at the end"):
            keyword = _KEYWORD.match(self._text, self._at)
            if keyword is not None:
                self._at = keyword.end()
                named.append((keyword[1], self._value()))
            elif named:
                raise NoCall(f"{self._here()} has no name, but stands after one that has")
            else:
                values.append(self._value())
            self._comma(")")
        return values, named

    def _value(self) -> Literal:
        for opening, closing in _LISTS.items():
            if self._text.startswith(opening, self._at):
                return self._list(closing)
        for mark, pattern in _TEXTS.items():
            if self._text.startswith(mark, self._at):
                return self._quoted(pattern)
        for kind, pattern in (("number", _NUMBER), ("word", _WORD)):
            match = pattern.match(self._text, self._at)
            if match is not None:
                self._at = match.end()
                return Literal(kind, match[0])
        raise NoCall(f"a value was expected at {self._here()}")

    def _quoted(self, pattern: re.Pattern[str]) -> Literal:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise NoCall(f"the text that begins at {self._here()} has no quote at its end")
        self._at = match.end()
        return Literal("text", _whole_letters(_ESCAPE.sub(_unescaped, match[1])))

    def _list(self, closing: str) -> Literal:
        start = self._at
        self._at += 1
        items: list[Literal] = []
        while not self._closed(closing, f"the bracket '{closing}' of a list is missing"):
            if self._text.startswith(tuple(_LISTS), self._at):
                raise NoCall(f"a list inside a list at {self._here()}")
            items.append(self._value())
            self._comma(closing)
        return Literal("list", self._text[start : self._at], tuple(items))

    def _closed(self, bracket: str, missing: str) -> bool:
        self._space()
        if self._at >= len(self._text):
            raise NoCall(missing)
        if self._text[self._at] != bracket:
            return False
        self._at += 1
        return True

    def _comma(self, bracket: str) -> None:
        self._space()
        if self._at >= len(self._text) or self._text[self._at] == bracket:
            return
        if self._text[self._at] != ",":
            raise NoCall(
                f"a comma or '{bracket}' was expected at {self._here()} (texts need quotes)"
            )
        self._at += 1

    def _nothing_more(self) -> None:
        before = shortened(self._text[: self._at])
        self._take(_END)
        if self._at == len(self._text):
            return
        if _CALL.match(self._text, self._at):
            raise NoCall(f"it is more than one action: give one at a time, first {before}")
        raise NoCall(f"there is more after the action: {self._here()}")

    def _no_beginning(self) -> str:
        inside = _CALL.search(self._text)
        if inside is not None:
            return f"there are other words before the action: {self._here()}"
        if _NAME.fullmatch(self._text):
            return "the brackets are missing"
        return f"it does not begin with the name of an action and a bracket: {self._here()}"

    def _here(self) -> str:
        return f"`{shortened(self._text[self._at :], 30)}`"

    def _space(self) -> None:
        self._take(_SPACE)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        match = pattern.match(self._text, self._at)
        if match is None:
            raise NoCall(f"unexpected: {self._here()}")
        self._at = match.end()
        return match
