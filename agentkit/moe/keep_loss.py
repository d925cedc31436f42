"""What a mixture loses with a part of its experts: measured on recorded answers, held out."""

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from math import fsum
from pathlib import Path
from typing import Any, Final

from agentkit.environments.estimates import bootstrap
from agentkit.errors import InputError
from agentkit.models.local.transformers.chat import prompt_ids
from agentkit.models.local.transformers.checkpoint import read_checkpoint
from agentkit.models.local.transformers.expert_keep import ExpertKeep, mask_experts
from agentkit.models.local.transformers.experts import checkpoint_experts, expert_modules
from agentkit.models.local.transformers.loading import load_checkpoint
from agentkit.moe.keep import (
    KeepPlan,
    RoutedCall,
    add_counts,
    of_node,
    split_by_seed,
    top_experts,
)

SUBSETS: Final = 5
"""How many random subsets are measured."""
MOST_CALLS: Final = 50
"""How many calls are measured, spread over all."""


@dataclass(frozen=True, slots=True)
class AnswerTokens:
    """A recorded answer after what was asked, as tokens of a model."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class KeepLoss:
    """The loss of recorded answers with a choice of experts."""

    experts: str
    """Which: `all`, `kept`, `random`, or `top of graph`."""
    loss: float
    """Mean negative log-likelihood of a token of the answers, in nats."""
    more: float
    """How much more that is than with all experts."""
    low: float
    """The lower end of the 95% interval of that, by drawing the calls anew."""
    high: float
    """The upper end."""
    subsets: tuple[float, ...] = ()
    """The loss with each random subset."""


def load_for_loss(folder: Path) -> tuple[Any, Any]:
    """Load a checkpoint and its tokenizer.

    Raises:
        InputError: It cannot be loaded, or is a dense model.
    """
    info = read_checkpoint(folder)
    own = info.dtype if info.dtype != "float64" else "float32"
    loaded = load_checkpoint(info, dtype=own, device="cpu")
    model, tokenizer = loaded.model, loaded.tokenizer
    if not expert_modules(model):
        raise InputError(f"{folder} is a dense model: it has no experts to keep")
    return model, tokenizer


def answer_tokens(calls: Sequence[RoutedCall], tokenizer: Any, longest: int) -> list[AnswerTokens]:
    """Return recorded answers as tokens, those that were usable text and fit into the model.

    Args:
        calls: The calls.
        tokenizer: The model's, with its chat template.
        longest: Tokens of prompt and answer together; longer ones are left out.
    """
    found = []
    for call in calls:
        if not call.text or any(message.images for message in call.messages):
            continue
        prompt = prompt_ids(tokenizer, call.messages)
        answer = tokenizer(call.text, add_special_tokens=False).input_ids
        if prompt and answer and len(prompt) + len(answer) <= longest:
            found.append(AnswerTokens(tuple(prompt), tuple(answer)))
    return found


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """Return at most so many items, evenly spread over all."""
    if len(items) <= most:
        return [*items]
    return [items[place * len(items) // most] for place in range(most)]


def answer_losses(model: Any, answers: Sequence[AnswerTokens]) -> list[float]:
    """Return the negative log-likelihood of each answer after its prompt, summed, in nats."""
    import torch

    losses = []
    with torch.inference_mode():
        for one in answers:
            ids = torch.tensor([[*one.prompt, *one.answer]], device=model.device)
            logits = model(ids, logits_to_keep=len(one.answer) + 1).logits[0, :-1]
            chances = logits.float().log_softmax(-1)  # (answer, vocabulary)
            chosen = chances.gather(1, ids[0, -len(one.answer) :, None])
            losses.append(-float(chosen.sum()))
    return losses


def measure_keep(
    model: Any,
    answers: Sequence[AnswerTokens],
    kept: Mapping[str, ExpertKeep],
    *,
    subsets: int = SUBSETS,
) -> list[KeepLoss]:
    """Measure recorded answers with all experts, with kept ones, and with random ones.

    Args:
        model: The mixture; it is as before afterwards.
        answers: The answers.
        kept: Choices of experts by what they are called. Random subsets have the sizes of the
            first.
        subsets: How many random subsets, with the seeds from 0.

    Raises:
        InputError: A choice does not fit the model, or there is no answer.
    """
    if not answers:
        raise InputError("there is no held-out answer to measure with")
    sizes = [len(layer) for layer in next(iter(kept.values())).layers]
    experts, lengths = checkpoint_experts(model), [len(one.answer) for one in answers]
    whole = answer_losses(model, answers)

    def with_experts(keep: ExpertKeep) -> list[float]:
        with _masked(model, keep):
            return answer_losses(model, answers)

    found = [_compared("all", whole, whole, lengths)]
    found += [_compared(name, with_experts(keep), whole, lengths) for name, keep in kept.items()]
    drawn = [
        with_experts(ExpertKeep(experts, _drawn(experts, sizes, seed))) for seed in range(subsets)
    ]
    if drawn:
        mean = [fsum(losses) / len(drawn) for losses in zip(*drawn, strict=True)]
        each = tuple(fsum(losses) / sum(lengths) for losses in drawn)
        found.append(_compared("random", mean, whole, lengths, each))
    return found


@contextmanager
def _masked(model: Any, keep: ExpertKeep) -> Iterator[None]:
    undo = mask_experts(model, keep)
    try:
        yield
    finally:
        undo()


def _drawn(experts: int, sizes: Sequence[int], seed: int) -> tuple[tuple[int, ...], ...]:
    draw = random.Random(seed)
    return tuple(tuple(sorted(draw.sample(range(experts), size))) for size in sizes)


def _compared(
    name: str,
    losses: Sequence[float],
    whole: Sequence[float],
    lengths: Sequence[int],
    subsets: tuple[float, ...] = (),
) -> KeepLoss:
    """A row of the table; the interval is over calls, each with its own difference."""
    calls = [*zip(losses, whole, lengths, strict=True)]
    more = _more(calls)
    low, high = bootstrap(_more, calls) if len(calls) > 1 else (more, more)
    return KeepLoss(name, fsum(losses) / sum(lengths), more, low, high, subsets)


def _more(calls: Sequence[tuple[float, float, int]]) -> float:
    return fsum(one - whole for one, whole, _ in calls) / sum(tokens for _, _, tokens in calls)


def kept_bytes(model: Any, keep: ExpertKeep) -> tuple[int, int]:
    """Return the bytes of a model's weights, and those that are left with kept experts only."""
    total = sum(one.numel() * one.element_size() for one in model.parameters())
    freed = 0
    for experts, kept in zip(expert_modules(model).values(), keep.layers, strict=True):
        size = sum(one.numel() * one.element_size() for one in experts.parameters())
        freed += size // keep.experts * (keep.experts - len(kept))
    return total, total - freed


