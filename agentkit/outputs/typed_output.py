"""An output that follows a JSON Schema, which a Python type gave or the program itself.

The value of a node is JSON, as a record has it; of a Python type, the program gets an instance
that is made of that JSON.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from agentkit.errors import FunctionError, InputError, OutputError
from agentkit.outputs.json_extraction import check_numbers, find_json, unfenced
from agentkit.outputs.large_values import first_items, is_large
from agentkit.outputs.output import Output, PythonType
from agentkit.outputs.problem import OutputProblem
from agentkit.outputs.python_types import PYTHON_TYPES, type_name, with_known_typed_dicts
from agentkit.outputs.scalars import check_complete_number, find_number
from agentkit.outputs.schema_output import COPIED, complaint
from agentkit.outputs.shape import DEEPEST_SHAPE
from agentkit.program.raised_errors import passes_through, raised
from agentkit.values import JsonSchema, json_copy

_KINDS: Final[dict[str | None, type]] = {"array": list, "object": dict}
_WORDS: Final[dict[type | None, str]] = {list: "list", dict: "object", None: "value"}
_OF_ONE_ITEM: Final = re.compile(r"\w+_type|\w+_parsing|missing|extra_forbidden")
"""Kinds of pydantic's errors that do not depend on how long a list is."""
_BEGINS_JSON: Final = re.compile(r'["{\[]|(?:-?\d[\d.eE+-]*|null|true|false)\s*\Z')


@dataclass(frozen=True, slots=True, kw_only=True)
class TypedOutput(Output):
    """A JSON value that fits a JSON Schema which a Python type, or the program itself, gave."""

    root: JsonSchema = field(repr=False)
    """The schema itself, or what its reference stands for."""
    read: Callable[[Any], Any] = field(repr=False)
    """Makes of an answer's JSON the value, also JSON. Raises OutputError."""

    def parse(self, text: str, values: Mapping[str, Any]) -> Any:
        """The JSON value of the right kind, validated."""
        return self.read(self._find(text))

    def parse_cut(self, text: str, values: Mapping[str, Any]) -> Any:
        """The JSON value of the right kind, validated; of texts only one in closed quotes."""
        kind = _kind(self.root)
        if kind in ("integer", "number"):
            check_complete_number(text)
            return self.read(self._find(text))
        return self.read(find_json(text, _KINDS.get(kind), is_cut=True))

    def _find(self, text: str) -> Any:
        kind = _kind(self.root)
        if kind in ("integer", "number"):
            return find_number(text)
        if not _admits_text(self.root, self.schema or {}):
            return find_json(text, _KINDS.get(kind))
        whole = unfenced(text)
        if whole[:1] != '"' if kind == "string" else not _BEGINS_JSON.match(whole):
            return whole
        try:
            return find_json(whole)
        except OutputError:  # a text that only begins like JSON
            return whole


def typed_output(
    name: str,
    schema: JsonSchema,
    fields: frozenset[str] | None,
    read: Callable[[Any], Any],
    python: PythonType | None = None,
) -> TypedOutput:
    """An output for a JSON schema. A model is told all of it: it may say more than a form."""
    root = _resolved(schema, schema)
    kind, text = _WORDS[_KINDS.get(_kind(root))], json.dumps(schema, ensure_ascii=False)
    asks = f"Answer with one JSON {kind} and nothing else. It must fit this JSON schema:\n{text}"

    def read_own(value: Any) -> Any:
        if value in (schema, text):  # a schema that takes any object takes itself
            raise OutputError(COPIED)
        return read(value)

    return TypedOutput(
        name=name, asks=asks, schema=schema, fields=fields, python=python, root=root, read=read_own
    )


def _kind(schema: JsonSchema) -> str | None:
    kind = schema.get("type")
    return kind if isinstance(kind, str) else None


def _resolved(schema: JsonSchema, root: JsonSchema) -> JsonSchema:
    for _ in range(DEEPEST_SHAPE):
        if not isinstance(schema.get("$ref"), str):
            break
        target = target_of(schema["$ref"], root)
        schema = target if isinstance(target, Mapping) else {}
    return schema


def target_of(reference: Any, root: JsonSchema) -> Any:
    """What a reference inside a schema leads to; None where that is nothing."""
    if not isinstance(reference, str) or not (reference == "#" or reference.startswith("#/")):
        return None
    found: Any = root
    for part in reference.split("/")[1:]:
        part = part.replace("~1", "/").replace("~0", "~")
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


