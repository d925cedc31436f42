"""Finds JSON and code in the text of a completion."""

import math
import re
from collections.abc import Iterator
from itertools import chain
from json import JSONDecodeError, JSONDecoder
from typing import Any

from agentkit.errors import OutputError
from agentkit.values import LARGEST, fits

DEEPEST_JSON = 100
"""Levels that lists and objects may be nested in each other."""

# An opening bracket and the beginning of a first item; brackets in prose seldom look so.
_OPENING = re.compile(
    r"""\{(?=\s*["}])|\[(?=\s*(?:[\]\[{"]|-?\d|(?:true|false|null|NaN|-?Infinity)\b))"""
)
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_MOST_BROKEN = 30
_BROKEN_SIZE = 50_000
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_LONGEST = 20
"""Characters of a whole number that can fit into 64 bits."""
_FENCE = re.compile(r"([ \t]*)(`{3,}|~{3,})([^`\n]*)")
_LINE_END = re.compile(r"\r\n|\n|\r")
_DEEPER = 3
"""Spaces that the end of a block may be further in than its beginning (CommonMark)."""
_KINDS: dict[Any, str] = {
    dict: "a JSON object ({...})",
    list: "a JSON list ([...])",
    None: "a JSON value",
}


def find_json(text: str, wanted: type | None = None, *, is_cut: bool = False) -> Any:
    """The last complete JSON value of a text; `wanted` asks for the last dict or list.

    A bare number, text, true, false or null counts only when it is the whole answer. Of a text
    that is cut, a bare number is not complete, nor is a value after which one was begun that is
    not the same again.
    Raises OutputError, with a message for the model.
    """
    try:
        value = _find(text, wanted, is_cut)
    except RecursionError:
        raise OutputError(_too_deep()) from None
    _check_depth(value)
    return value


def _too_deep() -> str:
    return f"The JSON is nested too deeply: at most {DEEPEST_JSON} levels are read."


def _find(text: str, wanted: type | None, is_cut: bool) -> Any:
    reader = _Reader()
    stripped = unfenced(text)
    if wanted is None and stripped[:1] not in ("[", "{"):
        whole = _bare(reader, stripped)
        if whole and not (is_cut and stripped[-1:].isdigit()):
            return whole[0]
    found: dict[type | None, Any] = {}
    broken: list[str] = []
    position = 0
    last, is_begun = "", False
    while match := _OPENING.search(text, position):
        reader.faults.clear()
        try:
            value, position = reader.read(text, match.start())
            last = text[match.start() : position]
        except JSONDecodeError as error:
            # A complete part of something broken is not the answer.
            position = _closing(text, match.start()) or max(error.pos, match.end())
            broken.append(f"{error.msg} at line {error.lineno}, column {error.colno}")
            if len(broken) > _MOST_BROKEN:
                raise OutputError("The answer has too much broken JSON in it.") from None
            is_begun = is_cut and not last.startswith(text[match.start() :].rstrip())
        else:
            is_begun = False
            broken += reader.faults[:1]
            if not reader.faults:
                found[type(value)] = found[None] = value
    end = text.rstrip()[-1:]
    is_begun |= is_cut and end in ("{", "[") and not last.startswith(end)
    if wanted in found and not is_begun:
        return found[wanted]
    raise OutputError(f"The answer must be {_KINDS[wanted]}, but {_why(found, broken)}.")


def _bare(reader: "_Reader", text: str) -> tuple[Any] | None:
    """The number, text or word that is all of an answer; None when it is something else."""
    try:
        value, end = reader.read(text, 0)
    except JSONDecodeError:
        return None
    if end != len(text):
        return None
    if reader.faults:
        raise OutputError(f"The answer must be {_KINDS[None]}, but {reader.faults[0]}.")
    return (value,)


def _closing(text: str, start: int) -> int | None:
    """The end of a bracket pair; None when it is not closed, or only far away."""
    depth = 0
    for token in _BRACKETS.finditer(text, start, start + _BROKEN_SIZE):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
            if depth == 0:
                return token.end()
    return None


def _why(found: dict[type | None, Any], broken: list[str]) -> str:
    if broken:
        return f"its JSON is broken: {broken[-1]}"
    if found:
        return f"it is {_KINDS[type(found[None])]}"
    return "no complete one was found"


