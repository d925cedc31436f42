"""A profile of experts as one HTML page that needs nothing else."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from agentkit.moe.expert_use import MASSES, ExpertProfile, ModelUse, NodeUse
from agentkit.moe.heat_map import LEVELS, colour_of, heat_map, highest_share

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 960px; padding: 0 1rem;
  color: #1a2433; background: #fff; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
h3 { font-size: 1rem; margin: 1.6rem 0 .3rem; }
table { border-collapse: collapse; margin: .6rem 0; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .7rem; text-align: right; border-bottom: 1px solid #e3e8ef; }
th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; color: #4a5870; }
.wide { overflow-x: auto; }
.maps { display: flex; flex-wrap: wrap; gap: 1.2rem 2rem; } figure { margin: 0; max-width: 100%; }
figcaption { font-weight: 600; margin-bottom: .2rem; }
svg { max-width: 100%; height: auto; } svg text { font: 9px system-ui, sans-serif; fill: #6b7789; }
.legend { display: flex; align-items: center; gap: .5rem; color: #4a5870; font-size: .85rem; }
.legend i { display: inline-block; width: 9px; height: 12px; }
.note { color: #4a5870; } .wrong { color: #a12020; }
"""
_COLUMNS: Final = ("node", "calls", "tokens", "entropy (bits)", "evenness", "effective experts")


def html_report(profile: ExpertProfile) -> str:
    """Return a profile as a page of HTML, with a heat map of every node."""
    parts = [part for model in profile.models for part in _model(model)]
    title = f"Experts used in {escape(profile.folder)}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n"
        f"<body><h1>{title}</h1>\n{chr(10).join(parts)}\n</body></html>\n"
    )


def _model(model: ModelUse) -> Iterator[str]:
    check, highest = model.check, highest_share(model)
    layers = max((len(node.layers) for node in model.nodes), default=0)
    yield f"<h2>{escape(model.model or 'model without a name')}</h2>"
    takes = "" if check.per_token is None else f"; a token takes {check.per_token}"
    yield f"<p>{layers} layers of {model.experts} experts{takes}.</p>"
    kind = "note" if check.agree == check.calls else "wrong"
    yield f'<p class="{kind}">The counts of {check.agree:,} of {check.calls:,} calls agree with '
    yield "their tokens.</p>"
    yield from (f'<p class="wrong">{escape(said)}</p>' for said in check.disagree)
    yield _table([*_COLUMNS, *(f"experts for {mass:.0%}" for mass in MASSES)], _rows(model.nodes))
    yield '<p class="note">Means over all layers. Evenness is the entropy as a share of the '
    yield "highest; the last columns say how many experts of a layer carry that share of a node's "
    yield "choices.</p>"
    if model.overlaps:
        yield "<h3>How alike nodes use experts</h3>"
        yield _overlaps(model)
        yield '<p class="note">1 less the Jensen-Shannon divergence in bits, mean over layers: 1 '
        yield "is the same, 0 is no expert in common. In parentheses: about what nodes that use "
        yield "experts alike would show, for as few tokens.</p>"
    yield _legend(highest)
    maps = "".join(
        f"<figure><figcaption>{escape(node.node)}</figcaption>{heat_map(node, highest)}</figure>"
        for node in model.nodes
    )
    yield f'<div class="maps">{maps}</div>'


def _rows(nodes: Sequence[NodeUse]) -> Iterator[list[str]]:
    for node in nodes:
        means = (node.mean("entropy_bits"), node.mean("evenness"), node.mean("effective"))
        yield [
            node.node,
            f"{node.calls:,}",
            f"{node.tokens:,}",
            f"{means[0]:.2f}",
            f"{means[1]:.0%}",
            f"{means[2]:.1f}",
            *(f"{node.carrying(mass):.1f}" for mass in MASSES),
        ]


def _table(head: Sequence[str], rows: Iterator[list[str]]) -> str:
    lines = [_row("th", head), *(_row("td", cells) for cells in rows)]
    return f'<div class="wide"><table>{"".join(lines)}</table></div>'


def _row(kind: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{kind}>{escape(cell)}</{kind}>" for cell in cells) + "</tr>"


def _overlaps(model: ModelUse) -> str:
    names = [node.node for node in model.nodes]
    found = {one.nodes: one for one in model.overlaps}

    def cell(row: str, column: str) -> str:
        one = found.get((row, column)) or found.get((column, row))
        return "" if one is None else f"{one.mean:.3f} ({one.by_chance:.3f})"

    return _table(["", *names], ([row, *(cell(row, column) for column in names)] for row in names))


def _legend(highest: float) -> str:
    steps = "".join(f'<i style="background:{colour_of(one)}"></i>' for one in range(LEVELS))
    return (
        "<h3>Each node's experts</h3>"
        f'<p class="legend">never chosen <span>{steps}</span> {highest:.1%} of the choices in a '
        "layer &middot; a row is a layer, a column an expert</p>"
    )
