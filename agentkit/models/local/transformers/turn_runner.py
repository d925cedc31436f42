"""Answers that take turns: for models that continuous batching cannot run.

Those are models with layers other than attention, and, where a context is that long, models that
turn all positions by other angles from some length on: there an answer is read again from its
beginning. (In a batch, the longest text would decide for all.)
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch

from agentkit.errors import ModelError, visible
from agentkit.models.local.transformers.generation import Generation
from agentkit.models.local.transformers.prompt_caches import rope_boundary
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from agentkit.models.local.transformers.experts import ExpertTap
    from agentkit.models.local.transformers.loading import LoadedCheckpoint
    from agentkit.models.local.transformers.plan import TorchPlan


_LONGEST_ERROR: Final = 300


@dataclass(slots=True)
class _Turn:
    """An answer and what the model remembers of it."""

    generation: Generation
    next_ids: list[int]
    cache: Any = None
    is_cancelled: bool = False


class TurnRunner:
    """Runs answers a token each in turn, in a thread of its own. No beginnings are shared.

    Args:
        name: The model's name, for messages.
        checkpoint: What is run.
        plan: How it is run.
        tap: Tells of the experts that tokens are sent to; None: nobody counts them.
    """

    def __init__(
        self,
        name: str,
        checkpoint: "LoadedCheckpoint",
        plan: "TorchPlan",
        tap: "ExpertTap | None",
    ) -> None:
        self._name = name
        self._model = checkpoint.model
        self._tap = tap
        self._boundary = rope_boundary(self._model.config)
        self._turns: dict[str, _Turn] = {}
        self._changed = threading.Condition()
        self._forward = threading.Lock()
        self._stopped = False
        threading.Thread(target=self._run, name="agentkit-local-model", daemon=True).start()

    def add(self, generation: Generation, key: str) -> None:
        """Begin an answer.

        Raises:
            ModelError: It has ended.
        """
        with self._changed:
            if self._stopped:
                raise ModelError(f"{self._name}: the engine has ended")
            self._turns[key] = _Turn(generation, list(generation.prompt))
            self._changed.notify()

    def cancel(self, key: str) -> None:
        """Free the place of an answer."""
        with self._changed:
            turn = self._turns.pop(key, None)
            if turn is not None:
                turn.is_cancelled = True

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Use the model oneself meanwhile."""
        with self._forward:
            if self._tap is not None:
                self._tap.sink = None
            yield

    def stop(self) -> None:
        """End it; answers in the making fail."""
        with self._changed:
            self._stopped = True
            turns = list(self._turns.values())
            self._turns.clear()
            self._changed.notify()
        for turn in turns:
            turn.is_cancelled = True
            turn.generation.fail(ModelError(f"{self._name}: the engine was closed"))
        with self._forward:  # what is being calculated comes to its end
            pass

    @property
    def has_ended(self) -> bool:
        """Whether it can take no more answers."""
        return self._stopped

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._turns or self._stopped)
                if self._stopped:
                    return
                turns = list(self._turns.items())
            for key, turn in turns:
                with self._forward:
                    if turn.is_cancelled:
                        continue
                    try:
                        self._advance(turn)
                    except Exception as error:  # its own fault: the others go on
                        why = redacted(visible(str(error)))[:_LONGEST_ERROR]
                        turn.generation.fail(ModelError(f"{self._name}: the engine failed. {why}"))
                if turn.generation.is_over:
                    self.cancel(key)

    @torch.inference_mode()
    def _advance(self, turn: _Turn) -> None:
        """Read what an answer has last, and pick its next token."""
        generation, length = turn.generation, len(turn.next_ids)
        before = len(generation.prompt) + len(generation.tokens) - length
        if self._boundary is not None and before <= self._boundary < before + length:
            turn.next_ids, turn.cache = [*generation.prompt, *generation.tokens], None
            before, length = 0, len(turn.next_ids)
        again = generation.reads(before, length)
        if self._tap is not None:
            self._tap.sink = lambda layer, chosen, experts: generation.experts.add(
                layer, chosen[again:], experts
            )
        ids = torch.tensor([turn.next_ids], device=self._model.device)
        out = self._model(ids, cache=turn.cache, use_cache=True, logits_to_keep=1)
        turn.cache = out.past_key_values
        turn.next_ids = [generation.pick(out.logits[0, -1].float())]
