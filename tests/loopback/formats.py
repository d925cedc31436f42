"""What a server takes as `response_format`."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from loopback.wire import Failure, failure

Formats = Literal["openai", "any", "none"]
"""As OpenAI: closed objects only; as vLLM and others: any schema; as old servers: none."""


def refused_format(body: Mapping[str, Any], formats: Formats) -> Failure | None:
    """The error for a format that the server does not take."""
    wanted = body.get("response_format")
    if wanted is None or wanted.get("type") == "text":
        return None
    if formats == "none":
        text = "Invalid parameter: 'response_format' of type 'json_schema' is not supported."
        return failure(400, text, "invalid_request_error", None, "response_format")
    if formats == "any" or wanted["type"] != "json_schema":
        return None
    sent = wanted["json_schema"]
    problem = next(_problems(sent["schema"], bool(sent.get("strict"))), None)
    if problem is None:
        return None
    text = f"Invalid schema for response_format '{sent['name']}': {problem}"
    return failure(400, text, "invalid_request_error", None, "response_format")


def _problems(schema: Mapping[str, Any], strict: bool) -> Iterator[str]:
    kind = schema.get("type")
    if kind != "object":
        yield f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{kind}\"'."
    if strict:
        yield from _open_objects(schema, "()")


def _open_objects(schema: Any, place: str) -> Iterator[str]:
    """Objects that are not closed, or have fields that may be missing."""
    if isinstance(schema, list):
        for inner in schema:
            yield from _open_objects(inner, place)
    if not isinstance(schema, Mapping):
        return
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            yield f"In context={place}, 'additionalProperties' is required to be false."
        missing = set(schema.get("properties", ())) - set(schema.get("required", ()))
        if missing:
            yield f"In context={place}, 'required' must include every key: {sorted(missing)}."
    for name in ("properties", "$defs"):
        for key, inner in schema.get(name, {}).items():
            yield from _open_objects(inner, f"('{name}', '{key}')")
    for name in ("items", "anyOf"):
        yield from _open_objects(schema.get(name), f"('{name}',)")
