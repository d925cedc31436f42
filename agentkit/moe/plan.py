"""Plan what a model needs to run: weights, cache, what fits on a card, how fast it writes."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from agentkit.errors import InputError, advice
from agentkit.moe.architecture import Architecture
from agentkit.moe.config import load_config, read_architecture
from agentkit.moe.figures import Fit, ModelPlan, Speed, Wish
from agentkit.moe.hardware import find_dtype, weight_bytes
from agentkit.moe.headers import Stored, read_stored
from agentkit.moe.parameters import active_parameters, buffers, count_parameters

OVERHEAD: Final = 0.1
"""The share of a card's memory that a plan leaves free: the driver's context, fragmentation."""
PREFILL: Final = 2048
"""How many tokens of a prompt are read at once, at most: that sets the workspace."""
DEFAULT_CONTEXT: Final = 4096
_MOST_BATCH: Final = 1 << 20


def plan_model(path: Path, wish: Wish) -> ModelPlan:
    """Plan what a model needs.

    Args:
        path: The folder of a checkpoint, or a `config.json`.
        wish: What the plan is made for.

    Raises:
        InputError: It is not there, its family is unknown, or what is wished makes no sense.
    """
    config, file = load_config(path)
    model = read_architecture(config, file)
    wish = _complete(model, wish, file)
    stored = read_stored(path) if path.is_dir() else None
    plan = _sized(model, wish, wish.keep)
    fit = _fit(model, wish, plan) if wish.gpu_memory else None
    speed = _speed(model, wish, plan) if wish.bandwidth else None
    notes = tuple(_notes(model, wish, stored))
    return replace(plan, fit=fit, speed=speed, stored=stored, notes=notes)


def _complete(model: Architecture, wish: Wish, file: Path) -> Wish:
    """Check a wish, and fill in what was left open.

    Raises:
        InputError: It makes no sense.
    """
    most = model.most_tokens
    context = wish.context or min(DEFAULT_CONTEXT, most or DEFAULT_CONTEXT)
    if most is not None and context > most:
        raise InputError(
            f"a context of {context:,} tokens is longer than the model's: {file} says "
            f"max_position_embeddings {most:,}"
        )
    if not 1 <= wish.batch <= _MOST_BATCH:
        raise InputError(f"a batch of {wish.batch:,}: expected 1 to {_MOST_BATCH:,} sequences")
    if wish.keep is not None:
        if not model.expert_layers:
            raise InputError(f"{model.model_type} is a dense model: it has no experts to keep")
        if not model.per_token <= wish.keep <= model.experts:
            raise InputError(
                f"keep {wish.keep} experts: expected {model.per_token} (a token takes as many) to "
                f"{model.experts} (all)"
            )
    return replace(wish, context=context, dtype=_dtype(model, wish, file))


def _dtype(model: Architecture, wish: Wish, file: Path) -> str:
    if wish.dtype is not None:
        return find_dtype(wish.dtype)
    if not model.dtype:
        return "bfloat16"
    try:
        return find_dtype(model.dtype)
    except InputError as error:
        say = advice("say Wish(dtype=...)", "say it with --dtype, such as --dtype bf16")
        raise InputError(f"{file}: {error}. What the plan shall take: {say}") from None


def _sized(model: Architecture, wish: Wish, experts: int | None) -> ModelPlan:
    parts = count_parameters(model, experts)
    return ModelPlan(
        model,
        wish,
        model.experts if experts is None else experts,
        parts,
        active_parameters(model, experts),
        weight_bytes(model, parts, wish.dtype or "", experts),
        wish.batch * _sequence(model, wish),
        _workspace(model, wish),
    )


def _half(wish: Wish) -> int:
    """Bytes of a value of cache or activations: those of the weights, if these are whole."""
    return 4 if wish.dtype == "float32" else 2


def _sequence(model: Architecture, wish: Wish) -> int:
    """Bytes that one sequence has in the cache."""
    context, size = wish.context or 0, _half(wish)
    per_token = 2 * model.kv_heads * model.head_dim * size  # keys and values
    seen = {
        "full_attention": context * per_token,
        "sliding_attention": min(context, model.window or context) * per_token,
        "conv": model.hidden * model.conv_kernel * size,
    }
    return sum(seen[layer.attention] for layer in model.layers)


def _workspace(model: Architecture, wish: Wish) -> int:
    """Bytes of activations while a prompt is read, and of float32 logits for every sequence."""
    tokens = min(PREFILL, (wish.context or 0) * wish.batch)
    dense = 0 if all(layer.experts for layer in model.layers) else model.dense_width
    wide = max(model.per_token * model.expert_width + model.shared_width, dense)
    attention = (model.heads + 2 * model.kv_heads) * model.head_dim
    activations = tokens * (3 * model.hidden + max(3 * wide, attention)) * _half(wish)
    return activations + wish.batch * model.vocabulary * 4


def _needed(model: Architecture, wish: Wish, plan: ModelPlan) -> int:
    """Bytes on each card: tensor parallel splits weights evenly, and the cache by its heads."""
    kept = max(1 / wish.gpus, 1 / model.kv_heads)  # a head is not split: more cards have copies
    return round(plan.weight_bytes / wish.gpus + plan.cache * kept + plan.workspace)


def _fit(model: Architecture, wish: Wish, plan: ModelPlan) -> Fit:
    usable = int((wish.gpu_memory or 0) * (1 - OVERHEAD))

    def fits(batch: int, experts: int | None) -> bool:
        other = replace(wish, batch=batch)
        return _needed(model, other, _sized(model, other, experts)) <= usable

    most = None
    if model.expert_layers:
        fewest = model.per_token - 1
        found = _highest(lambda number: fits(wish.batch, number), fewest, model.experts)
        most = found if found > fewest else None
    needed = _needed(model, wish, plan)
    largest = _highest(lambda batch: fits(batch, wish.keep), 0, _MOST_BATCH)
    return Fit(needed <= usable, needed, usable, largest, most)


def _highest(fits: Callable[[int], bool], low: int, high: int) -> int:
    """The highest number from above `low` to `high` that fits; `low` where none does."""
    high += 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low


def _speed(model: Architecture, wish: Wish, plan: ModelPlan) -> Speed:
    """How fast a step is if it reads everything once: weights of the experts hit, and the cache."""
    experts, chosen, batch = plan.experts, model.per_token, wish.batch
    distinct = experts * (1 - (1 - chosen / experts) ** batch) if experts else 0.0
    read = dict(plan.weights)
    if not model.tied:
        read.pop("embeddings")  # of them only a row for each token
    if experts:
        share = distinct / experts
        for name in ("experts", "expert_biases"):
            read[name] = round(read.get(name, 0) * share)
    total = sum(read.values()) + plan.cache
    step_s = total / (wish.gpus * (wish.bandwidth or 1.0))
    return Speed(total, distinct, step_s, batch / step_s)


def _notes(model: Architecture, wish: Wish, stored: Stored | None) -> list[str]:
    notes = []
    if not model.expert_layers:
        notes.append(f"{model.model_type} is a dense model, not a mixture of experts")
    elif model.expert_layers < len(model.layers):
        dense = len(model.layers) - model.expert_layers
        notes.append(f"{dense} of {len(model.layers)} layers have a dense MLP in place of experts")
    if wish.gpus > 1 and model.heads % wish.gpus:
        notes.append(
            f"{wish.gpus} cards cannot share {model.heads} heads evenly: servers refuse it"
        )
    if stored is not None:
        notes += [f"its weights: {fault}" for fault in stored.faults]
    if stored is not None and stored.values:
        expected = count_parameters(model)
        values = expected.total + buffers(model)
        tied = model.tied and stored.values == values + expected.embeddings
        if not stored.packed and stored.values != values and not tied:
            notes.append(
                f"the files hold {stored.values:,} values, but the config means {values:,}: they "
                "are not of the same model, or a part is missing"
            )
        size = sum(weight_bytes(model, expected, wish.dtype or "").values())
        if stored.packed and abs(stored.size - size) > size / 100:
            notes.append(f"the files have {stored.size:,} bytes, as {wish.dtype} it is {size:,}")
    return notes
