"""The picture of a graph, drawn by Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.description import Kind, Vertex, describe

if TYPE_CHECKING:
    from graphviz import Digraph

_STYLE: dict[Kind, dict[str, str]] = {
    "parameter": {"shape": "box3d", "fillcolor": "#fde3a7"},
    "data": {"shape": "box", "fillcolor": "#d6e6f4"},
    "constant": {"shape": "plaintext", "fillcolor": "#ffffff00"},
    "operation": {"shape": "ellipse", "fillcolor": "#ffffff"},
    "output": {"shape": "doublecircle", "fillcolor": "#d5efd5"},
}


def draw(output: Node) -> Digraph:
    """A `graphviz.Digraph` of what the output was computed from: it shows itself in a notebook.

    Boxes are data, raised boxes parameters, ellipses operations, the double circle is the output; the
    shapes of the arrays stand on the arrows. `.source` is its text in the DOT language; `.render()` and
    `.save()` write files, and rendering needs Graphviz's `dot` program.
    """
    from graphviz import Digraph

    picture = Digraph(
        graph_attr={"rankdir": "LR", "bgcolor": "white", "nodesep": "0.25", "ranksep": "0.35"},
        node_attr={"style": "filled", "fontname": "Helvetica", "fontsize": "13", "color": "#444444"},
        edge_attr={"fontname": "Helvetica", "fontsize": "10", "color": "#666666", "fontcolor": "#666666"},
    )
    description = describe(output)
    for vertex in description.vertices:
        picture.node(vertex.key, _label(vertex), **_STYLE[vertex.kind])
    for edge in description.edges:
        picture.edge(edge.source, edge.target, " × ".join(map(str, edge.shape)))
    return picture


def _label(vertex: Vertex) -> str:
    from graphviz import escape

    named = vertex.name and vertex.name != vertex.label
    return str(escape(f"{vertex.label}\n{vertex.name}" if named else vertex.label))
