"""Draw a graph: as Mermaid text, or as an SVG laid out in layers."""

from base64 import b64encode
from html import escape
from pathlib import Path
from typing import Final

import networkx as nx

from agentkit.errors import InputError
from agentkit.graph.graph import Graph
from agentkit.graph.node import Node

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


_WIDTH, _BEND, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 150, 24, 36, 20, 44, 20  # pixels
_STYLE: Final = (
    "text{font:13px system-ui,sans-serif;text-anchor:middle;fill:#1f2933}"
    "rect{fill:#eef4ff;stroke:#4a6fa5}.function{fill:#fff4e0;stroke:#b7791f}"
    ".when{stroke-dasharray:5 3}path{fill:none;stroke:#7b8794}.order{stroke-dasharray:4 4}"
)
NodePlace = tuple[str, ...]
"""A place in a layer: (node,), or (source, target, layer) where a long edge passes."""


def draw(graph: Graph, path: Path) -> Path:
    """Write the graph as SVG (`.svg`) or as Mermaid text (`.mmd`, `.md`, `.txt`).

    Raises:
        InputError: The file has another suffix, or cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in (".svg", ".mmd", ".md", ".txt"):
        raise InputError(
            f"cannot draw {path}: name a file that ends in .svg, or in .mmd, .md or .txt for "
            "Mermaid text"
        )
    text = svg(graph) if suffix == ".svg" else f"{mermaid(graph)}\n"
    if suffix == ".md":
        text = f"```mermaid\n{text}```\n"
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
    return path


def svg(graph: Graph) -> str:
    """The graph as an SVG picture: each node below everything it depends on.

    Edges that a longer path implies are left out; long edges pass between the nodes.
    """
    reduced = nx.transitive_reduction(graph.digraph)
    layers = _layers(graph, reduced)
    width = max(sum(_wide(p) + _GAP_X for p in layer) for layer in layers) - _GAP_X + 2 * _MARGIN
    height = len(layers) * (_HEIGHT + _GAP_Y) - _GAP_Y + 2 * _MARGIN
    points: dict[NodePlace, tuple[float, float]] = {}
    for row, layer in enumerate(layers):
        x = (width - sum(_wide(p) + _GAP_X for p in layer) + _GAP_X) / 2
        for place in layer:
            points[place] = (x + _wide(place) / 2, _MARGIN + row * (_HEIGHT + _GAP_Y))
            x += _wide(place) + _GAP_X
    rows = {place[0]: row for row, layer in enumerate(layers) for place in layer if len(place) == 1}
    body = []
    for source, target in reduced.edges:
        passes = [(source, target, str(row)) for row in range(rows[source] + 1, rows[target])]
        stops = [points[(source,)], *(points[p] for p in passes), points[(target,)]]
        body.append(_svg_edge(stops, graph.digraph.edges[source, target]["kind"]))
    body += [_svg_node(node, points[(node.name,)]) for node in graph.nodes]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">\n<style>{_STYLE}</style>\n'
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0 0L8 4L0 8z" style="fill:#7b8794"/></marker>'
        "</defs>\n" + "\n".join(body) + "\n</svg>\n"
    )


MOST_DRAWN: Final = 200
"""How many nodes a drawing in a notebook has."""


def html(graph: Graph) -> str:
    """Return the drawing for a notebook; of a graph of more than 200 nodes their names.

    It is a picture, so that nothing of it can change the page around it.
    """
    if len(graph.nodes) > MOST_DRAWN:
        return f"<code>{escape(repr(graph))}</code>"
    data = b64encode(svg(graph).encode()).decode()
    about = escape(repr(graph), quote=True)
    return f'<img style="max-width:100%" alt="{about}" src="data:image/svg+xml;base64,{data}">'


def _wide(place: NodePlace) -> int:
    return _WIDTH if len(place) == 1 else _BEND


def _layers(graph: Graph, reduced: "nx.DiGraph[str]") -> list[list[NodePlace]]:
    """Nodes by longest distance from a root, each layer ordered by what stands above it."""
    generations = list(nx.topological_generations(graph.digraph))
    row = {name: i for i, names in enumerate(generations) for name in names}
    layers: list[list[NodePlace]] = [[(name,) for name in names] for names in generations]
    above: dict[NodePlace, list[NodePlace]] = {place: [] for layer in layers for place in layer}
    for source, target in reduced.edges:
        last: NodePlace = (source,)
        for between in range(row[source] + 1, row[target]):
            place = (source, target, str(between))
            layers[between].append(place)
            above[place] = [last]
            last = place
        above[(target,)].append(last)
    layers[0].sort(key=lambda place: graph.index[place[0]])
    across: dict[NodePlace, float] = {}
    for layer in layers:
        wish = {p: sum(across[a] for a in above[p]) / max(len(above[p]), 1) for p in layer}
        layer.sort(key=wish.__getitem__)
        across |= {place: (i + 0.5) / len(layer) for i, place in enumerate(layer)}
    return layers


def _svg_node(node: Node, point: tuple[float, float]) -> str:
    x, y = point
    kinds = ("function " if node.function is not None else "") + ("when" if node.when else "")
    return (
        f'<rect class="{kinds.strip()}" x="{x - _WIDTH / 2:g}" y="{y:g}" rx="8" '
        f'width="{_WIDTH}" height="{_HEIGHT}"/>'
        f'<text x="{x:g}" y="{y + _HEIGHT / 2 + 4.5:g}">{escape(_label(node))}</text>'
    )


def _svg_edge(stops: list[tuple[float, float]], kind: str) -> str:
    """A line from the bottom of a node, straight through the layers it passes, to the next."""
    x, y = stops[0][0], stops[0][1] + _HEIGHT
    path = f"M{x:g} {y:g}"
    for next_x, next_y in stops[1:]:
        middle = (y + next_y) / 2
        path += f"C{x:g} {middle:g} {next_x:g} {middle:g} {next_x:g} {next_y:g}"
        x, y = next_x, next_y + _HEIGHT
        if (next_x, next_y) != stops[-1]:
            path += f"V{y:g}"
    dashed = "" if kind == "value" else ' class="order"'
    return f'<path{dashed} marker-end="url(#tip)" d="{path}"/>'
