"""What a model read before: prompts are read once, and their beginnings are not read again."""

import copy
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any, Final

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

_PIECE: Final = 2048
"""The most tokens of one forward pass: bounds the memory of long prompts."""
_MOST_BYTES: Final = 512 * 2**20
"""The most memory of the prompts that are kept."""
_SHORTEST_FORK: Final = 64
"""The least tokens of a common beginning that is kept by itself."""
_MOST_PRIORS: Final = 256
"""The most scores of neutral prompts that are kept, each of all options of a question."""


@dataclass(frozen=True, slots=True)
class ReadPrompt:
    """A prompt that a model has read."""

    ids: tuple[int, ...]
    """Its tokens."""
    cache: Any
    """Keys, values and states after its last token. Only `copied` may be given to a model."""
    logits: torch.Tensor
    """Of the token after it, float32, shape (V,)."""

    def copied(self) -> Any:
        """Return the cache for a model that reads on; what is kept here stays as it is."""
        return _copied(self.cache)

    @property
    def size(self) -> int:
        """Bytes of the cache and the logits."""
        return cache_size(self.cache) + self.logits.nbytes


class PromptCaches:
    """The prompts that one model read last, and its scores of neutral prompts.

    Whoever changes the weights or the adapter of the model calls `clear`. It is for one thread at a
    time.

    Args:
        most_bytes: The most memory of the caches. The prompt read last is dropped too if it alone
            takes more.
    """

    def __init__(self, most_bytes: int = _MOST_BYTES) -> None:
        self.reused = 0
        """How many tokens of all prompts so far did not have to be read."""
        self._most_bytes = most_bytes
        self._read: OrderedDict[tuple[int, ...], ReadPrompt] = OrderedDict()
        self._priors: OrderedDict[Hashable, list[float]] = OrderedDict()

    def clear(self) -> None:
        """Forget everything: the weights or the adapter changed."""
        self._read.clear()
        self._priors.clear()

    @property
    def size(self) -> int:
        """Bytes of what is kept."""
        return sum(one.size for one in self._read.values())

    def longest(self, ids: Sequence[int]) -> tuple[Any, int, torch.Tensor | None]:
        """Return a cache of the longest known beginning of a prompt.

        Args:
            ids: The prompt's tokens.

        Returns:
            The cache, how many tokens it has, and the logits after them where it has all of them.
            At least one token is left to read otherwise. Of nothing known (None, 0, None).
        """
        found = self._read.get(tuple(ids))
        if found is not None:
            self._read.move_to_end(found.ids)
            return found.copied(), len(found.ids), found.logits
        best, length = None, 0
        for one in self._read.values():
            usable = _usable(one, min(_common(one.ids, ids), len(ids) - 1))
            if usable > length:
                best, length = one, usable
        if best is None:
            return None, 0, None
        self._read.move_to_end(best.ids)
        cache = best.copied()
        if surplus := len(best.ids) - length:
            cache.crop(-surplus)
        return cache, length, None

    def fork(self, ids: Sequence[int]) -> int:
        """Return how many first tokens a prompt has in common with another one, at most all but
        the last: where both go apart, caches that cannot be cut are worth keeping."""
        return min(max((_common(one, ids) for one in self._read), default=0), len(ids) - 1)

    def keep(self, prompt: ReadPrompt) -> None:
        """Keep what was read, and drop what was used longest ago where it gets too much."""
        for beginning in [ids for ids in self._read if _replaces(prompt, self._read[ids])]:
            del self._read[beginning]
        self._read[prompt.ids] = prompt
        while self._read and self.size > self._most_bytes:
            self._read.popitem(last=False)

    def prior(self, key: Hashable) -> list[float] | None:
        """Return scores that were kept, or None."""
        if key in self._priors:
            self._priors.move_to_end(key)
        return self._priors.get(key)

    def keep_prior(self, key: Hashable, scores: list[float]) -> None:
        """Keep the scores of options after a neutral prompt."""
        self._priors[key] = scores
        if len(self._priors) > _MOST_PRIORS:
            self._priors.popitem(last=False)


