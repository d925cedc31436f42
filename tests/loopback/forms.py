"""The forms that AgentKit shows where an answer is JSON, read back as JSON schemas."""

import json
import re
from collections.abc import Iterator
from typing import Any

_TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|<[a-z0-9 ]+>|\.\.\.|\w+|[][{}:,])')
_BLANKS = {
    "<text>": {"type": "string"},
    "<whole number>": {"type": "integer"},
    "<number>": {"type": "number"},
}
_BOUND = re.compile(r"<(?:text of )?at most (\d+) \w+>")


def schema_of_form(form: str) -> dict[str, Any]:
    """The schema of a form such as `{"why": <text>, "sure": true or false}`."""
    return _value(_Tokens(_TOKEN.findall(form)))


class _Tokens:
    def __init__(self, found: list[str]) -> None:
        self._rest: Iterator[str] = iter(found)
        self.next = next(self._rest, "")

    def take(self) -> str:
        taken, self.next = self.next, next(self._rest, "")
        return taken


def _value(tokens: _Tokens) -> dict[str, Any]:
    options = [_option(tokens)]
    while tokens.next == "or":
        tokens.take()
        options.append(_option(tokens))
    if {"const": True} in options:
        return {"type": "boolean"}
    if all(isinstance(option.get("const"), str) for option in options):
        return {"enum": [option["const"] for option in options]}
    words = [option["const"] for option in options if isinstance(option.get("const"), str)]
    others = [option for option in options if not isinstance(option.get("const"), str)]
    choices = [{"enum": words}, *others] if words else others
    return choices[0] if len(choices) == 1 else {"anyOf": choices}


def _option(tokens: _Tokens) -> dict[str, Any]:
    token = tokens.take()
    if token == "{":
        return _object(tokens)
    if token == "[":
        item = _value(tokens)
        most = {}
        while (token := tokens.take()) != "]":
            if bound := _BOUND.fullmatch(token):
                most = {"maxItems": int(bound[1])}
        return {"type": "array", "items": item, **most}
    if bound := _BOUND.fullmatch(token):
        return {"type": "string", "maxLength": int(bound[1])}
    if token == "null":
        return {"type": "null"}
    return _BLANKS.get(token) or {"const": json.loads(token)}


def _object(tokens: _Tokens) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    while tokens.next != "}":
        name = json.loads(tokens.take())
        tokens.take()
        fields[name] = _value(tokens)
        if tokens.next == ",":
            tokens.take()
    tokens.take()
    return {"type": "object", "properties": fields, "required": list(fields)}
