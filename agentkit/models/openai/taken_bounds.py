"""Which bounds a server takes in a JSON schema: those of OpenAI are known, others are learnt."""

import re
from collections.abc import Mapping
from typing import Any, Final

from agentkit.models.json_forms import BOUNDS, bounds_in, without_bounds
from agentkit.values import JsonSchema, json_text

_NOT_OPENAIS: Final = frozenset({"maxLength", "minLength"})
"""OpenAI's strict mode has bounds of lists and numbers, and none of texts."""
_KNOWN_SCHEMAS: Final = 1000


class TakenBounds:
    """Leaves out of schemas the bounds that a server refuses; answers are held to them anyway.

    Args:
        is_openai: Whether the server is OpenAI's own.
    """

    def __init__(self, is_openai: bool) -> None:
        self._refused = set(_NOT_OPENAIS if is_openai else ())
        self._unbounded: set[str] = set()
        """Schemas that were refused, maybe for their bounds."""

    def taken(self, schema: JsonSchema, form: JsonSchema) -> JsonSchema:
        """The form in which a schema is sent, with the bounds that the server may take."""
        is_unbounded = self._unbounded and json_text(schema) in self._unbounded
        left_out = BOUNDS if is_unbounded else self._refused
        bounded: JsonSchema = without_bounds(form, left_out) if left_out else form
        return bounded

    def learn(
        self, schema: JsonSchema, response_format: Mapping[str, Any], said: str
    ) -> str | None:
        """Learn from a refusal: of the bounds that it names, or of this schema's where it has any.

        Returns:
            What the next try does in another way, in words; None when the form itself is refused.
        """
        key = json_text(schema)
        bounds = bounds_in(response_format.get("json_schema", {}).get("schema"))
        if not bounds:
            self._unbounded.discard(key)
            return None
        named = {name for name in bounds if _names(said, name)}
        if named:
            self._refused |= named
            return f"it takes no {' and '.join(sorted(named))} in a schema: asking without"
        if len(self._unbounded) >= _KNOWN_SCHEMAS:
            self._unbounded.clear()
        self._unbounded.add(key)
        return "it does not take this schema: asking without the bounds in it"


def _names(said: str, bound: str) -> bool:
    """Whether a refusal names a bound; `maximum` may be a plain word, so it needs its quotes."""
    name = rf"\b{bound}\b" if bound != bound.lower() else rf"['\"`]{bound}['\"`]"
    return re.search(name, said) is not None