def _admits_text(schema: JsonSchema, root: JsonSchema) -> bool:
    """Whether a bare text may be the answer."""
    kinds = schema.get("type")
    options = schema.get("enum", [schema.get("const")])
    branches = [*schema.get("anyOf", ()), *schema.get("oneOf", ())]
    return (
        kinds == "string"
        or (isinstance(kinds, list) and "string" in kinds)
        or (kinds is None and any(isinstance(option, str) for option in options))
        or any(_admits_text(_resolved(branch, root), root) for branch in branches)
    )


def known_fields(schema: JsonSchema) -> frozenset[str] | None:
    """The fields that values of a schema have, and no others; None where that is left open."""
    schema = _resolved(schema, schema)
    if _kind(schema) != "object" or "properties" not in schema:
        return None
    return None if schema.get("additionalProperties") else frozenset(schema["properties"])


def compile_type(declaration: Any) -> TypedOutput:
    """An output for a Python type.

    Raises:
        OutputProblem: Its values cannot be JSON, or it says nothing about them.
    """
    name = type_name(declaration)
    python = python_type(declaration)
    try:
        schema = python.adapter.json_schema()
    except Exception as error:  # pydantic's, or of the type's own hooks
        raise _impossible(name, error) from error
    if not {"type", "enum", "const", "anyOf", "oneOf", "$ref"} & schema.keys() or _is_empty(schema):
        raise OutputProblem(f"{name} says nothing about its JSON; an output is {PYTHON_TYPES}.")
    _close(schema)
    try:
        written = python.adapter.json_schema(mode="serialization", by_alias=False)
    except Exception:  # what is written is only looked at for the names of its fields
        written = {}
    return typed_output(name, schema, known_fields(written), partial(_read, python), python)


def python_type(declaration: Any) -> PythonType:
    """Pydantic's view of a Python type.

    Raises:
        OutputProblem: Its values cannot be JSON.
    """
    from pydantic import TypeAdapter

    name = type_name(declaration)
    try:
        return PythonType(name, TypeAdapter(with_known_typed_dicts(declaration)))
    except Exception as error:  # pydantic's, or of the type's own hooks
        raise _impossible(name, error) from error


def _impossible(name: str, error: Exception) -> OutputProblem:
    why = str(error).partition("\n")[0].partition(". ")[0].strip().rstrip(".")
    return OutputProblem(f"{name} cannot be read from JSON: {why}. An output is {PYTHON_TYPES}.")


def _is_empty(schema: JsonSchema) -> bool:
    root = _resolved(schema, schema)
    return "properties" in root and not root["properties"]


def _close(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
        for part in schema.values():
            _close(part)
    elif isinstance(schema, list):
        for part in schema:
            _close(part)


def _read(python: PythonType, value: Any) -> Any:
    """Return what the JSON of an answer is once it has been validated: JSON again.

    Raises:
        OutputError: The type refuses it; the message is for the model.
        FunctionError: A validator or serializer of the type raised another error.
        InputError: The type cannot be made of the JSON that it writes.
    """
    from pydantic import ValidationError

    try:
        if is_large(value):
            _check_first_items(python, value)
        answer = python.dump(python.adapter.validate_json(json.dumps(value)))
    except ValidationError as error:
        raise OutputError(complaint(error)) from error
    except Exception as error:
        if passes_through(error):
            raise
        raise FunctionError(raised(f"the output {python.name}", error)) from error
    check_numbers(answer)
    try:
        answer = json_copy(answer, "the answer")
    except TypeError as error:
        raise OutputError(f"{error}.") from error
    try:
        python.as_python(answer)
    except Exception as error:
        raise InputError(
            f"the output {python.name} cannot be made of the JSON that it writes, so a recorded "
            f"value could not come back: {json.dumps(answer)[:200]}. A serializer, or a field "
            "with exclude=True, makes it differ from what is validated"
        ) from error
    return answer


def _check_first_items(python: PythonType, value: Any) -> None:
    """Refuse lists of wrong items by the first of them, since each error takes a kilobyte.

    Raises:
        ValidationError: They are of a wrong kind, whatever comes after them.
    """
    from pydantic import ValidationError

    try:
        python.adapter.validate_json(json.dumps(first_items(value)))
    except ValidationError as error:  # lengths and validators want to see the whole list
        if any(_OF_ONE_ITEM.fullmatch(one["type"]) for one in error.errors()):
            raise
    except Exception:  # a validator's own: it may not hold for the whole
        return
