"""Reads the fields of an agent from YAML's nodes: what can be read, and what is wrong where."""

import json
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, Final

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agentkit.agentfile.agent_fields import Table
from agentkit.agentfile.line_numbers import FileText, Flaw
from agentkit.agentfile.yaml_reader import FLOAT, INTEGER, NULL
from agentkit.agentfile.yaml_traps import COLON
from agentkit.agentfile.yaml_values import Odd, entry, found, scalars, value_of
from agentkit.models.field_words import expected, names_at, schema_at

Path = tuple[int | str, ...]

_PROMPTS: Final = ("prompt", "system", "context", "action")
"""Fields that a model reads, so that nothing of them may be lost to a comment."""
_VALUES: Final = ("inputs", "memory", "initial", "otherwise", "examples")
"""Fields whose values prompts show, so that a number must be the one that is written."""
_WHOLE: Final = ("price",)
"""Fields that make no sense at all when a part of them is wrong."""
_NOTHING: Final = frozenset({"none", "None", "NONE", "nil"})
"""What nothing is called in other languages."""
_CALLED: Final = {"limits": "limit", "models": "setting"}
"""What the fields in some fields are called."""


class FieldReader:
    """A file that is being read, and what was found wrong with it so far."""

    def __init__(self, text: FileText) -> None:
        self.text = text
        self.flaws: list[Flaw] = []
        self.meant: dict[tuple[int, str], str] = {}
        """Misspelt fields: where their mapping begins and which field is meant, to the name
        given."""

    def read(self, table: Table, node: yaml.MappingNode) -> dict[str, Any]:
        """Return the fields that can be read; a misspelt one counts as the one that is meant."""
        data = value_of(node)
        lost: set[Path] = set()
        while True:
            try:
                fields: dict[str, Any] = table.adapter.validate_python(data)
                break
            except ValidationError as error:
                for one in reversed(error.errors(include_url=False)):
                    self._mend(one, table, data, node, lost)
        for name in _PROMPTS:
            if pair := entry(node, self.meant.get((node.start_mark.index, name), name)):
                self.lost_comment(pair[1])
        for name in _VALUES:
            pair = entry(node, self.meant.get((node.start_mark.index, name), name))
            if pair and (name in fields or isinstance(pair[1], yaml.CollectionNode)):
                words = () if name in ("otherwise", "examples") else _NOTHING - _options(fields)
                self._meant_otherwise(pair[1], words)
        return fields

    def prompt(self, node: yaml.Node) -> str | None:
        """Return a prompt that stands without a name of its own."""
        self.lost_comment(node)
        text = value_of(node)
        if isinstance(text, str):
            return str(text)
        self.wrong(node, "a prompt", self._hint("string_type", node, {}, prompt=True))
        return None

    def flaw(self, node: yaml.Node, message: str) -> None:
        """Report what is wrong with a node."""
        self.flaws.append(Flaw(node.start_mark.index, message))

    def wrong(self, node: yaml.Node, holds: str, hint: str = "") -> None:
        """Report a node that is something else than expected."""
        self.flaw(node, f"expected {holds}, found {found(node)}{'. ' if hint else ''}{hint}")

    def lost_comment(self, node: yaml.Node) -> None:
        """Report a ' #' that ends a text without quotes."""
        if isinstance(node, yaml.ScalarNode) and not node.style and node.value:
            end = node.end_mark.index
            if self.text.rest_of_line(end).startswith((" #", "\t#")):
                message = (
                    "YAML drops what follows ' #' as a comment: put quotes around the text, or "
                    "move the comment to a line of its own"
                )
                self.flaws.append(Flaw(end, message))

    def _meant_otherwise(self, node: yaml.Node, words: Collection[str]) -> None:
        """Report numbers that YAML writes in another way, and words for YAML's null."""
        for scalar in scalars(node):
            plain = not scalar.style
            number = value_of(scalar) if scalar.tag in (INTEGER, FLOAT) else None
            if isinstance(number, (int, float)) and json.dumps(number) != scalar.value:
                message = (
                    f"YAML reads {scalar.value} as the number {json.dumps(number)}: write that, or "
                    f'"{scalar.value}" in quotes if the text is meant'
                )
                self.flaw(scalar, message)
            elif plain and scalar.value in words:
                message = (
                    f"'{scalar.value}' is a text in YAML: write null for nothing, or "
                    f'"{scalar.value}" in quotes if the text is meant'
                )
                self.flaw(scalar, message)

    def _mend(
        self, error: ErrorDetails, table: Table, data: Any, node: yaml.MappingNode, lost: set[Path]
    ) -> None:
        """Report one fault, and change the data so that the rest of it can be read."""
        kind, path, context = error["type"], error["loc"], error.get("ctx", {})
        key, value = self._find(node, path)
        instead = None
        if kind == "extra_forbidden":
            owner = self._find(node, path[:-1])[1]
            instead = self._unknown(path, table, owner, key)
            lost.add((*path[:-1], str(instead)))
        elif kind == "missing":
            if path not in lost:
                about = schema_at(table.schema, path)["description"]
                self.flaw(value, f"'{path[-1]}' is missing. {about}")
            path = path[:-1] or path
        elif kind == "flaws":
            self.flaws += context["flaws"]
        elif kind == "flaw":
            self.flaw(value, context["message"])
            instead = context["instead"]
        else:
            schema = schema_at(table.schema, path)
            hint = self._hint(kind, value, schema, prompt=path[-1] in _PROMPTS)
            self.wrong(value, expected(schema), hint)
        while any(part in _WHOLE for part in path[:-1]):
            path = path[:-1]
        lost.add(path)
        _replace(data, path, instead, rename=kind == "extra_forbidden")

    def _find(self, node: yaml.Node, path: Path) -> tuple[yaml.Node, yaml.Node]:
        """Return the key and the value at a path, or what there is nearest to it."""
        key = node
        for part in path:
            if isinstance(part, int):
                key = node = node.value[part] if isinstance(node, yaml.SequenceNode) else node
                continue
            pair = entry(node, self.meant.get((node.start_mark.index, part), part))
            if pair is None:
                break
            key, node = pair
        return key, node

    def _unknown(self, path: Path, table: Table, owner: yaml.Node, key: yaml.Node) -> str | None:
        """Report an unknown field; return the known one that is meant, if that is clear."""
        name = str(path[-1])
        known = names_at(table.schema, path[:-1])
        nearest = nearest_name(name, [one for one in known if entry(owner, one) is None])
        if nearest is not None:
            hint = f"Did you mean '{nearest}'?"
            self.meant[owner.start_mark.index, nearest] = name
        elif len(path) == 1 and name in table.elsewhere:
            hint = table.elsewhere[name]
        else:
            hint = f"Known: {', '.join(known)}"
        word = _CALLED.get(str(path[0]), "field") if len(path) > 1 else "field"
        self.flaw(key, f"unknown {word} '{name}'. {hint}")
        return nearest

    def _hint(self, kind: str, node: yaml.Node, schema: Any, *, prompt: bool) -> str:
        """Return what to do about a value of another kind."""
        if node.tag in (INTEGER, FLOAT) and isinstance(value_of(node), Odd):
            return "It is too large"
        if kind == "string_type":
            if not isinstance(node, yaml.ScalarNode):
                if schema.get("title") == "An expression":
                    return "Put quotes around it"
                return _not_a_text(node) if prompt else ""
            rest = self.text.rest_of_line(node.end_mark.index).lstrip()
            if node.tag != NULL:
                return "Put quotes around it"
            return "'#' begins a comment in YAML" if rest.startswith("#") else ""
        if kind == "tuple_type" and isinstance(node, yaml.ScalarNode) and node.value:
            return f"Write [{node.value}]"
        if kind == "literal_error" and isinstance(node, yaml.ScalarNode):
            options = [*map(str, schema.get("enum", [schema.get("const")]))]
            if node.value in options:
                return "Write it without quotes"
            nearest = nearest_name(node.value, options)
            return f"Did you mean '{nearest}'?" if nearest else ""
        return ""


