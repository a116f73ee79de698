"""A recorded graph in neutral words: vertices and edges, whatever the operations are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import GraphError, Node, errors
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.graph.layers import Layers, Scope
from tinygrad_mnist.graph.recording import Recording
from tinygrad_mnist.screens.cell import cell, dimensions, line, table

SHOWN = 100
"""How many vertices a notebook shows."""

Kind = Literal["parameter", "data", "constant", "operation", "output"]


@dataclass(frozen=True)
class Vertex:
    """A value of the graph.

    key: unique in its description. kind: a parameter is a leaf that requires gradients, data a leaf that does
        not, or an array, a constant a number, an output what the description was asked for.
    label: the operation's symbol, a leaf's name, or a number. name: what it is called, in every reading: the learner's
        own name, else the books', z1 or W1; None where neither has one.
    op, params: the operation's name and its keyword parameters as text; None and "" for a leaf.
    dtype: NumPy's name for it; "int", "float" or "bool" for a Python number.
    source: file and line of the learner's code that made it, where one is known.
    scope: the layers it belongs to, outermost first.
    """

    key: str
    kind: Kind
    label: str
    name: str | None
    op: str | None
    params: str
    shape: tuple[int, ...]
    dtype: str
    requires_grad: bool
    source: tuple[str, int] | None
    scope: Scope


@dataclass(frozen=True)
class Edge:
    """A value that flows from one vertex into another, as the input at this position."""

    source: str
    target: str
    position: int
    shape: tuple[int, ...]


@dataclass(frozen=True, repr=False)
class Description:
    """Vertices in the order in which they were made, inputs before their users; and the edges between them."""

    vertices: list[Vertex]
    edges: list[Edge]
    _values: Mapping[str, Any]
    _keys: Mapping[Node, str]
    layers: Layers

    @property
    def operations(self) -> list[Vertex]:
        """The operations, outputs among them, in the order in which the forward pass ran them."""
        return [vertex for vertex in self.vertices if vertex.op]

    def __repr__(self) -> str:
        return f"Description({len(self.vertices):,} vertices, {len(self.edges):,} edges)"

    def _repr_html_(self) -> str:
        names = {v.key: v.name or (v.label if v.kind == "constant" else v.key) for v in self.vertices}
        rows = [
            (
                names[v.key],
                v.op or v.kind,
                ", ".join(names[key] for key in self.operands(v.key)),
                dimensions(v.shape),
                " › ".join(v.scope),
            )
            for v in self.vertices[:SHOWN]
        ]
        left_out = len(self.vertices) - len(rows)
        ends = [line((f"… and {left_out:,} more", "dim"))] if left_out else []
        return cell(line((f"{self!r}", "bold")), table(("", "operation", "of", "shape", "layer"), rows, "l"), *ends)

    def __contains__(self, node: object) -> bool:
        """Whether a node is described."""
        return node in self._keys

    def node(self, key: str) -> Any:
        """The node behind a vertex, or the Python number or array that was put into an expression as it is."""
        return self._values[key]

    def value(self, key: str) -> NDArray[Any]:
        """The array behind a vertex; of no axes for a number."""
        return np.asarray(plain(self._values[key]))

    def operands(self, key: str) -> list[str]:
        """The keys of what a vertex was computed from, in order."""
        return self._operands.get(key, [])

    @cached_property
    def _operands(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for edge in sorted(self.edges, key=lambda edge: edge.position):
            found.setdefault(edge.target, []).append(edge.source)
        return found

    def key(self, node: Node) -> str:
        """The key of a node's vertex. Raises KeyError for a node that is not described."""
        return self._keys[node]


