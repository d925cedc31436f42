"""How the tokens of an answer are picked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import GenerationConfig

from agentkit.messages import Request
from agentkit.models.local.transformers.sampling_names import COUNTS, EXTRA, READS_IDS


@dataclass(slots=True)
class TokenChoice:
    """How the tokens of an answer are picked."""

    processors: Any
    """A `LogitsProcessorList` of transformers: temperature, top-k, penalties and so on."""
    needs_ids: bool
    """Whether one of them reads the tokens so far."""
    generator: torch.Generator | None
    """Picks by chance; None always takes the likeliest."""
    grammar: Any = None
    """A matcher of llguidance that says which tokens may come next; None: any."""

    def pick(self, scores: torch.Tensor, ids: Callable[[], Sequence[int]]) -> int:
        """Return the next token.

        Args:
            scores: The logits, float32 [vocabulary].
            ids: Gives the tokens so far, of prompt and answer.

        Raises:
            GrammarError: The grammar allows none.
        """
        row = scores.clone() if self.grammar is not None else scores
        if self.grammar is not None:
            row[~self._allowed(row)] = -torch.inf
        if self.processors:
            before = ids() if self.needs_ids else ()
            row = self.processors(torch.tensor([before], device=row.device), row[None])[0]
        if self.generator is None:
            return int(row.argmax())
        shares = row.softmax(-1).cpu()
        return int(torch.multinomial(shares, 1, generator=self.generator))

    @property
    def is_plain(self) -> bool:
        """Whether it takes the likeliest token, whatever came before."""
        return self.generator is None and self.grammar is None and not self.processors

    def _allowed(self, row: torch.Tensor) -> torch.Tensor:
        packed = self.grammar.compute_bitmask()
        if self.grammar.is_error():
            raise GrammarError(self.grammar.get_error())
        bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
        allowed = torch.zeros(len(row), dtype=torch.bool)
        known = min(len(row), len(bits))
        allowed[:known] = torch.from_numpy(bits[:known].astype(np.bool_))
        if not allowed.any():
            raise GrammarError("the grammar allows no further token")
        return allowed.to(row.device)


class GrammarError(Exception):
    """A grammar that cannot be followed."""


def make_choice(
    model: Any, defaults: Mapping[str, Any], request: Request, length: int, grammar: Any
) -> TokenChoice:
    """Return how the tokens of an answer are picked: as the request says, else as the model's
    makers do.

    Args:
        model: A model of transformers.
        defaults: What its `generation_config.json` says.
        request: The request; its `extra` may have the names in `EXTRA`.
        length: How many tokens the prompt has.
        grammar: What holds the answer to its schema; None: nothing does.

    Raises:
        ValueError: A setting has a value that it cannot have.
    """
    sampling, config = request.sampling, dict(defaults)
    config |= {name: value for name, value in request.extra.items() if name in EXTRA}
    if sampling.temperature is not None:
        config |= {"do_sample": sampling.temperature > 0, "temperature": sampling.temperature}
    if sampling.top_p is not None:
        config["top_p"] = sampling.top_p
    by_chance = bool(config.get("do_sample"))
    said = {
        name: float(value) if type(value) is int and name not in COUNTS else value
        for name, value in config.items()
        if by_chance or name in READS_IDS
    }
    try:
        processors = model._get_logits_processor(GenerationConfig(**said), length)
    except TypeError as error:
        raise ValueError(str(error)) from None
    needs_ids = any(name in said for name in READS_IDS)
    generator = _seeded(sampling.seed) if by_chance else None
    return TokenChoice(processors, needs_ids, generator, grammar)


def _seeded(seed: int | None) -> torch.Generator:
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator
