"""Exact decisions: the log-probability of every option's whole text after one prompt."""

from collections.abc import Sequence
from typing import Any, Final

import torch
from transformers import DynamicCache

from agentkit.models.local.transformers.option_trees import can_pack, groups, read_tree
from agentkit.models.local.transformers.prompt_caches import (
    PromptCaches,
    ReadPrompt,
    cache_size,
    forward,
    read_prompt,
    rope_boundary,
)

_MOST_NODES: Final = 256
"""The most tokens of options in one forward pass: their logits take 50 MB with 49,152 words."""
_MOST_COPIES: Final = 256 * 2**20
"""The most bytes of the copies of a cache, for models that cannot read a tree."""


@torch.inference_mode()
def score_options(
    model: Any,
    prompt_ids: Sequence[int],
    options: Sequence[Sequence[int]],
    end_ids: Sequence[int] = (),
    caches: PromptCaches | None = None,
) -> list[float]:
    """Return the log-probability of each option after a prompt: of its tokens, and of its end.

    The prompt is read once. Options that begin alike share what they have in common; a model with
    full or sliding attention reads all of them in one forward pass of few tokens, another one (with
    the states of convolutions, say) reads them side by side after copies of its cache.

    Args:
        model: A causal language model of transformers.
        prompt_ids: The tokens of the prompt, at least one.
        options: The tokens of each option, at least one each.
        end_ids: The tokens that end an answer. The logarithm of their summed probability is added,
            so that an option that begins another one ("left", "left hand") is told apart from it.
            Empty: ends do not count.
        caches: What this model read before; what it reads is kept there.

    Returns:
        Natural logarithms, in the order of the options.

    Raises:
        ValueError: The prompt or an option has no token.
    """
    if not all(options):
        raise ValueError("every option has at least one token")
    boundary, longest = rope_boundary(model.config), max(map(len, options), default=0)
    if boundary is not None and len(prompt_ids) <= boundary < len(prompt_ids) + longest:
        return [_score_afresh(model, prompt_ids, option, end_ids) for option in options]
    prompt = read_prompt(model, prompt_ids, caches)
    different = {tuple(option) for option in options}
    if can_pack(model, prompt.cache):
        scores = _score_packed(model, prompt, different, end_ids)
    else:
        scores = _score_copies(model, prompt, different, end_ids)
    return [scores[tuple(option)] for option in options]


def _score_packed(
    model: Any, prompt: ReadPrompt, options: set[tuple[int, ...]], end_ids: Sequence[int]
) -> dict[tuple[int, ...], float]:
    """Score options as trees of tokens. Without an end the last token of each is not read."""
    scores: dict[tuple[int, ...], float] = {}
    last = None if end_ids else -1
    long = {option for option in options if len(option) > _MOST_NODES}
    for option in long:
        scores[option] = _score_alone(model, prompt, option, end_ids)
    read: dict[tuple[int, ...], list[tuple[int, ...]]] = {}
    for option in options - long:
        read.setdefault(option[:last], []).append(option)
    for tree, paths in groups(read, _MOST_NODES):
        rows = prompt.logits[None]  # (1 + T, V): after the prompt, and after each node
        if tree.tokens:
            rows = torch.cat([rows, read_tree(model, prompt.copied(), tree).float()])
        totals = rows.logsumexp(-1)
        for beginning, nodes in paths.items():
            places = [0, *(node + 1 for node in nodes)]
            for option in read[beginning]:
                scores[option] = _sum(rows, totals, option, end_ids, places)
    return scores


def _score_copies(
    model: Any, prompt: ReadPrompt, options: set[tuple[int, ...]], end_ids: Sequence[int]
) -> dict[tuple[int, ...], float]:
    """Score options side by side, each after a copy of the cache; short ones are filled up."""
    scores: dict[tuple[int, ...], float] = {}
    most = max(1, min(_MOST_COPIES // cache_size(prompt.cache), _MOST_NODES))
    waiting = sorted(options, key=len)
    while waiting:
        size = 1
        while size < min(most, len(waiting)) and (size + 1) * len(waiting[size]) <= _MOST_NODES:
            size += 1
        batch, waiting = waiting[:size], waiting[size:]
        longest = len(batch[-1]) - (not end_ids)
        if size == 1 or not longest:
            scores |= {one: _score_alone(model, prompt, one, end_ids) for one in batch}
            continue
        cache = prompt.copied()
        cache.reorder_cache(torch.zeros(size, dtype=torch.long, device=prompt.logits.device))
        filled = [[*one, *[one[-1]] * longest][:longest] for one in batch]
        logits = forward(model, cache, filled, longest)  # (B, T, V)
        for option, after in zip(batch, logits, strict=True):
            rows = torch.cat([prompt.logits[None], after[: len(option)].float()])
            scores[option] = _sum(rows, rows.logsumexp(-1), option, end_ids)
    return scores


def _score_alone(
    model: Any, prompt: ReadPrompt, option: tuple[int, ...], end_ids: Sequence[int]
) -> float:
    """Score one option, in pieces where it is long."""
    cache, rows, place = prompt.copied(), prompt.logits[None], 0
    score = _sum(rows, rows.logsumexp(-1), option[:1], ())
    read = option if end_ids else option[:-1]
    while place < len(read):
        piece = read[place : place + _MOST_NODES]
        rows = forward(model, cache, [piece], len(piece))[0].float()
        place += len(piece)
        following = option[place - len(piece) + 1 : place + 1]
        ends = end_ids if place == len(option) else ()
        score += _sum(rows, rows.logsumexp(-1), following, ends)
    return score


def _score_afresh(
    model: Any, prompt_ids: Sequence[int], option: Sequence[int], end_ids: Sequence[int]
) -> float:
    """Score one option in a pass of its own, prompt and all."""
    cache = DynamicCache(config=model.config)
    rows = forward(model, cache, [[*prompt_ids, *option]], len(option) + 1)[0].float()
    return _sum(rows, rows.logsumexp(-1), option, end_ids)


def _sum(
    rows: torch.Tensor,
    totals: torch.Tensor,
    option: Sequence[int],
    end_ids: Sequence[int],
    places: Sequence[int] | None = None,
) -> float:
    """The log-probability of an option.

    Args:
        rows: Logits, float32, shape (R, V).
        totals: The logarithm of the sum of their exponentials, shape (R,).
        option: Its n tokens.
        end_ids: What ends it; empty: nothing.
        places: The rows before each of its tokens, and after the last; by default the first.
    """
    where = torch.tensor(places or range(len(option) + 1), device=rows.device)
    before, after = where[: len(option)], where[-1]
    tokens = torch.tensor(option, dtype=torch.long, device=rows.device)
    chosen = rows[before, tokens] - totals[before]
    score = chosen.double().sum()
    if end_ids:
        ends = rows[after, torch.tensor(end_ids, device=rows.device)]
        score += ends.double().logsumexp(-1) - totals[after]
    return float(score)
