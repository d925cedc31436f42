"""Plans of mixtures of experts in the terminal."""

from collections.abc import Iterator
from typing import Final

from agentkit.cli.view.summary import Facts
from agentkit.cli.view.terminal import Row, echo, echo_facts, echo_table
from agentkit.cli.view.words import count
from agentkit.moe.figures import ModelPlan
from agentkit.moe.parameters import Parameters
from agentkit.moe.plan import OVERHEAD, PREFILL

_UNITS: Final = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def show_plan(plan: ModelPlan, name: str) -> None:
    """Print a plan.

    Args:
        plan: The plan.
        name: What it is of.
    """
    echo(f"{name}: {plan.model.model_type}", bold=True)
    echo_facts([*_facts(plan), *_fit_facts(plan), *_speed_facts(plan)])
    echo_table("Parameters and bytes by part", [*_rows(plan)])
    for note in plan.notes:
        echo(f"note: {note}")
    assumed = "; ".join(_assumptions(plan))
    echo(f"\nParameters are exact. The rest is arithmetic: {assumed}.", dim=True)


def _facts(plan: ModelPlan) -> Facts:
    model, wish = plan.model, plan.wish
    total, batch = plan.parameters.total, count(wish.batch, "sequence")
    active = f"{_billions(plan.active)} active a token"
    if plan.computing != plan.active:
        active += f" ({_billions(plan.computing)} without embeddings)"
    lines: Facts = [("parameters", f"{_billions(total)}, {active}")]
    if model.expert_layers:
        kept = "" if wish.keep is None else f", {plan.experts} kept"
        lines.append(
            (
                "experts",
                f"{model.experts} in each of {model.expert_layers} layers{kept}; "
                f"a token takes {model.per_token}",
            )
        )
    lines += [
        ("weights", f"{size(plan.weight_bytes)} as {wish.dtype}"),
        ("cache", f"{size(plan.cache)} for {batch} of {wish.context:,} tokens"),
        ("workspace", f"{size(plan.workspace)} (estimated)"),
    ]
    if (stored := plan.stored) is not None and stored.values:
        kinds = ", ".join(f"{kind} {size(number)}" for kind, number in stored.dtypes.items())
        lines.append(("files", f"{size(stored.size)}: {kinds}"))
    return lines


def _fit_facts(plan: ModelPlan) -> Facts:
    fit, wish = plan.fit, plan.wish
    if fit is None or wish.gpu_memory is None:
        return []
    cards = count(wish.gpus, "card")
    verdict = "yes" if fit.fits else "no"
    needed = f"{size(fit.needed)} needed, {size(fit.usable)} usable on each"
    lines: Facts = [("fits", f"{verdict}, on {cards} of {size(wish.gpu_memory)}: {needed}")]
    if fit.fits:
        lines.append(("largest batch", f"{fit.largest_batch:,} of {wish.context:,} tokens"))
    model = plan.model
    if model.expert_layers:
        experts = "not even the experts of one token fit"
        if fit.most_experts is not None:
            experts = f"{fit.most_experts} of {model.experts} of each layer fit"
        lines.append(("experts", experts))
    return lines


def _speed_facts(plan: ModelPlan) -> Facts:
    speed, batch = plan.speed, plan.wish.batch
    if speed is None:
        return []
    each = f" ({speed.tokens_per_s / batch:,.1f} each)" if batch > 1 else ""
    lines = [("speed", f"at most {speed.tokens_per_s:,.1f} tokens/s{each}: a step of decoding "
              f"reads {size(speed.read)}")]  # fmt: skip
    if plan.model.expert_layers and batch > 1:
        lines.append(("", f"with {speed.distinct_experts:.1f} experts of each layer, on average"))
    return lines


def _rows(plan: ModelPlan) -> Iterator[Row]:
    total = plan.parameters.total
    for name in Parameters.__slots__:
        if number := getattr(plan.parameters, name):
            yield {
                "part": name.replace("_", " "),
                "parameters": f"{number:,}",
                "of all": f"{number / total:.1%}",
                "bytes": size(plan.weights[name]),
            }
    yield {"part": "all", "parameters": f"{total:,}", "bytes": size(plan.weight_bytes)}


def _assumptions(plan: ModelPlan) -> Iterator[str]:
    if plan.fit is not None:
        yield f"{OVERHEAD:.0%} of a card's memory stays free"
        if plan.wish.gpus > 1:
            yield "tensor parallel splits weights evenly and the cache by its heads"
    yield f"prompts are read {PREFILL:,} tokens at a time"
    if plan.speed is not None:
        yield "a step reads each weight that it needs once, and computing takes no time"
        if plan.model.expert_layers and plan.wish.batch > 1:
            yield "tokens choose experts evenly and independently"


def _billions(number: int) -> str:
    return f"{number / 1e9:,.2f} B" if number >= 10**7 else f"{number:,}"


def size(number: int) -> str:
    """Return a number of bytes for people: `83.7 GB`."""
    for factor, unit in _UNITS:
        if number >= factor:
            return f"{number / factor:,.1f} {unit}"
    return f"{number:,} B"
