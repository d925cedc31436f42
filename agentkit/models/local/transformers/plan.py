"""How a checkpoint is loaded and run: where settings leave it open, by what is free."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agentkit.errors import InputError, ModelError
from agentkit.models.hosted import Settings
from agentkit.models.local.machine import free_cores, free_memory
from agentkit.models.local.transformers.checkpoint import CheckpointInfo

if TYPE_CHECKING:
    from agentkit.models.local.transformers.loading import LoadedCheckpoint

_SHARE: Final = 0.8
"""The part of what is free on a GPU that keys and values may take: a pass needs room too."""
_CONTEXT: Final = 8192
"""The tokens of context where nobody said another number, the model reads as many, and they fit."""
_LEAST_CONTEXT: Final = 1024
_FULL: Final = 4
"""How many answers with the whole context find room at once; more of them take turns."""
_WIDTH: Final = 4
"""Bytes of a number in the cache, at most."""


@dataclass(frozen=True, slots=True)
class TorchPlan:
    """How a checkpoint is loaded and run."""

    folder: Path
    """The checkpoint."""
    context: int
    """The tokens of a prompt and its answer together."""
    slots: int
    """The most answers at once."""
    cached_tokens: int
    """The tokens of which keys and values are kept, of all requests together."""
    threads: int
    """The threads that calculate, on a CPU."""
    dtype: str
    """The type of the weights, or `auto`."""
    device: str
    """Where it runs, or `auto`."""
    expert_keep: Path | None
    """The file that says which experts are kept; None: all."""
    counts_experts: bool
    """Whether the experts that tokens are sent to are counted."""


def make_plan(
    name: str, info: CheckpointInfo, settings: Settings, slots: int, folder: Path
) -> TorchPlan:
    """Return how a checkpoint is run.

    Args:
        name: The model's name, for messages.
        info: What the checkpoint says of itself.
        settings: What the user says.
        slots: The most answers at once.
        folder: Where the file of `expert_keep` starts.

    Raises:
        InputError: The context is longer than what the model was made for.
    """
    context = _context(name, settings, info)
    cached = min(slots, _FULL) * context
    if (room := _room(info)) is not None and (width := info.cache.bytes_per_token(_WIDTH)):
        cached = min(cached, room // width)
    return TorchPlan(
        info.path,
        context,
        slots,
        max(context, cached),
        settings.threads or free_cores(),
        settings.dtype,
        settings.device,
        (folder / settings.expert_keep).resolve() if settings.expert_keep else None,
        settings.telemetry == "experts",
    )


def fitted(plan: TorchPlan, loaded: "LoadedCheckpoint") -> TorchPlan:
    """Return the plan for what a GPU has left, once the weights are there.

    Raises:
        InputError: There is no room for one context.
    """
    if not loaded.device.startswith("cuda"):
        return plan
    import torch

    width = loaded.info.cache.bytes_per_token(4 if loaded.dtype == "float32" else 2)
    return limited(plan, width, torch.cuda.mem_get_info(loaded.device)[0])


def limited(plan: TorchPlan, width: int, free: int) -> TorchPlan:
    """Return the plan with as many keys and values as find room.

    Args:
        plan: The plan.
        width: Bytes of keys and values for each token.
        free: Bytes that are free.

    Raises:
        InputError: There is no room for one context.
    """
    room = int(free * _SHARE) // max(1, width)
    if room < plan.context:
        raise InputError(
            f"{plan.folder}: beside the weights there is room for the keys and values of {room:,} "
            f"tokens, and the context is {plan.context:,}: lower 'context' of the model, or keep "
            "fewer experts"
        )
    return replace(plan, cached_tokens=min(plan.cached_tokens, room))


def check_length(name: str, info: CheckpointInfo, plan: TorchPlan, tokens: int) -> None:
    """Refuse a prompt that leaves no token of the context for an answer.

    Args:
        name: The model's name, for messages.
        info: What the checkpoint says of itself.
        plan: How it is run.
        tokens: Those of the prompt.

    Raises:
        ModelError: It does.
    """
    if tokens < plan.context:
        return
    advice = ""
    if info.context is None or plan.context < info.context:
        most = f" (the model reads up to {info.context:,})" if info.context else ""
        advice = f", or raise 'context' of the model{most}"
    raise ModelError(
        f"{name}: the prompt has {tokens:,} tokens, and the context is {plan.context:,}. "
        f"Shorten what the node is shown (context, recall, history){advice}"
    )


def _context(name: str, settings: Settings, info: CheckpointInfo) -> int:
    """The tokens of context: those asked for, else as many as fit."""
    if info.context is not None and (settings.context or 0) > info.context:
        raise InputError(
            f"{name}: 'context' is {settings.context:,}, and the model was made for "
            f"{info.context:,} tokens at most"
        )
    if settings.context:
        return settings.context
    limits = (_CONTEXT, info.context or _CONTEXT, info.rope_boundary or _CONTEXT)
    context, room = min(limits), _room(info)
    while room is not None and context > _LEAST_CONTEXT:
        if info.cache.bytes_for(context, _WIDTH) <= room:
            break
        context //= 2
    return context


def _room(info: CheckpointInfo) -> int | None:
    """The bytes for keys and values: half of what the weights leave; None: nobody knows."""
    free = free_memory()
    return None if free is None else max(0, free - info.parameters * _WIDTH) // 2
