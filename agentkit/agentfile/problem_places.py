"""Where in a file a problem is that was found in the agent built from it."""

import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import yaml

from agentkit.agentfile.line_numbers import FileText, Flaw
from agentkit.agentfile.nodes import Written
from agentkit.agentfile.yaml_values import entry
from agentkit.errors import Problem
from agentkit.templates.template import TemplateProblem, compile_expression, compile_template

CALLERS_MODEL: Final = "the model given with "
"""Begins a problem that no line of the file is to blame for."""

_QUOTED = re.compile(r"'([^']+)'")
_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)
_TEMPLATES = frozenset({"prompt", "system", "context", "action"})


@dataclass(frozen=True, slots=True)
class Places:
    """The places of an agent's fields and nodes."""

    text: FileText
    top: yaml.Node | None
    nodes: Sequence[Written]
    meant: Mapping[tuple[int, str], str]
    """Misspelt fields, as in `FieldReader`."""

    def of_flaw(self, flaw: Flaw) -> Problem:
        """A flaw of the file as a problem, with the node that it is in."""
        last = bisect_right(self.nodes, flaw.start, key=lambda one: one.start) - 1
        name = None
        if last >= 0 and self._is_in(flaw.start, self.nodes[last]):
            name = self.nodes[last].node.name
        return Problem(flaw.message, name).at(*self.text.place(flaw.start))

    def _is_in(self, index: int, node: Written) -> bool:
        """Whether a place is in a node; at the start of a line that ends it, the next thing is."""
        end = node.value.end_mark.index
        if index == end:
            return not self.text.text[:end].rstrip(" ").endswith("\n")
        return node.start <= index < end

    def of(self, problem: Problem) -> Problem:
        """A problem of the agent with its line and column."""
        if problem.line is not None or problem.message.startswith(CALLERS_MODEL):
            return problem
        return problem.at(*self.text.place(self._index(problem)))

    def _index(self, problem: Problem) -> int:
        """Where to look: at the word that the message is about, if it can be found."""
        key, value = self._field(problem)
        words = _QUOTED.findall(problem.message)[:1]
        if value is None or words == [problem.key]:
            return key
        begin, start = key, value.start_mark.index
        if isinstance(value, yaml.ScalarNode):
            begin = start = self._line(value, problem)
        for word in words:
            region = (start, value.end_mark.index)
            index = self._find(word, region, problem.field in _TEMPLATES)
            if index is not None:
                return index
        return begin

    def _line(self, value: yaml.ScalarNode, problem: Problem) -> int:
        """Where the line of a text begins that a problem is in, indentation left out."""
        start = value.start_mark.index
        if value.style in ("|", ">"):
            start += len(self.text.rest_of_line(start)) + 1
        written = self.text.text[start : value.end_mark.index]
        if value.style == "|":
            number = problem.offset
        else:
            number = _line_as_written(written, value.style, problem)
        for line in written.split("\n")[:number]:
            start += len(line) + 1
        line = self.text.rest_of_line(start)
        return start + len(line) - len(line.lstrip(" "))

    def _find(self, word: str, region: tuple[int, int], template: bool) -> int | None:
        """The first place of a word, in a template between its braces only."""
        begin, end = region
        text = self.text.text[begin:end]
        braces = word.startswith(("{", "$"))
        spans = [match.span() for match in _CODE.finditer(text)] if template and not braces else []
        for before in (r"(?<![\w.])", r"(?<!\w)"):
            pattern = re.compile(before + re.escape(word) + r"(?!\w)")
            for low, high in spans or [(0, len(text))]:
                if match := pattern.search(text, low, high):
                    return begin + match.start()
        return None

    def _field(self, problem: Problem) -> tuple[int, yaml.Node | None]:
        """Where the key stands, and its value, that are nearest to a problem."""
        start, value = self._owner(problem)
        if isinstance(value, yaml.ScalarNode):
            return start, value if problem.field == "prompt" else None
        field = problem.field or ""
        at = value.start_mark.index if value else 0
        pair = entry(value, self.meant.get((at, field), field))
        if pair is None:
            return start, None
        key, value = pair
        for name in (problem.key, "that") if problem.field == "check" else (problem.key,):
            if pair := entry(value, name or ""):
                key, value = pair
            elif isinstance(value, yaml.SequenceNode) and name is not None and name.isdigit():
                value = value.value[min(int(name), len(value.value)) - 1]
        return key.start_mark.index, value

    def _owner(self, problem: Problem) -> tuple[int, yaml.Node | None]:
        if problem.node is None:
            return (self.top.start_mark.index if self.top else 0), self.top
        for one in self.nodes:
            if one.node.name == problem.node:
                return one.start, one.value
        return 0, None


def _line_as_written(written: str, style: str | None, problem: Problem) -> int:
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