class _Reader:
    """Reads one JSON value strictly; what JSON forbids but Python reads is listed in `faults`."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        decoder = JSONDecoder(
            object_pairs_hook=self._object,
            parse_constant=self._constant,
            parse_float=self._float,
            parse_int=self._int,
            strict=False,  # models write line breaks inside texts, and mean them
        )
        self.read = decoder.raw_decode

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            seen = set()
            for key, _ in pairs:
                if key in seen:
                    self.faults.append(f"the key '{key}' is given twice")
                seen.add(key)
        return result

    def _constant(self, name: str) -> None:
        self.faults.append(f"{name} is not a JSON value")

    def _float(self, digits: str) -> float:
        number = float(digits)
        if not math.isfinite(number):
            self.faults.append(f"the number {digits[:20]} is too large")
        return number

    def _int(self, digits: str) -> int:
        number = int(digits) if len(digits) <= _LONGEST else LARGEST
        if not fits(number):
            self.faults.append(f"the number {digits[:20]}... is too large")
            return 0
        return number


def check_numbers(value: Any) -> None:
    """Raise OutputError if a whole number in a JSON value does not fit into 64 bits."""
    for part in chain.from_iterable(_levels(value)):
        if isinstance(part, int) and not fits(part):
            raise OutputError(f"The number {part:.3g} is too large.")


def _check_depth(value: Any) -> None:
    for depth, level in enumerate(_levels(value)):
        if depth == DEEPEST_JSON:
            raise OutputError(_too_deep())
        for part in level:
            if isinstance(part, str) and not part.isascii() and _SURROGATE.search(part):
                raise OutputError("The JSON has a broken character: half of a \\ud... pair.")


def _levels(value: Any) -> Iterator[list[Any]]:
    """Yield the parts of a JSON value, keys included, a level of nesting at a time."""
    level = [value]
    while level:
        yield level
        following: list[Any] = []
        for part in level:
            if isinstance(part, dict):
                following.extend(part)
                following.extend(part.values())
            elif isinstance(part, list):
                following.extend(part)
        level = following


def last_block(text: str) -> str | None:
    """Content of the last fenced block of a text; None when there is none.

    A fence that is deeper in than the beginning of its block belongs to the content, such as one
    in a docstring. A block that is never closed goes on to the end; an empty one of this kind is
    none.
    """
    last: list[str] | None = None
    for block, is_closed in _blocks(text):
        if is_closed or any(line.strip() for line in block):
            last = block
    return None if last is None else "\n".join(last)


def only_block(text: str) -> str | None:
    """Content of the fenced block of a text; None when there are several, or it is not closed."""
    blocks = [*_blocks(text)]
    return "\n".join(blocks[0][0]) if len(blocks) == 1 and blocks[0][1] else None


def _blocks(text: str) -> Iterator[tuple[list[str], bool]]:
    """Yield the lines of each fenced block, and whether it is closed."""
    block: list[str] | None = None
    fence, indent = "", 0
    for line in _LINE_END.split(text):
        match = _FENCE.match(line)
        depth = len(match[1].expandtabs(4)) if match else 0
        if block is None:
            if match:
                fence, indent, block = match[2], depth, []
        elif match and _closes(match, fence) and depth <= indent + _DEEPER:
            yield block, True
            block = None
        else:
            block.append(_dedented(line, indent))
    if block is not None:
        yield block, False


def _closes(match: re.Match[str], fence: str) -> bool:
    return match[2].startswith(fence) and not match[3].strip()


def _dedented(line: str, indent: int) -> str:
    """A line of a block without the indentation of the block itself, as far as it has that."""
    return line[min(indent, len(line) - len(line.lstrip(" "))) :]


def unfenced(text: str) -> str:
    """The text without the fence around all of it, and without the space around that."""
    stripped = text.strip()
    if not stripped.startswith(("```", "~~~")):
        return stripped
    lines = stripped.splitlines()
    if len(lines) < 2 or lines[-1].strip() != stripped[:3]:
        return stripped
    return "\n".join(lines[1:-1]).strip()
