"""A recorded graph in neutral words: vertices and edges, whatever the operations are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tinygrad_mnist.engine import Node

Kind = Literal["parameter", "data", "number", "operation", "output"]


@dataclass(frozen=True)
class Vertex:
    """A value of the graph. label: the operation's symbol, a leaf's name, or a number."""

    key: str
    kind: Kind
    label: str
    name: str | None
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Edge:
    """A value that flows from one vertex into another."""

    source: str
    target: str
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Description:
    """Vertices in the order in which they were made, inputs before their users; and the edges between them."""

    vertices: list[Vertex]
    edges: list[Edge]


def describe(output: Node) -> Description:
    """All that an output was computed from. A Python number is a vertex of its own wherever it is used."""
    nodes = _reachable(output)
    keys = {node: f"n{number}" for number, node in enumerate(nodes)}
    vertices = []
    edges = []
    for node, key in keys.items():
        for position, x in enumerate(node.inputs):
            if isinstance(x, Node):
                edges.append(Edge(keys[x], key, x.shape))
            else:
                number = f"{key}_{position}"
                vertices.append(Vertex(number, "number", f"{x:g}", None, ()))
                edges.append(Edge(number, key, ()))
        vertices.append(_vertex(node, key, node is output))
    return Description(vertices, edges)


def _reachable(output: Node) -> list[Node]:
    found, seen = [output], {output}
    for node in found:
        for x in node.inputs:
            if isinstance(x, Node) and x not in seen:
                seen.add(x)
                found.append(x)
    return sorted(found, key=lambda node: node.born)


def _vertex(node: Node, key: str, is_output: bool) -> Vertex:
    if node.op is None:
        kind: Kind = "parameter" if node.requires_grad else "data"
        label = node.name or ("number" if node.shape == () else "data")
    else:
        kind = "output" if is_output else "operation"
        label = node.op.label
    return Vertex(key, kind, label, node.name, node.shape)