def read_prompt(model: Any, ids: Sequence[int], caches: PromptCaches | None = None) -> ReadPrompt:
    """Read a prompt, from the longest beginning that is known, and keep it.

    Args:
        model: A causal language model.
        ids: The prompt's tokens, at least one.
        caches: What the model read before.

    Raises:
        ValueError: There are no tokens.
    """
    if not ids:
        raise ValueError("a prompt has at least one token")
    boundary = rope_boundary(model.config)
    if boundary is not None and len(ids) > boundary:
        # Its angles differ from those of a shorter text: it is read in one pass, from its start.
        cache: Any = DynamicCache(config=model.config)
        return ReadPrompt(tuple(ids), cache, forward(model, cache, [ids])[0, 0].float())
    cache, start, logits = caches.longest(ids) if caches is not None else (None, 0, None)
    if caches is not None:
        caches.reused += start
    if cache is None:
        cache = DynamicCache(config=model.config)
    fork = caches.fork(ids) if caches is not None else 0
    if caches is not None and fork >= max(start, _SHORTEST_FORK) and fork > start:
        beginning = _read_on(model, cache, ids[:fork], start)
        caches.keep(ReadPrompt(beginning.ids, beginning.copied(), beginning.logits))
        start = fork
    read = _read_on(model, cache, ids, start, logits)
    if caches is not None:
        caches.keep(read)
    return read


def _read_on(
    model: Any, cache: Any, ids: Sequence[int], start: int, logits: torch.Tensor | None = None
) -> ReadPrompt:
    """Read a prompt from one of its tokens on, in pieces; the cache has those before."""
    for place in range(start, len(ids), _PIECE):
        logits = forward(model, cache, [ids[place : place + _PIECE]])[0, 0].float()
    assert logits is not None
    _shrink(cache)
    return ReadPrompt(tuple(ids), cache, logits)


def forward(model: Any, cache: Any, ids: Sequence[Sequence[int]], keep: int = 1) -> torch.Tensor:
    """Read tokens after those in a cache, which grows.

    Args:
        model: A causal language model.
        cache: What was read before.
        ids: The tokens of each text, as many of each.
        keep: After how many of the last tokens logits are returned.

    Returns:
        The logits, shape (B, keep, V).
    """
    tokens = torch.tensor(ids, device=model.get_input_embeddings().weight.device)  # (B, T)
    logits: torch.Tensor = model(tokens, cache=cache, use_cache=True, logits_to_keep=keep).logits
    return logits


def rope_boundary(config: Any) -> int | None:
    """Return the length from which on a model turns all positions by other angles; None: never.

    Such models (Phi-3.5) must not read a long text after the cache of a short one.
    """
    rope = getattr(config.get_text_config(decoder=True), "rope_parameters", None) or {}
    if rope.get("rope_type") not in ("longrope", "dynamic"):
        return None
    length = rope.get("original_max_position_embeddings")
    return int(length or config.get_text_config(decoder=True).max_position_embeddings)


def is_plain(cache: Any) -> bool:
    """Whether a cache has only keys and values by position, of all tokens or of a window."""
    return all(type(one) in (DynamicLayer, DynamicSlidingWindowLayer) for one in cache.layers)


def cache_size(cache: Any) -> int:
    """Return the bytes of a cache."""
    tensors: list[Any] = []
    for layer in cache.layers:
        for value in vars(layer).values():
            tensors += value.values() if isinstance(value, dict) else [value]
    return sum(one.nbytes for one in tensors if isinstance(one, torch.Tensor))


def _copied(cache: Any) -> Any:
    """A cache that can grow beside the other. Keys and values are replaced where it grows, so they
    are shared; the states of other layers are changed in place, so they are copied."""
    new = copy.copy(cache)
    plain = DynamicLayer, DynamicSlidingWindowLayer
    new.layers = [
        copy.copy(one) if type(one) in plain else copy.deepcopy(one) for one in cache.layers
    ]
    return new


def _shrink(cache: Any) -> None:
    """Free the memory of what lies before the window of a layer: its tensors are views of more."""
    for layer in cache.layers:
        if isinstance(layer, DynamicSlidingWindowLayer) and layer.is_initialized:
            assert layer.keys is not None
            assert layer.values is not None
            layer.keys, layer.values = layer.keys.clone(), layer.values.clone()


def _common(some: Sequence[int], others: Sequence[int]) -> int:
    pairs = zip(some, others, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _usable(prompt: ReadPrompt, length: int) -> int:
    """How many of the first tokens of a prompt its cache can be cut to: all, or fewer where nothing
    that they need was dropped."""
    if length == len(prompt.ids):
        return length
    is_whole = is_plain(prompt.cache) and all(
        len(prompt.ids) < getattr(one, "sliding_window", len(prompt.ids) + 1)
        for one in prompt.cache.layers
    )
    return length if is_whole else 0


def _replaces(new: ReadPrompt, old: ReadPrompt) -> bool:
    """Whether all that is known of one prompt is in the cache of another."""
    is_beginning = new.ids[: len(old.ids)] == old.ids
    return is_beginning and _usable(new, len(old.ids)) == len(old.ids)
