"""What a field holds, in plain words that are taken from its JSON Schema."""

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def schema_at(root: Schema, path: tuple[int | str, ...]) -> Schema:
    """Return the part of a JSON Schema that a value at a path is checked by."""
    schema = root
    for part in path:
        schema = _inner(root, schema, part)
    return {**_referred(root, schema), **schema}


def names_at(root: Schema, path: tuple[int | str, ...]) -> list[str]:
    """Return the names of the fields that an object at a path may have."""
    return [
        name for form in _forms(root, schema_at(root, path)) for name in form.get("properties", ())
    ]


def _inner(root: Schema, schema: Schema, part: int | str) -> Schema:
    for form in _forms(root, schema):
        fields, others = form.get("properties", {}), form.get("additionalProperties")
        if part in fields:
            return fields[part]  # type: ignore[no-any-return]
        if isinstance(part, int) and "items" in form:
            return form["items"]  # type: ignore[no-any-return]
        if isinstance(others, Mapping):
            return others
    return schema


def _forms(root: Schema, schema: Schema) -> list[Schema]:
    return [_referred(root, form) for form in schema.get("anyOf", [schema])]


def _referred(root: Schema, schema: Schema) -> Schema:
    name = schema.get("$ref", "").rpartition("/")[2]
    return root["$defs"][name] if name else schema


def expected(schema: Schema) -> str:
    """Return what a value is expected to be: its title, or the words to choose from.

    Pydantic drops the title of what any key of a mapping holds, so that has a description alone.
    """
    words = schema.get("enum", [schema["const"]] if "const" in schema else ())
    title: str = schema.get("title") or schema.get("description", "")
    said = (str(word).lower() if isinstance(word, bool) else str(word) for word in words)
    return " or ".join(said) or title[:1].lower() + title[1:]
