"""Token counts and a provider's prefix cache, both simulated."""

import hashlib
from collections.abc import Mapping
from typing import Any

from loopback.answers import messages_of

_CHARACTERS = 4  # in a token
_BLOCK = 128  # tokens that are cached together


class PrefixCache:
    """Counts tokens, and how many of a prompt's stand in blocks that were sent before."""

    def __init__(self) -> None:
        self._known: set[bytes] = set()

    def usage(self, body: Mapping[str, Any], text: str) -> dict[str, Any]:
        """The `usage` of an answer."""
        sent = "".join(f"<{role}>{content}" for role, content in messages_of(body))
        prompt, completion = tokens(sent), tokens(text)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": completion,
            "total_tokens": prompt + completion,
            "prompt_tokens_details": {"cached_tokens": self._cached(sent), "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }

    def _cached(self, sent: str) -> int:
        size = _CHARACTERS * _BLOCK
        running, cached, unbroken = hashlib.blake2b(digest_size=8), 0, True
        for start in range(0, len(sent) - size + 1, size):
            running.update(sent[start : start + size].encode("utf-8", "surrogatepass"))
            block = running.digest()
            unbroken = unbroken and block in self._known
            cached += _BLOCK if unbroken else 0
            self._known.add(block)
        return cached


def tokens(text: str) -> int:
    """About how many tokens a text has."""
    return -(-len(text) // _CHARACTERS)