def describe(output: Node | Sequence[Node], wrt: Iterable[Node] | None = None) -> Description:
    """All that an output, or several, was computed from. A bare number or array is a vertex wherever it is used.

    wrt: only the operations that lead from these nodes to the output, with their operands; a node of wrt then
        stands as a parameter, and an operand that depends on none of them as data.

    Raises GraphError for an output that no graph leads to and for a node of wrt that no output depends on, and
    TypeError for what is not a tensor.
    """
    outputs = _tensors(output, "a graph's output")
    for node in outputs:
        if not node.requires_grad:
            raise GraphError(errors.no_graph(node))
    recording = Recording(*outputs)
    layers = Layers(recording)
    asked = set(_tensors(wrt, "wrt")) if wrt is not None else set[Node]()
    made = _leading(recording, asked) if wrt is not None else set(recording.operations)
    nodes = {x for output in outputs for x in recording.beneath(output, within=made.__contains__)}
    nodes.difference_update(recording.arrays)
    keys = {node: f"n{number}" for number, node in enumerate(sorted(nodes, key=lambda node: node.born))}
    vertices: list[Vertex] = []
    edges: list[Edge] = []
    values: dict[str, Any] = {}
    for node, key in keys.items():
        for position, x in enumerate(node.inputs if node in made else ()):
            origin = keys[x] if isinstance(x, Node) else f"{key}_{position}"
            if not isinstance(x, Node):
                name = layers.name(recording.operands[node][position]) if np.shape(x) else None
                vertices.append(_bare(node.values[position], origin, name, layers.scopes[node]))
                values[origin] = node.values[position]
            edges.append(Edge(origin, key, position, np.shape(node.values[position])))
        kind = _kind(node, made, set(outputs), asked)
        vertices.append(_vertex(node, key, kind, layers.name(node), layers.scopes[node]))
        values[key] = node
    return Description(vertices, edges, values, keys, layers)


def _tensors(given: Any, what: str) -> list[Node]:
    nodes = [given] if isinstance(given, Node) else list(given) if isinstance(given, Iterable) else []
    for node in nodes or [given]:
        if not isinstance(node, Node):
            raise TypeError(f"{what} is a tensor or several, not {type(node).__name__} {node!r:.60}")
    return nodes


def _leading(recording: Recording, wrt: set[Node]) -> set[Node]:
    """The operations through which a gradient may reach nodes of wrt."""
    missing = wrt.difference(recording.nodes)
    if missing:
        raise GraphError(f"the output does not depend on {', '.join(map(errors.describe, missing))}")
    found = recording.between(wrt)
    return {node for node in found if any(x in found for _, x in recording.tensors(node))}


def _kind(node: Node, made: set[Node], outputs: set[Node], wrt: set[Node]) -> Kind:
    if node in made:
        return "output" if node in outputs else "operation"
    if node in wrt or (node.requires_grad and node.op is None):
        return "parameter"
    return "constant" if node.shape == () and not (node.name or node.op) else "data"


def _vertex(node: Node, key: str, kind: Kind, name: str | None, scope: Scope) -> Vertex:
    if kind in ("operation", "output"):
        assert node.op
        label, op, params = node.op.label, node.op.name, readable(node.params)
    else:
        label = name or (node.op.label if node.op else _label(plain(node)) if kind == "constant" else kind)
        op, params = None, ""
    return Vertex(
        key, kind, label, name, op, params, node.shape, str(node.dtype), node.requires_grad, node.source, scope
    )


def _bare(value: Any, key: str, name: str | None, scope: Scope) -> Vertex:
    """A Python number or an array that was put into an expression as it is."""
    shape = np.shape(value)
    kind: Kind = "data" if shape else "constant"
    dtype = str(value.dtype) if isinstance(value, np.ndarray | np.generic) else type(value).__name__
    return Vertex(key, kind, name or _label(value), name, None, "", shape, dtype, False, None, () if shape else scope)


def _label(value: Any) -> str:
    return "data" if np.shape(value) else f"{np.asarray(value).item():g}"


USUAL = {"padding": (0, 0), "dilation": (1, 1)}
"""Of windows over images; what is so is not written."""


def readable(params: Mapping[str, Any]) -> str:
    """Keyword parameters as they are written, without those that are None or False: "axis=0", "index=[1:, 2]"."""
    shown = {
        name: value
        for name, value in params.items()
        if value is not None and value is not False and not (name in USUAL and value == USUAL[name])
    }
    return ", ".join(f"{name}={_index(value) if name == 'index' else _short(value)}" for name, value in shown.items())


def _index(value: Any) -> str:
    parts = value if isinstance(value, tuple) else (value,)
    return f"[{', '.join(map(_short, parts))}]"


def _short(value: Any) -> str:
    if isinstance(value, slice):
        ends = ["" if end is None else str(end) for end in (value.start, value.stop, value.step)]
        return ":".join(ends if value.step is not None else ends[:2])
    if value is Ellipsis:
        return "..."
    if isinstance(value, np.ndarray) and value.size > 4:
        return f"{value.dtype} {' × '.join(map(str, value.shape))}"
    if isinstance(value, np.ndarray | np.generic):
        return str(value.tolist())
    text = " ".join((value.__name__ if isinstance(value, type) else str(value)).split())
    return text if len(text) <= 40 else f"{text[:39]}…"
