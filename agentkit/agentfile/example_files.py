"""Examples that stand in a file of their own beside an agent's file: YAML or JSON Lines."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from agentkit.agentfile.field_types import plain_json
from agentkit.agentfile.line_numbers import FileText, Flaw
from agentkit.agentfile.own_files import is_own
from agentkit.agentfile.yaml_reader import read_yaml
from agentkit.agentfile.yaml_values import value_of
from agentkit.atomic_files import open_regular
from agentkit.errors import InputError, Problem
from agentkit.graph.node import Node

_MOST_BYTES: Final = 1_000_000
_SUFFIXES: Final = (".yaml", ".yml", ".jsonl")


class ExampleFiles:
    """Reads the files of examples that an agent's file names.

    Args:
        folder: Where the agent's file lies.
        recorded: The texts of the files by name, where a record has them.
    """

    def __init__(self, folder: Path, recorded: Mapping[str, str]) -> None:
        self._folder = folder
        self._recorded = recorded
        self.texts: dict[str, str] = {}
        """What was read, by the name of the file."""

    def read(self, name: str) -> list[Any]:
        """Return the examples in a file.

        Raises:
            InputError: It lies elsewhere, cannot be read, or holds something else.
        """
        if name not in self.texts:
            self.texts[name] = self._text(name)
        text = self.texts[name]
        examples = _lines(name, text) if name.endswith(".jsonl") else _yaml(name, text)
        if not isinstance(examples, list):
            raise InputError(
                f"{name}: expected a list of examples, such as '- {{user: ..., assistant: ...}}'"
            )
        return examples

    def filled(self, nodes: Sequence[Node], problems: list[Problem]) -> list[Node]:
        """Return nodes in which the examples of a file stand for its name; adds to `problems`."""
        found = []
        for node in nodes:
            named: Any = node.examples
            examples: Sequence[Any] = node.examples
            if isinstance(named, str):
                try:
                    examples = tuple(self.read(named))
                except InputError as error:
                    problems.append(Problem(str(error), node.name, "examples"))
                    examples = ()
            found.append(replace(node, examples=examples))
        return found

    def _text(self, name: str) -> str:
        if not name.endswith(_SUFFIXES):
            raise InputError(f"'{name}': a file of examples ends with {', '.join(_SUFFIXES)}")
        if not is_own(name, self._folder):
            raise InputError(f"'{name}' is not in the folder of the agent's file: move it there")
        if name in self._recorded:
            return self._recorded[name]
        try:
            with open_regular(self._folder / name) as stream:
                data = stream.read(_MOST_BYTES + 1)
            if len(data) > _MOST_BYTES:
                raise InputError(f"{name}: the file is larger than 1 MB")
            return data.decode("utf-8-sig")
        except OSError as error:
            raise InputError(f"{name}: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise InputError(f"{name}: it is not UTF-8 at byte {error.start}") from error


def _lines(name: str, text: str) -> list[Any]:
    examples = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                examples.append(json.loads(line))
            except (ValueError, RecursionError) as error:
                raise InputError(f"{name}:{number}: this line is not JSON: {error}") from error
    return examples


def _yaml(name: str, text: str) -> Any:
    source = FileText(text)
    flaws: list[Flaw] = []
    node = read_yaml(source, flaws) if text.strip() else None
    value = None if node is None else plain_json(value_of(node), flaws)
    for flaw in flaws:
        line, column, _ = source.place(flaw.start)
        raise InputError(f"{name}:{line}:{column}: {flaw.message}")
    return value
