"""Answers in one batch: continuous batching of transformers, where each request has its own rules.

Its manager picks tokens for all requests in one way, and reports to one event loop. Here it always
takes the likeliest token of scores in which each answer has put its own choice on top
(`_Choices`), and what it reports goes to the answer that it is about (`_Reports`).
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import torch
from transformers import GenerationConfig, LogitsProcessorList
from transformers.generation.configuration_utils import ContinuousBatchingConfig
from transformers.generation.continuous_batching.cb_logits_processors import (
    ContinuousBatchingLogitsProcessorList,
)
from transformers.generation.continuous_batching.continuous_api import OutputRouter
from transformers.generation.continuous_batching.utils import logger

from agentkit.errors import ModelError, visible
from agentkit.models.local.transformers.generation import Generation
from agentkit.models.local.transformers.prompt_caches import rope_boundary
from agentkit.redaction import redacted

if TYPE_CHECKING:
    from agentkit.models.local.transformers.experts import ExpertTap
    from agentkit.models.local.transformers.loading import LoadedCheckpoint
    from agentkit.models.local.transformers.plan import TorchPlan

logger.setLevel("CRITICAL")  # what it says of an error goes to the answers that it ends

_PAGE: Final = 32
"""Tokens of a page of the cache: beginnings are shared by whole pages. 16 to 64 are the fastest."""
_BATCH_ON_CPU: Final = 256
_BATCH_ON_GPU: Final = 4096
"""Tokens that are read at once: between two batches a call can be cancelled, and others get their
next token."""
_LONGEST_ERROR: Final = 300
_BATCHED: Final = frozenset({"full_attention", "sliding_attention"})
"""The kinds of layers whose state continuous batching can keep."""


def can_batch(model: Any, context: int) -> bool:
    """Return whether continuous batching can run a model, with texts of so many tokens.

    All of its layers have to be attention, and no text may be so long that others in its batch are
    turned by other angles.
    """
    kinds = getattr(model.config.get_text_config(), "layer_types", None) or ()
    boundary = rope_boundary(model.config)
    return set(kinds) <= _BATCHED and (boundary is None or context <= boundary)


class BatchRunner:
    """Runs answers in one batch, in a thread of its own, until an error ends it.

    Args:
        name: The model's name, for messages.
        checkpoint: What is run.
        plan: How many answers, and of how many tokens the keys and values are kept.
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
        self._plain = self._model.config._attn_implementation
        self._running: dict[str, Generation] = {}
        on_cpu = checkpoint.device == "cpu"
        self._manager = self._model.init_continuous_batching(
            GenerationConfig(do_sample=False, eos_token_id=sorted(checkpoint.end_ids)),
            ContinuousBatchingConfig(
                page_size=_PAGE,
                num_blocks=math.ceil(plan.cached_tokens / _PAGE) + plan.slots,
                max_batch_tokens=_BATCH_ON_CPU if on_cpu else _BATCH_ON_GPU,
                max_requests_per_batch=plan.slots,
                use_cuda_graph=False,  # tokens are picked in Python, and graphs replay without it
                use_async_batching=False,
                auto_switch_to_flash=False,  # it may fetch kernels, which are program code
            ),
        )
        self._paged = self._model.config._attn_implementation
        self._manager.logit_processor = _Choices(self._running, tap)
        self._manager.output_router = _Reports(name, self._running)
        starter = threading.Thread(target=self._start, daemon=True)
        starter.start()  # what a daemon starts is one too: the program can end
        starter.join()

    def _start(self) -> None:
        with torch.inference_mode():
            self._manager.start()

    def add(self, generation: Generation, key: str) -> None:
        """Begin an answer.

        Raises:
            ModelError: An error has ended the batch.
        """
        self._running[key] = generation
        self._manager.add_request(
            list(generation.prompt),
            request_id=key,
            max_new_tokens=generation.max_tokens,
            eos_token_id=sorted(generation.end_ids),
        )
        if self.has_ended:  # it is in no batch any more, or never was
            self._running.pop(key, None)
            raise ModelError(f"{self._name}: the engine has ended. {self._why()}")

    def cancel(self, key: str) -> None:
        """Free the place of an answer."""
        if self._running.pop(key, None) is not None:
            self._manager.cancel_request(key)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Use the model oneself meanwhile.

        Raises:
            ModelError: An error has ended the batch.
        """
        try:
            pause = self._manager.pause()
            pause.__enter__()
        except RuntimeError:
            raise ModelError(f"{self._name}: the engine has ended. {self._why()}") from None
        try:
            if self._tap is not None:
                self._tap.sink = None
            if self._paged != self._plain:
                self._model.set_attn_implementation(self._plain)
            yield
        finally:
            if self._paged != self._plain:
                self._model.set_attn_implementation(self._paged)
            pause.__exit__(None, None, None)

    def stop(self) -> None:
        """End it; answers in the making fail."""
        for generation in list(self._running.values()):
            generation.fail(ModelError(f"{self._name}: the engine was closed"))
        if self._manager._generation_thread is not None:
            self._manager.stop(block=True, hard_stop=True)

    @property
    def has_ended(self) -> bool:
        """Whether it can take no more answers."""
        status = self._manager.background_thread_status
        return status.can_accept_new_requests() is not None or not self._manager.is_running()

    def _why(self) -> str:
        return _said(self._manager.background_thread_status.fatal_error or "")


@dataclass(frozen=True, slots=True)
class _Row:
    """What a batch reads of a request."""

    generation: Generation | None
    """Its answer; None: nobody waits for it any more."""
    length: int
    """The tokens that are read."""
    again: int
    """The first of them that were read before: their keys and values had to make room."""
    picks: bool
    """Whether its next token is picked."""


class _Choices(ContinuousBatchingLogitsProcessorList):  # type: ignore[misc]
    """Puts the token that each answer of a batch picks on top of its scores."""

    def __init__(self, running: dict[str, Generation], tap: "ExpertTap | None") -> None:
        super().__init__(LogitsProcessorList())
        self.do_processing = True
        self._running = running
        self._tap = tap
        self._rows: list[_Row] = []

    def check_kwargs(self, kwargs: dict[str, Any]) -> None:
        """Take a request as it is: it has no settings that the manager could know."""

    def prepare_tensor_args(
        self, requests_in_batch: Sequence[Any], arg_storage: torch.Tensor
    ) -> torch.Tensor:
        """Take note of the requests of the next batch, in the order of its rows."""
        self._rows = []
        for future in requests_in_batch:
            generation, length = self._running.get(future.state.request_id), future.query_length
            again = 0
            if generation is not None:
                again = generation.reads(future.state.position_offset - length, length)
            self._rows.append(_Row(generation, length, again, future.has_new_token))
        if self._tap is not None:
            self._tap.sink = self._count_experts
        return arg_storage

    def __call__(
        self, input_ids: torch.Tensor, scores: torch.Tensor, logits_processor_args: torch.Tensor
    ) -> torch.Tensor:
        """Pick a token for every row that has its prompt behind it."""
        likeliest = scores.argmax(-1).tolist()
        picked = list(likeliest)
        picking = [row.generation for row in self._rows if row.picks]
        for row, generation in enumerate(picking):  # rows behind them are nobody's
            if generation is not None:
                picked[row] = generation.pick(scores[row], likeliest[row])
        if picked != likeliest:
            scores = torch.zeros_like(scores)
            scores[range(len(picked)), picked] = 1.0
        return scores

    def _count_experts(self, layer: int, chosen: torch.Tensor, experts: int) -> None:
        start = 0
        for row in self._rows:
            end = start + row.length
            if row.generation is not None:
                row.generation.experts.add(layer, chosen[start + row.again : end], experts)
            start = end


class _Reports(OutputRouter):  # type: ignore[misc]
    """Tells an answer that it cannot go on, whichever loop it is waited for in."""

    def __init__(self, name: str, running: dict[str, Generation]) -> None:
        super().__init__()
        self._name = name
        self._running = running

    def deliver(self, output: Any) -> None:
        """Take the report of a request that has ended."""
        generation = self._running.pop(output.request_id, None)
        if generation is not None and output.error is not None:
            why = _said(output.error)
            generation.fail(ModelError(f"{self._name}: the engine has ended. {why}"))

    def deliver_batch(self, outputs: list[Any]) -> None:
        """Take several reports."""
        for output in outputs:
            self.deliver(output)


def _said(error: object) -> str:
    return redacted(visible(str(error)))[:_LONGEST_ERROR]
