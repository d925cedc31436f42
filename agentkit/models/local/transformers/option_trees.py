"""Options as a tree of tokens: what they have in common is read once, all in one forward pass.

Dimensions: T tokens of a tree, K tokens of a cache and a tree, V of the vocabulary.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import torch
from transformers.cache_utils import DynamicSlidingWindowLayer

from agentkit.models.local.transformers.prompt_caches import is_plain

ROOT: Final = -1
"""Where a tree begins: after the last token of the prompt."""


@dataclass(slots=True)
class OptionTree:
    """Options whose common beginnings are the same nodes. A parent stands before its children."""

    tokens: list[int] = field(default_factory=list)
    """The token of each node."""
    parents: list[int] = field(default_factory=list)
    """The node before each node, or ROOT."""
    depths: list[int] = field(default_factory=list)
    """How many nodes stand before each on its way."""
    _children: dict[tuple[int, int], int] = field(default_factory=dict)

    def add(self, option: Sequence[int]) -> list[int]:
        """Add an option, and return its nodes."""
        node, path = ROOT, []
        for depth, token in enumerate(option):
            parent, node = node, self._children.get((node, token), ROOT)
            if node == ROOT:
                node = self._children[parent, token] = len(self.tokens)
                self.tokens.append(token)
                self.parents.append(parent)
                self.depths.append(depth)
            path.append(node)
        return path

    def new_nodes(self, option: Sequence[int]) -> int:
        """Return how many nodes an option would add."""
        node = ROOT
        for depth, token in enumerate(option):
            found = self._children.get((node, token))
            if found is None:
                return len(option) - depth
            node = found
        return 0


def groups(
    options: Iterable[tuple[int, ...]], most: int
) -> Iterator[tuple[OptionTree, dict[tuple[int, ...], list[int]]]]:
    """Return trees of options, of at most some nodes each; a longer option has one of its own.

    Args:
        options: Different ones, without a token that need not be read.
        most: The most nodes.

    Returns:
        Each tree with its options and their nodes.
    """
    tree = OptionTree()
    paths: dict[tuple[int, ...], list[int]] = {}
    for option in sorted(options):
        if paths and len(tree.tokens) + tree.new_nodes(option) > most:
            yield tree, paths
            tree, paths = OptionTree(), {}
        paths[option] = tree.add(option)
    if paths:
        yield tree, paths


def can_pack(model: Any, cache: Any) -> bool:
    """Whether a model can read a tree after a cache in one pass.

    It must see positions by angles (rope), take a mask of its own for every layer, and have no
    states that depend on the order in which tokens stand.
    """
    config = model.config.get_text_config(decoder=True)
    if not is_plain(cache) or not getattr(config, "rope_parameters", None):
        return False
    if config._attn_implementation not in ("sdpa", "eager"):
        return False
    kinds = set(getattr(config, "layer_types", None) or ())
    windows = {_window(layer) for layer in cache.layers}
    if len(windows - {None}) > 1 or not kinds <= {"full_attention", "sliding_attention"}:
        return False
    return len(windows) == 1 or len(kinds) == 2


def read_tree(model: Any, cache: Any, tree: OptionTree) -> torch.Tensor:
    """Read a tree after a prompt.

    Args:
        model: A causal language model for which `can_pack` holds.
        cache: Of the prompt; it is used up.
        tree: The options.

    Returns:
        The logits after each node, shape (T, V).
    """
    start, device = cache.get_seq_length(), model.get_input_embeddings().weight.device
    positions = torch.tensor(tree.depths, device=device) + start  # (T,)
    ancestors = _ancestors(tree).to(device)  # (T, T)
    masks = {
        window: _mask(ancestors, positions, start, window, model.dtype)
        for window in {_window(layer) for layer in cache.layers}
    }
    by_kind = {
        "full_attention" if window is None else "sliding_attention": one
        for window, one in masks.items()
    }
    is_one = len(masks) == 1
    logits: torch.Tensor = model(
        torch.tensor([tree.tokens], device=device),
        position_ids=positions[None],
        attention_mask=next(iter(masks.values())) if is_one else by_kind,
        cache=cache,
        use_cache=True,
    ).logits[0]
    return logits


def _window(layer: Any) -> int | None:
    return layer.sliding_window if isinstance(layer, DynamicSlidingWindowLayer) else None


def _ancestors(tree: OptionTree) -> torch.Tensor:
    """Which nodes each node sees: itself, and those before it on its way; bool, shape (T, T)."""
    sees = torch.eye(len(tree.tokens), dtype=torch.bool)
    for node, parent in enumerate(tree.parents):
        if parent != ROOT:
            sees[node] |= sees[parent]
    return sees


def _mask(
    ancestors: torch.Tensor,
    positions: torch.Tensor,
    start: int,
    window: int | None,
    dtype: torch.dtype,
) -> torch.Tensor:
    """What is added to attention: 0 where a node sees a token, else the lowest number.

    Args:
        ancestors: Which nodes each node sees, shape (T, T).
        positions: Of the nodes, shape (T,).
        start: Tokens of the prompt. Of a window's layer the cache has the last `window - 1`.
        window: How many tokens a node sees, itself included; None: all.
        dtype: Of the model.

    Returns:
        Shape (1, 1, T, K).
    """
    kept = start if window is None else min(start, window - 1)
    before = torch.arange(start - kept, start, device=positions.device)
    where = torch.cat([before, positions])  # (K,)
    prompt = torch.ones(len(positions), kept, dtype=torch.bool, device=positions.device)
    sees = torch.cat([prompt, ancestors], dim=1)  # (T, K)
    if window is not None:
        sees &= where[None] > positions[:, None] - window
    mask = torch.zeros(sees.shape, dtype=dtype, device=positions.device)
    return mask.masked_fill(~sees, torch.finfo(dtype).min)[None, None]