def _options(fields: Mapping[str, Any]) -> set[str]:
    """The words that a node's answer is one of, if they are written out."""
    output = fields.get("output")
    options = output.get("choice") if isinstance(output, Mapping) else None
    return {*map(str, options)} if isinstance(options, list) else set()


def _replace(data: Any, path: Any, instead: str | None, *, rename: bool) -> None:
    """Take out what stands at a path, or put something in its place, or rename its key."""
    at = data
    steps: list[Any] = []
    for part in path:
        if isinstance(part, int) and not isinstance(at, list):
            continue  # one value stands where a list may, so the path of the file has no index
        steps.append(part)
        at = at[part] if isinstance(at, list) or part in at else None
    *parents, last = steps
    for part in parents:
        data = data[part]
    if instead is not None and rename:
        data[instead] = data.pop(last)
    elif instead is not None:
        data[last] = instead
    elif last in data or isinstance(data, list):
        del data[last]
    elif not parents:
        data[last] = None  # a field that is required and missing counts as given


def _not_a_text(node: yaml.Node) -> str:
    if isinstance(node, yaml.CollectionNode) and node.flow_style:
        sign = "[" if isinstance(node, yaml.SequenceNode) else "{"
        return f"A text that begins with '{sign}' needs quotes around it"
    if isinstance(node, yaml.MappingNode) and len(node.value) == 1:
        return f"If it is a text, {COLON}"
    return "A text over several lines needs '|' after its name"


def nearest_name(name: str, known: list[str]) -> str | None:
    """Return the known name that is most like another, if any is."""
    return next(iter(get_close_matches(name, known, n=1, cutoff=0.6)), None)
