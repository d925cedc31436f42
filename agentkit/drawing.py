"""Draw a graph: as Mermaid text, or as an SVG laid out in layers."""

from html import escape
from pathlib import Path
from typing import Final

import networkx as nx

from agentkit.graph import Graph
from agentkit.node import Node

_ARROWS: Final = {"value": "-->", "recall": "-. recall .->", "after": "-. after .->"}


def mermaid(graph: Graph) -> str:
    """The graph in Mermaid's language: nodes in order, then the edges that say something new."""
    lines = ["graph TD"]
    lines += [f"    {_mermaid_node(node)}" for node in graph.nodes]
    for source, target, kind in visible_edges(graph):
        lines.append(f"    {source} {_ARROWS[kind]} {target}")
    return "\n".join(lines)


def _mermaid_node(node: Node) -> str:
    label = _label(node)
    if node.function is not None:
        return f'{node.name}[["{label}"]]'
    if node.when is not None:
        return f'{node.name}{{{{"{label}"}}}}'
    return f'{node.name}["{label}"]'


def _label(node: Node) -> str:
    marks = ["each"] if node.each is not None else []
    marks += ["when"] if node.when is not None else []
    return f"{node.name} ({', '.join(marks)})" if marks else node.name


def visible_edges(graph: Graph) -> list[tuple[str, str, str]]:
    """Every edge by value, and of the others those that no longer path implies."""
    reduced = nx.transitive_reduction(graph.digraph)
    return [
        (source, target, data["kind"])
        for source, target, data in graph.digraph.edges(data=True)
        if data["kind"] == "value" or reduced.has_edge(source, target)
    ]


_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 150, 36, 24, 54, 20  # pixels
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;text-anchor:middle;dominant-baseline:central;fill:#1f2933}"
    "rect{fill:#eef4ff;stroke:#4a6fa5;rx:8}.function{fill:#fff4e0;stroke:#b7791f}"
    ".when{stroke-dasharray:5 3}path{fill:none;stroke:#7b8794}.order{stroke-dasharray:4 4}"
)


def draw(graph: Graph, path: Path) -> Path:
    """Write the graph as SVG, or as Mermaid text when the file is no `.svg`."""
    text = svg(graph) if path.suffix.lower() == ".svg" else mermaid(graph) + "\n"
    path.write_text(text, encoding="utf-8")
    return path


def svg(graph: Graph) -> str:
    """The graph as an SVG picture: each node below everything it depends on."""
    layers = _layers(graph)
    widest = max(len(layer) for layer in layers)
    width = widest * (_WIDTH + _GAP_X) - _GAP_X + 2 * _MARGIN
    height = len(layers) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    centres: dict[str, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        left = (width - len(layer) * (_WIDTH + _GAP_X) + _GAP_X) / 2
        for column, name in enumerate(layer):
            x = left + column * (_WIDTH + _GAP_X) + _WIDTH / 2
            centres[name] = (x, _MARGIN + row * (_HEIGHT + _GAP_Y) + _HEIGHT / 2)
    body = [_svg_edge(centres, *edge) for edge in visible_edges(graph)]
    body += [_svg_node(node, centres[node.name]) for node in graph.nodes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">\n<style>{_STYLE}</style>\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#7b8794"/></marker>'
        "</defs>\n" + "\n".join(body) + "\n</svg>\n"
    )


def _layers(graph: Graph) -> list[list[str]]:
    """Nodes by longest distance from a root; in a layer, below the middle of what they need."""
    layers = [list(layer) for layer in nx.topological_generations(graph.digraph)]
    layers[0].sort(key=lambda name: graph.index[name])
    place = {name: i / len(layers[0]) for i, name in enumerate(layers[0])}
    for layer in layers[1:]:
        wish = {name: _mean([place[n] for n in graph.digraph.predecessors(name)]) for name in layer}
        layer.sort(key=lambda name, wish=wish: (wish[name], graph.index[name]))  # type: ignore[misc]
        place |= {name: (i + 0.5) / len(layer) for i, name in enumerate(layer)}
    return layers


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def _svg_node(node: Node, centre: tuple[float, float]) -> str:
    x, y = centre
    kinds = ("function " if node.function is not None else "") + ("when" if node.when else "")
    return (
        f'<rect class="{kinds.strip()}" x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" '
        f'width="{_WIDTH}" height="{_HEIGHT}"/>'
        f'<text x="{x:g}" y="{y:g}">{escape(_label(node))}</text>'
    )


def _svg_edge(centres: dict[str, tuple[float, float]], source: str, target: str, kind: str) -> str:
    (x1, y1), (x2, y2) = centres[source], centres[target]
    y1, y2 = y1 + _HEIGHT / 2, y2 - _HEIGHT / 2
    bend = max((y2 - y1) / 2, 20)
    dashed = "" if kind == "value" else ' class="order"'
    return (
        f'<path{dashed} marker-end="url(#tip)" '
        f'd="M{x1:g} {y1:g}C{x1:g} {y1 + bend:g} {x2:g} {y2 - bend:g} {x2:g} {y2:g}"/>'
    )
