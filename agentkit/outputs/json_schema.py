"""A JSON Schema that a program gives as an output.

jsonschema is loaded when the first one is compiled.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from agentkit.errors import OutputError, suggest
from agentkit.outputs.json_extraction import check_numbers
from agentkit.outputs.problem import OutputProblem
from agentkit.outputs.schema_output import listed_faults, path_of
from agentkit.outputs.shape import SCALARS
from agentkit.outputs.typed_output import TypedOutput, known_fields, target_of, typed_output
from agentkit.values import json_copy

if TYPE_CHECKING:
    from jsonschema import ValidationError
    from jsonschema.protocols import Validator

_TYPES: Final = frozenset(
    {"array", "boolean", "integer", "null", "number", "object", "string"}
)  # none of them is a type of a field in a declared schema, so they tell the two apart
_TEXTS: Final = frozenset(
    {"$anchor", "$comment", "$id", "$schema", "contentEncoding", "contentMediaType",
     "description", "format", "pattern", "title"}
)  # fmt: skip
_OF_A_SCHEMA: Final = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then",
     "unevaluatedItems", "unevaluatedProperties"}
)  # fmt: skip
_OF_SCHEMAS: Final = frozenset({"allOf", "anyOf", "items", "oneOf", "prefixItems"})
_OF_NAMED_SCHEMAS: Final = frozenset(
    {"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"}
)
_KEYWORDS: Final = (
    _TEXTS | _OF_A_SCHEMA | _OF_SCHEMAS | _OF_NAMED_SCHEMAS | {
        "$ref", "const", "default", "dependentRequired", "deprecated", "discriminator", "enum",
        "examples", "exclusiveMaximum", "exclusiveMinimum", "maxContains", "maxItems",
        "maxLength", "maxProperties", "maximum", "minContains", "minItems", "minLength",
        "minProperties", "minimum", "multipleOf", "nullable", "readOnly", "required", "type",
        "uniqueItems", "writeOnly",
    }
)  # fmt: skip


def is_json_schema(declaration: Any) -> bool:
    """Whether a mapping is a JSON Schema, or was meant to be one, and not fields with types."""
    if not isinstance(declaration, Mapping):
        return False
    kind = declaration.get("type")
    kinds = kind if isinstance(kind, (list, tuple)) and kind else [kind]
    if all(isinstance(one, str) and one in _TYPES for one in kinds):
        return True
    if any(key in declaration for key in ("$schema", "$ref", "$defs")):
        return True
    named = declaration.get("properties")
    inside = [*named.values()] if isinstance(named, Mapping) else []
    for name in _OF_SCHEMAS:
        part = declaration.get(name)
        inside += part if isinstance(part, (list, tuple)) else [part]
    if any(map(is_json_schema, inside)):
        return True
    options = declaration.get("enum")
    listed = isinstance(options, (list, tuple)) and not SCALARS.keys() >= set(map(str, options))
    return listed and declaration.keys() <= _TEXTS | {"enum", "default", "examples"}


def compile_json_schema(declaration: Mapping[str, Any]) -> TypedOutput:
    """An output for a JSON Schema of any draft; draft 2020-12 where it does not say which.

    Raises:
        OutputProblem: It is none, refers to something outside, or may be meant as fields.
    """
    from jsonschema import Draft202012Validator, SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    try:
        schema = json_copy(declaration, "the JSON Schema")
    except TypeError as error:
        raise OutputProblem(f"{error}.") from error
    problems = list(_problems(schema, schema, ()))
    kind = validator_for(schema, default=Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        where = "/".join(map(str, error.path)) or "its root"
        problems.append(OutputProblem(f"the JSON Schema is wrong at {where}: {error.message:.300}"))
    if problems:
        first, *others = problems
        raise OutputProblem(first.message, first.key, others)
    # An empty registry: the library would else load references from the network.
    validator = kind(schema, registry=Registry())
    closed = schema.get("additionalProperties") is False
    name = schema.get("title") or "JSON Schema"
    fields = known_fields(schema) if closed else None
    return typed_output(name, schema, fields, partial(_read, validator))


def _problems(
    schema: Any, root: Mapping[str, Any], place: tuple[str, ...]
) -> Iterator[OutputProblem]:
    """What of a schema is misspelt, leads nowhere, or was meant as fields with their types."""
    if not isinstance(schema, Mapping):
        return
    key = place[1] if len(place) > 1 and place[0] == "properties" else None
    where = f" at {'/'.join(place)}" if place else ""
    for name, value in schema.items():
        words = _TYPES | SCALARS.keys() if name in ("title", "description") else ()
        meant = isinstance(value, str) and value in words
        if meant or (name not in _KEYWORDS and not name.startswith("x-")):
            what = f"the type '{value}'" if meant else "no keyword of one"
            hint = "" if meant else suggest(name, _KEYWORDS)
            yield OutputProblem(
                f"this reads like a JSON Schema{where}, but '{name}' is {what}.{hint} "
                "In a JSON Schema fields stand under 'properties'; a mapping of fields to types "
                "has str, int, float, bool for types.",
                key,
            )
        elif name == "$ref" and target_of(value, root) is None:
            yield OutputProblem(
                f"the JSON Schema{where} refers to {value!r:.60}, which is not in it.", key
            )
        for inside, part in _inside(name, value):
            yield from _problems(part, root, (*place, name, *inside))


def _inside(name: str, value: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    """The schemas under a keyword, each with its place there."""
    if name in _OF_NAMED_SCHEMAS and isinstance(value, Mapping):
        yield from (((key,), part) for key, part in value.items())
    elif name in _OF_SCHEMAS and isinstance(value, list):
        yield from (((str(number),), part) for number, part in enumerate(value))
    elif name in _OF_A_SCHEMA:
        yield (), value


def _read(validator: "Validator", value: Any) -> Any:
    """The value itself, if it fits.

    Raises:
        OutputError: It does not.
    """
    check_numbers(value)
    try:
        faults = [_fault(error) for error in validator.iter_errors(value)]
    except RecursionError:
        raise OutputError("The JSON is nested too deeply for its schema.") from None
    if faults:
        raise OutputError(listed_faults(faults))
    return value


def _fault(error: "ValidationError") -> tuple[str, str]:
    """Where an answer is wrong, and how; of several forms, the one that it comes nearest to."""
    from jsonschema.exceptions import best_match

    found = best_match([error]) or error
    return path_of(tuple(found.absolute_path)), found.message
