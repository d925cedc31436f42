"""Scores of options that stand alone, one forward pass each: what all others are compared with."""

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tiny_checkpoints import make_checkpoint

ENDS = (2, 0)
"""What ends an answer of a tiny checkpoint."""
Load = Callable[..., tuple[Any, Any]]
"""From a family (and a dtype) to the model and the tokenizer of a tiny checkpoint."""


def loader(new_folder: Callable[[str], Path]) -> Load:
    """Load tiny checkpoints, each once.

    Args:
        new_folder: Makes a folder of a name.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)

    @cache
    def loaded(family: str, dtype: str = "float32") -> tuple[Any, Any]:
        folder = make_checkpoint(new_folder(family), family)
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype).eval()
        return model, AutoTokenizer.from_pretrained(folder)

    return loaded


def alone(model: Any, prompt: Sequence[int], option: Sequence[int], ends: Sequence[int]) -> float:
    """Return the log-probability of an option, of one forward pass over the whole text."""
    import torch

    with torch.inference_mode():
        logits = model(torch.tensor([[*prompt, *option]])).logits[0].float().log_softmax(-1)
    last = len(prompt) - 1
    score = sum(float(logits[last + place, token]) for place, token in enumerate(option))
    return score + (float(logits[-1, list(ends)].logsumexp(0)) if ends else 0.0)


def numbers(length: int, seed: int = 0) -> list[int]:
    """Return tokens that mean nothing."""
    made = random.Random(seed)
    return [made.randrange(3, 900) for _ in range(length)]
