"""Where in a file a problem is that was found in the agent built from it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agentkit.errors import Problem
from agentkit.spec_nodes import Written
from agentkit.yaml_marks import Entries, Items, Scalar, Value
from agentkit.yaml_source import Flaw, Source

_QUOTED = re.compile(r"'([^']+)'")
_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_ESCAPED_BREAK = re.compile(r"(?<!\\)(?:\\\\)*\\n")
_TEMPLATES = frozenset({"prompt", "system", "context", "action"})


@dataclass(frozen=True, slots=True)
class Places:
    """The places of an agent's fields and nodes."""

    source: Source
    top: Value | None
    nodes: Sequence[Written]

    def of_flaw(self, flaw: Flaw) -> Problem:
        """A flaw of the file as a problem, with the node that it is in."""
        around = [one for one in self.nodes if one.start <= flaw.start < one.value.end]
        name = max(around, key=lambda one: one.start).node.name if around else None
        return Problem(flaw.message, name).at(*self.source.place(flaw.start))

    def of(self, problem: Problem) -> Problem:
        """A problem of the agent with its line and column."""
        if problem.line is not None:
            return problem
        return problem.at(*self.source.place(self._index(problem)))

    def _index(self, problem: Problem) -> int:
        """Where to look: at the word that the message is about, if it can be found."""
        key, value = self._field(problem)
        words = _QUOTED.findall(problem.message)[:1]
        if value is None or words == [problem.key]:
            return key
        begin = key
        if isinstance(value, Scalar):
            begin = line_of(self.source, value, problem.offset)
        for word in words:
            region = (begin if isinstance(value, Scalar) else value.start, value.end)
            index = self._find(word, region, problem.field in _TEMPLATES)
            if index is not None:
                return index
        return begin

    def _find(self, word: str, region: tuple[int, int], template: bool) -> int | None:
        """The first place of a word, in a template between its braces only."""
        begin, end = region
        text = self.source.text[begin:end]
        spans = [match.span() for match in _CODE.finditer(text)] if template else []
        for before in (r"(?<![\w.])", r"(?<!\w)"):
            pattern = re.compile(before + re.escape(word) + r"(?!\w)")
            for low, high in spans or [(0, len(text))]:
                if match := pattern.search(text, low, high):
                    return begin + match.start()
        return None

    def _field(self, problem: Problem) -> tuple[int, Value | None]:
        """Where the key stands, and its value, that are nearest to a problem."""
        start, value = self._owner(problem)
        if isinstance(value, Scalar):
            return start, value if problem.field == "prompt" else None
        if not isinstance(value, Entries) or problem.field not in value.entries:
            return start, None
        key, value = value.entries[problem.field]
        for name in (problem.key, "that") if problem.field == "check" else (problem.key,):
            if isinstance(value, Entries) and name in value.entries:
                key, value = value.entries[name]
            elif isinstance(value, Items) and name is not None and name.isdigit():
                value = value.items[min(int(name), len(value.items)) - 1]
        return key.start, value

    def _owner(self, problem: Problem) -> tuple[int, Value | None]:
        if problem.node is None:
            return (self.top.start if self.top else 0), self.top
        for one in self.nodes:
            if one.node.name == problem.node:
                return one.start, one.value
        return 0, None


def line_of(source: Source, scalar: Scalar, offset: int) -> int:
    """Where the line of a scalar's text begins in the file, indentation left out.

    Args:
        source: The file.
        scalar: The scalar.
        offset: Number of the line in the scalar's text, from 0.
    """
    start = scalar.start
    if scalar.style in ("|", ">"):
        start += len(source.rest_of_line(start)) + 1
    elif offset == 0:
        return start
    lines = source.text[start : scalar.end].split("\n")
    breaks = list(_breaks(lines, scalar.style))
    for number, line in enumerate(lines):
        if line.strip() and breaks[number] >= offset:
            return start + len(line) - len(line.lstrip())
        start += len(line) + 1
    return min(start, max(scalar.end - 1, scalar.start))


def _breaks(lines: Sequence[str], style: str) -> Iterator[int]:
    """For each line of a scalar as written, how many line ends of its text come before it."""
    if style == "|":
        yield from range(len(lines))
        return
    margin = min((_indent(line) for line in lines if line.strip()), default=0)
    count = blank = 0
    seen = hanging = False
    for line in lines:
        if not line.strip():
            yield count + blank
            blank += 1
            continue
        deeper = style == ">" and _indent(line) > margin
        count += blank + (seen and (deeper or hanging))
        blank, seen, hanging = 0, True, deeper
        yield count
        if style == '"':
            count += len(_ESCAPED_BREAK.findall(line))


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
