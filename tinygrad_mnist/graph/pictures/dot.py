"""The picture of a graph in Graphviz's language, DOT."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.graph.pictures.boxes import Box, BoxKind, clean, framed, picture

if TYPE_CHECKING:
    from tinygrad_mnist.graph.pictures.rendering import Drawing

VALUE, GRADIENT = "#1f5a8c", "#b35806"
"""The colours of all that is a value and of all that is a gradient, apart for colour-blind eyes too."""

_GRAPH = {
    "rankdir": "TB", "newrank": "true", "bgcolor": "white", "nodesep": "0.3", "ranksep": "0.35", "pad": "0.2",
    "fontname": "Helvetica", "fontsize": "12",
}  # fmt: skip
_NODE = {"style": "filled", "fontname": "Helvetica", "fontsize": "14", "margin": "0.12,0.06", "height": "0.35"}
_EDGE = {"fontname": "Helvetica", "fontsize": "10", "arrowsize": "0.7"}
_CLUSTER = {
    "style": "rounded,filled",
    "fillcolor": "#f6f6f6",
    "color": "#bbbbbb",
    "fontcolor": "#555555",
    "labeljust": "l",
}

_BOXES: dict[BoxKind, dict[str, str]] = {
    "parameter": {"shape": "cylinder", "fillcolor": "#b9d7ee", "color": VALUE},
    "data": {"shape": "box", "fillcolor": "#e6f0f8", "color": VALUE},
    "constant": {"shape": "plain", "fillcolor": "#ffffff00", "color": VALUE},
    "operation": {"shape": "ellipse", "ordering": "in", "fillcolor": "#ffffff", "color": VALUE},
    "output": {"shape": "ellipse", "ordering": "in", "fillcolor": "#ffffff", "color": VALUE, "peripheries": "2"},
    "layer": {"shape": "tab", "fillcolor": "#d5e6f4", "color": VALUE},
    "vjp": {"shape": "hexagon", "fillcolor": "#fff4e8", "color": GRADIENT, "margin": "0.02,0.02"},
    "sum": {"shape": "trapezium", "fillcolor": "#ffffff", "color": GRADIENT, "margin": "0,0.02"},
    "plus": {"shape": "circle", "fillcolor": "#ffffff", "color": GRADIENT, "margin": "0.02"},
    "gradient": {"shape": "box", "style": "rounded,filled", "fillcolor": "#fbd3a4", "color": GRADIENT},
    "layer vjp": {"shape": "tab", "fillcolor": "#fde6cc", "color": GRADIENT},
}


def draw(
    output: Node | Sequence[Node],
    wrt: Iterable[Node] | None = None,
    backward: bool = False,
    values: bool = False,
    depth: int | None = None,
) -> Drawing:
    """A `graphviz.Digraph` of what an output, or several, was computed from. It shows itself in a notebook.

    Rectangles are data, cylinders parameters, ellipses operations, a double ellipse the output, bare numbers
    constants; the shapes of the arrays stand on the arrows. Layers are frames named after the parameters: "W1"
    and "b1" belong to "layer1", "encoder.weight" to "encoder".

    wrt: only what leads from these nodes to the output.
    backward: the backward pass beside the forward one. A hexagon is an operation's vjp, at the operation's
        height; a rounded box the gradient of a leaf; "Σ over axis 0" undoes a broadcast; + adds up what
        reaches a value by several ways. An output that is no scalar starts with ones.
    values: small values are written out, of large ones the range.
    depth: how many levels of layers are opened, 0 for each layer as one box. By default all, unless the picture
        has more than 500 boxes.

    `.source` is its DOT text. `.render(outfile="graph.svg")` writes SVG, PNG or PDF, `.pipe("svg")` gives it as
    bytes: by the program `dot`, else by pygraphviz (`pip install 'tinygrad-mnist[viz]'`), else an error says so.

    Raises GraphError for an output that no graph leads to or that does not depend on wrt, TypeError for what is
    no tensor, ValueError for a negative depth and for the backward pass of several outputs.
    """
    from tinygrad_mnist.graph.pictures.rendering import Drawing

    drawn = picture(output, wrt, backward, values, depth)
    dot = Drawing(graph_attr=_GRAPH, node_attr=_NODE, edge_attr=_EDGE)
    _add_boxes(dot, drawn.boxes, drawn.spine())
    for arrow in drawn.arrows:
        if arrow.kind == "value":
            dot.edge(arrow.source, arrow.target, _beside(arrow.label), color=VALUE, fontcolor=VALUE)
        elif arrow.kind == "gradient":
            dot.edge(arrow.target, arrow.source, _beside(arrow.label), color=GRADIENT, fontcolor=GRADIENT, dir="back")
        else:
            dot.edge(arrow.source, arrow.target, color="#999999", style="dotted", arrowhead="none")
    for upper, lower in drawn.below():
        dot.edge(upper, lower, style="invis")
    for pair in drawn.pairs:
        with dot.subgraph(graph_attr={"rank": "same"}) as side_by_side:
            for key in pair:
                side_by_side.node(key)
    return dot


def _add_boxes(dot: Any, boxes: Sequence[Box], columns: Mapping[str, str], level: int = 0) -> None:
    """The boxes, and a frame around those of each layer, which may hold frames of its own.

    columns: what stands straight below each other.
    """
    outside, frames = framed(boxes, level)
    for box in outside:
        column = {"group": columns[box.key]} if box.key in columns else {}
        dot.node(box.key, **_label(box), tooltip=_text(box.tooltip, readings=2), **_BOXES[box.kind], **column)
    for scope, members in frames.items():
        cluster = f"cluster_{members[0].key}_{level}"
        with dot.subgraph(name=cluster, graph_attr={"label": _text(scope[-1]), **_CLUSTER}) as frame:
            _add_boxes(frame, members, columns, level + 1)


def _label(box: Box) -> dict[str, str]:
    """The first line large, a symbol larger still, the others small beneath it."""
    first, *others = map(_text, box.lines)
    size = "18" if len(box.lines[0]) == 1 and box.kind in ("operation", "output") else "14"
    if not others:
        return {"label": first, "fontsize": size}
    small = "".join(f'<BR/><FONT POINT-SIZE="10">{line}</FONT>' for line in others)
    return {"label": f'<<FONT POINT-SIZE="{size}">{first}</FONT>{small}>'}


def _beside(label: str) -> str:
    """A label of an arrow, a little away from its line."""
    return f" {label} " if label else ""


def _text(text: str, readings: int = 1) -> str:
    """Text for Graphviz, which reads entities, and sequences such as \\N as often as is told."""
    return escape(clean(text), quote=False).replace("\\", "\\" * 2**readings)
