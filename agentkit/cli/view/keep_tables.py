"""Plans of kept experts in the terminal."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Final

from agentkit.cli.view.terminal import Row, echo, echo_facts, echo_table
from agentkit.cli.view.words import count
from agentkit.moe.keep import KeepPlan
from agentkit.moe.keep_loss import KeepReport, MeasuredPlan

_UNITS: Final = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def show_keep(plans: Sequence[KeepPlan], files: Sequence[Path], report: KeepReport | None) -> None:
    """Print plans.

    Args:
        plans: The plans.
        files: Where they were written; nothing if nowhere.
        report: What they cost; None if it was not measured.
    """
    first = plans[0]
    echo(first.keep.model, bold=True)
    facts = [("mass", f"{first.mass:.6g} of the choices of each layer")]
    if first.node:
        echo_facts(facts)
        echo_table("Experts kept for each node", [_node_row(plan) for plan in plans])
    else:
        calls = f"{first.calls:,} to choose from, {first.held_calls:,} held out"
        echo_facts([*facts, ("calls", calls)])
        echo_table("Experts kept in each layer", [*_layer_rows(first)])
    if any(not plan.held_calls for plan in plans):
        echo("note: of calls with one seed nothing is held out: agentkit run --episodes 8")
    if report is not None:
        for measured in report.plans:
            _show_measured(measured)
    for file in files:
        echo(f"written: {file}")
    if not files:
        echo("\nNothing is written without --out.", dim=True)


def _layer_rows(plan: KeepPlan) -> Iterator[Row]:
    for layer, kept in enumerate(plan.keep.layers):
        yield {
            "layer": str(layer),
            "kept": f"{len(kept)} of {plan.keep.experts}",
            "share": f"{plan.train[layer]:.1%}",
            "share held out": f"{plan.held[layer]:.1%}" if plan.held else "",
            "experts": _numbers(kept),
        }
    yield {"layer": "all", **_summary(plan)}


def _node_row(plan: KeepPlan) -> Row:
    return {
        "node": plan.node,
        "calls": str(plan.calls),
        "held out": str(plan.held_calls),
        **_summary(plan),
    }


def _summary(plan: KeepPlan) -> Row:
    return {
        "kept": f"{fmean(map(len, plan.keep.layers)):.4g} of {plan.keep.experts}",
        "share": f"{fmean(plan.train):.1%}",
        "share held out": f"{fmean(plan.held):.1%}" if plan.held else "",
    }


def _numbers(kept: Sequence[int]) -> str:
    shown = " ".join(map(str, kept[:16]))
    return shown if len(kept) <= 16 else f"{shown} ..."


def _show_measured(plan: MeasuredPlan) -> None:
    name = f"node {plan.node}" if plan.node else "the graph"
    if plan.losses:
        of = count(plan.answers, "held-out answer")
        echo_table(f"Loss of {of} of {name}, in nats a token", [*_loss_rows(plan)])
    else:
        echo(f"note: {name} has no held-out answer in text to measure with")
    after, before = _size(plan.bytes_after), _size(plan.bytes_before)
    echo(f"weights of {name}: {after} instead of {before}")


def _loss_rows(plan: MeasuredPlan) -> Iterator[Row]:
    for row in plan.losses:
        spread = f"{len(row.subsets)}: {min(row.subsets, default=0):.3f} to "
        spread += f"{max(row.subsets, default=0):.3f}"
        is_all = row.experts == "all"
        between = f"{row.low:+.3f} to {row.high:+.3f}" if plan.answers > 1 else ""
        yield {
            "experts": row.experts,
            "loss": f"{row.loss:.3f}",
            "more": "" if is_all else f"{row.more:+.3f}",
            "95% of answers": "" if is_all else between,
            "subsets": spread if row.subsets else "",
        }


def _size(number: int) -> str:
    unit, name = next((pair for pair in _UNITS if number >= pair[0]), (1, "bytes"))
    return f"{number / unit:,.1f} {name}" if unit > 1 else f"{number} bytes"
