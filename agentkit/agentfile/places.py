"""Where in a file a problem is that was found in the agent built from it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from agentkit.agentfile.nodes import Written
from agentkit.agentfile.yaml_marks import EntriesMark, ItemsMark, Mark, ScalarMark
from agentkit.agentfile.yaml_source import Flaw, Source
from agentkit.errors import Problem
from agentkit.templates.template import TemplateProblem, compile_expression, compile_template

CALLERS_MODEL: Final = "the model given with --model (in Python: model=): "
"""Begins a problem that no line of the file is to blame for."""

_QUOTED = re.compile(r"'([^']+)'")
_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TEMPLATES = frozenset({"prompt", "system", "context", "action"})


@dataclass(frozen=True, slots=True)
class Places:
    """The places of an agent's fields and nodes."""

    source: Source
    top: Mark | None
    nodes: Sequence[Written]
    meant: Mapping[tuple[int, str], str]
    """Misspelt fields, as in `Page`."""

    def of_flaw(self, flaw: Flaw) -> Problem:
        """A flaw of the file as a problem, with the node that it is in."""
        around = [one for one in self.nodes if self._is_in(flaw.start, one)]
        name = max(around, key=lambda one: one.start).node.name if around else None
        return Problem(flaw.message, name).at(*self.source.place(flaw.start))

    def _is_in(self, index: int, node: Written) -> bool:
        """Whether a place is in a node; at the start of a line that ends it, the next thing is."""
        end = node.value.end
        ends_line = self.source.text[:end].rstrip(" ").endswith("\n")
        return node.start <= index < end or (index == end and not ends_line)

    def of(self, problem: Problem) -> Problem:
        """A problem of the agent with its line and column."""
        if problem.line is not None or problem.message.startswith(CALLERS_MODEL):
            return problem
        return problem.at(*self.source.place(self._index(problem)))

    def _index(self, problem: Problem) -> int:
        """Where to look: at the word that the message is about, if it can be found."""
        key, value = self._field(problem)
        words = _QUOTED.findall(problem.message)[:1]
        if value is None or words == [problem.key]:
            return key
        begin = self._line(value, problem) if isinstance(value, ScalarMark) else key
        for word in words:
            region = (begin if isinstance(value, ScalarMark) else value.start, value.end)
            index = self._find(word, region, problem.field in _TEMPLATES)
            if index is not None:
                return index
        return begin

    def _line(self, value: ScalarMark, problem: Problem) -> int:
        """Where the line of a text begins that a problem is in, indentation left out."""
        start = value.start
        if value.style in ("|", ">"):
            start += len(self.source.rest_of_line(start)) + 1
        written = self.source.text[start : value.end]
        if value.style == "|":
            number = problem.offset
        else:
            number = _line_as_written(written, value.style, problem)
        for line in written.split("\n")[:number]:
            start += len(line) + 1
        line = self.source.rest_of_line(start)
        return start + len(line) - len(line.lstrip(" "))

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

    def _field(self, problem: Problem) -> tuple[int, Mark | None]:
        """Where the key stands, and its value, that are nearest to a problem."""
        start, value = self._owner(problem)
        if isinstance(value, ScalarMark):
            return start, value if problem.field == "prompt" else None
        if not isinstance(value, EntriesMark):
            return start, None
        field = self.meant.get((value.start, problem.field or ""), problem.field)
        if field not in value.entries:
            return start, None
        key, value = value.entries[field]
        for name in (problem.key, "that") if problem.field == "check" else (problem.key,):
            if isinstance(value, EntriesMark) and name in value.entries:
                key, value = value.entries[name]
            elif isinstance(value, ItemsMark) and name is not None and name.isdigit():
                value = value.items[min(int(name), len(value.items)) - 1]
        return key.start, value

    def _owner(self, problem: Problem) -> tuple[int, Mark | None]:
        if problem.node is None:
            return (self.top.start if self.top else 0), self.top
        for one in self.nodes:
            if one.node.name == problem.node:
                return one.start, one.value
        return 0, None


def _line_as_written(written: str, style: str, problem: Problem) -> int:
    """The line of a problem in a text whose lines YAML folds into one another.

    Folding turns ends of lines into spaces, so the text as written has the same fault.
    """
    if style in ("'", '"'):
        written = f" {written[1:-1]} "
    compile_it = compile_template if problem.field in _TEMPLATES else compile_expression
    try:
        compile_it(written)
    except TemplateProblem as error:
        if error.message == problem.message:
            return error.lineno - 1
    return 0