@dataclass(frozen=True, slots=True)
class MeasuredPlan:
    """What a plan costs and saves."""

    node: str
    """The node it is for; empty: the whole graph."""
    answers: int
    """The held-out answers it was measured on; 0: there are none that could be measured."""
    losses: tuple[KeepLoss, ...]
    """With all experts, with kept ones, with others."""
    bytes_before: int
    """Of all weights in memory."""
    bytes_after: int
    """Of the weights with kept experts."""


@dataclass(frozen=True, slots=True)
class KeepReport:
    """What the plans of a run cost and save."""

    plans: tuple[MeasuredPlan, ...]

    def as_json(self) -> dict[str, Any]:
        """Return all figures, with names."""
        return {"measured": [asdict(plan) for plan in self.plans]}


def report_keep(
    model: Any,
    tokenizer: Any,
    calls: Sequence[RoutedCall],
    plans: Sequence[KeepPlan],
    most: int = MOST_CALLS,
) -> KeepReport:
    """Measure plans on the answers that were held out from them.

    Args:
        model: The mixture.
        tokenizer: Its tokenizer, with a chat template.
        calls: All calls of the run.
        plans: The plans. That of a node is compared with the top experts of the graph too.
        most: How many answers of each plan are measured, at most.
    """
    train, held = split_by_seed(calls)
    longest = getattr(model.config.get_text_config(), "max_position_embeddings", None) or 1 << 20
    whole = add_counts(train, checkpoint_experts(model))
    measured = []
    for plan in plans:
        mine = of_node(held, plan.node) if plan.held_calls else []
        answers = spread(answer_tokens(mine, tokenizer, longest), most)
        choices = {"kept": plan.keep}
        if plan.node:
            sizes = [len(layer) for layer in plan.keep.layers]
            choices["top of graph"] = ExpertKeep(plan.keep.experts, top_experts(whole, sizes))
        losses = tuple(measure_keep(model, answers, choices)) if answers else ()
        before, after = kept_bytes(model, plan.keep)
        measured.append(MeasuredPlan(plan.node, len(answers), losses, before, after))
    return KeepReport(tuple(measured))
