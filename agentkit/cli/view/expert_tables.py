"""The experts that nodes use, in the terminal: tables, and a heat map of every node."""

import shutil
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from agentkit.cli.view.terminal import Row, echo, echo_facts, echo_table, rich_text
from agentkit.cli.view.words import count
from agentkit.moe.expert_use import MASSES, ExpertProfile, LayerUse, ModelUse, NodeUse
from agentkit.moe.heat_map import LEVELS, colour_of, highest_share, level

if TYPE_CHECKING:
    from rich.text import Text

_SHADES: Final = " ·░▒▓█"
"""Where there are no colours: never chosen, and up to the highest share."""
_MOST_NODES: Final = 8
"""With more nodes, pairs are listed in place of a table of all."""
_MOST_PAIRS: Final = 20


def show_experts(profile: ExpertProfile) -> None:
    """Print a profile."""
    for model in profile.models:
        _show_model(model)
    if profile.silent:
        echo(f"\n{count(profile.silent, 'call')} told of no experts: not counted")


def _show_model(model: ModelUse) -> None:
    check = model.check
    layers = max((len(node.layers) for node in model.nodes), default=0)
    takes = "" if check.per_token is None else f"; a token takes {check.per_token}"
    agree = f"{check.agree:,} of {count(check.calls, 'call')}"
    also = ", those from the cache included" if check.cached else ""
    echo(model.model or "model without a name", bold=True)
    echo_facts(
        [
            ("experts", f"{layers} layers of {model.experts}{takes}"),
            ("counts", f"agree with the tokens of {agree}{also}"),
        ]
    )
    for said in check.disagree:
        echo(f"  {said}", fg="red")
    echo_table("Use of experts, mean over layers", [_node_row(node) for node in model.nodes])
    if rows := [*_overlap_rows(model)]:
        echo_table("Overlap: 1 the same, 0 nothing in common (what chance leaves of 1)", rows)
    _show_maps(model)


def _node_row(node: NodeUse) -> Row:
    return {
        "node": node.node,
        "calls": f"{node.calls:,}",
        "tokens": f"{node.tokens:,}" if node.tokens else "",
        "entropy": f"{node.mean('entropy_bits'):.2f} bits",
        "evenness": f"{node.mean('evenness'):.0%}",
        "effective": f"{node.mean('effective'):.1f}",
        **{f"for {mass:.0%}": f"{node.carrying(mass):.1f}" for mass in MASSES},
    }


def _overlap_rows(model: ModelUse) -> Iterator[Row]:
    names = [node.node for node in model.nodes]
    cells = {one.nodes: f"{one.mean:.3f} ({one.by_chance:.3f})" for one in model.overlaps}
    if len(names) <= _MOST_NODES:
        for row in names[1:]:
            yield {"node": row, **{name: cells.get((name, row), "") for name in names[:-1]}}
        return
    for one in sorted(model.overlaps, key=lambda one: one.mean)[:_MOST_PAIRS]:
        yield {"least alike": " and ".join(one.nodes), "overlap": cells[one.nodes]}


def _show_maps(model: ModelUse) -> None:
    """A heat map of each node: a row for each layer, a column for each expert."""
    highest, coloured = highest_share(model), _has_colours()
    scale = f"a row is a layer, a column an expert; darkest: {highest:.1%} of a layer's choices"
    echo(f"\nExperts of each node ({scale})", bold=True)
    width = max(20, shutil.get_terminal_size().columns - 8)
    each = -(-model.experts // width)
    if each > 1:
        echo(f"  a column is {each} experts, the one with most choices of them", dim=True)
    for node in model.nodes:
        echo(f"  {node.node}", fg="cyan")
        rows = [_levels(layer, highest, each) for layer in node.layers]
        if coloured:
            _print_colours(rows)
        else:
            for number, row in enumerate(rows):
                echo(f"  {number:>4} {''.join(map(_shade, row))}".rstrip())


def _levels(layer: LayerUse, highest: float, each: int) -> list[int]:
    shares = layer.shares
    groups = (shares[start : start + each] for start in range(0, len(shares), each))
    return [level(max(group), highest) for group in groups]


def _shade(level: int) -> str:
    return _SHADES[-(-level * (len(_SHADES) - 1) // (LEVELS - 1))]


def _has_colours() -> bool:
    context = click.get_current_context(silent=True)
    return sys.stdout.isatty() and (context is None or context.color is not False)


def _print_colours(rows: list[list[int]]) -> None:
    """Two layers in a line of blocks: the upper half of each is one, the lower the next."""
    from rich.console import Console

    console = Console(highlight=False)
    for number in range(0, len(rows), 2):
        console.print(_blocks(number, rows[number : number + 2]), no_wrap=True, overflow="ellipsis")


def _blocks(number: int, rows: list[list[int]]) -> "Text":
    text = rich_text("").append(f"  {number:>4} ", "dim")
    for column, upper in enumerate(rows[0]):
        style = colour_of(upper)
        if len(rows) > 1:
            style += f" on {colour_of(rows[1][column])}"
        text.append("▀", style)
    return text
