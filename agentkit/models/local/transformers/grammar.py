"""Grammars that hold an answer to a JSON schema, token by token: llguidance."""

import json
from collections.abc import Collection
from typing import Any, Final

from agentkit.errors import ModelError
from agentkit.models.local.transformers.chat import ENCODING
from agentkit.values import JsonSchema

_OPTIONS: Final[Any] = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": "}
"""One way to write each value: free white space is where weak models run on."""
_LONGEST_ERROR: Final = 300
_KEPT: Final = 256
"""The most grammars that are kept: an agent asks the same few again and again."""


class Grammars:
    """The grammars of one tokenizer.

    Args:
        tokenizer: A fast tokenizer of transformers.
        vocabulary: How many logits the model has.
        end_ids: The tokens that end an answer.
    """

    def __init__(self, tokenizer: Any, vocabulary: int, end_ids: Collection[int]) -> None:
        from llguidance.hf import from_tokenizer

        size = max(vocabulary, len(tokenizer))
        with ENCODING:
            self._tokenizer = from_tokenizer(tokenizer, n_vocab=size, eos_token=sorted(end_ids))
        self._made: dict[str, Any] = {}

    def matcher(self, schema: JsonSchema) -> Any:
        """Return what follows an answer and says which tokens may come next.

        Raises:
            ModelError: There is no grammar for the schema.
        """
        from llguidance import LLMatcher

        text = json.dumps(schema)
        found = self._made.get(text)
        if found is None:
            found = LLMatcher(
                self._tokenizer,
                LLMatcher.grammar_from_json_schema(text, overrides=_OPTIONS),
                log_level=0,
            )
            if found.is_error():
                raise ModelError(f"no grammar for its schema: {found.get_error()[:_LONGEST_ERROR]}")
            if len(self._made) >= _KEPT:
                self._made.pop(next(iter(self._made)))
            self._made[text] = found
        return found.deep_copy()
