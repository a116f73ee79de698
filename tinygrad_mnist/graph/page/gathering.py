"""What the page shows of an output: its values and their numbers, each vjp run once."""

from __future__ import annotations

import linecache
import os
from collections import Counter
from typing import Any

from tinygrad_mnist.engine import Node
from tinygrad_mnist.engine.errors import GraphError, no_graph
from tinygrad_mnist.graph.description import Vertex, describe
from tinygrad_mnist.graph.layers import error_of
from tinygrad_mnist.graph.page import health, terms
from tinygrad_mnist.graph.page.maps import grids
from tinygrad_mnist.graph.page.naming import names, written
from tinygrad_mnist.graph.page.rules import Rules
from tinygrad_mnist.graph.page.storage import Storage
from tinygrad_mnist.graph.playback import play
from tinygrad_mnist.graph.symbolic.markup import mathml
from tinygrad_mnist.graph.symbolic.names import Name, partial
from tinygrad_mnist.graph.symbolic.pieces import Text

LIMIT = 2000
"""How many values a page can show."""
WIDEST = 24
"""How many characters of a name stand in the graph."""

Account = dict[str, Any]


class Gathering:
    """Collects what the page shows of one output."""

    def __init__(self, output: Node, gradient: Any = None) -> None:
        if isinstance(output, Node) and output.op is None:
            raise GraphError(no_graph(output))
        self.graph = describe(output)
        self.shown = {vertex.key: vertex for vertex in self.graph.vertices if vertex.kind != "constant"}
        if (count := len(self.shown)) > LIMIT:
            raise ValueError(f"a page shows up to {LIMIT} values, and this graph has {count}: explore part of it")
        self.output = self.graph.key(output)
        self.rules = Rules()
        self.played = play(output, gradient, self.rules.pull)
        self.named = names(self.graph)
        self.names: dict[str, str] = {key: name.text for key, name in self.named.items()}
        self.grids = grids(self.graph)
        self.storage = Storage()
        self.uses = Counter(self.graph.key(share.node) for step in self.played for share in step.shares)
        self.gradients = {self.output: self.played[0].cotangent} | {
            self.graph.key(share.node): share.total for step in self.played for share in step.shares
        }

    def vertices(self) -> list[Account]:
        """The values, in the order of the forward pass."""
        return [self._vertex(vertex) for vertex in self.shown.values()]

    def partial(self, key: str) -> Name:
        """∂L/∂value."""
        return partial(self.named[self.output], self.named[key])

    def _vertex(self, vertex: Vertex) -> Account:
        key, value = vertex.key, self.graph.value(vertex.key)
        gradient = self.gradients.get(key)
        caption = self._caption(vertex)
        size = " × ".join(map(str, vertex.shape)) if vertex.shape else f"= {value.item():.3g}"
        below = size if caption == self.names[key] else f"{self.names[key]} {size}"
        return {
            "key": key,
            "kind": vertex.kind,
            "name": self.names[key],
            "caption": caption,
            "width": max(10 * len(caption), 7.6 * len(below), 30) + 28,
            "beside": 8 if gradient is None or gradient.shape else 60,
            "op": vertex.op,
            "params": vertex.params,
            "dtype": vertex.dtype,
            "source": _source(vertex),
            "layer": " · ".join(vertex.scope),
            "grid": self.grids.get(key),
            "value": self.storage.add(value),
            "gradient": None if gradient is None else self.storage.add(gradient),
            "uses": self.uses[key],
            "error": error_of(vertex.name or ""),
            "marks": health.marks(vertex.op, value, gradient, vertex.kind == "parameter"),
            "norms": [f"{health.norm(x):.3g}" for x in (value, gradient) if x is not None],  # as text: JSON has no NaN
            **(self._operation(vertex) if vertex.op else {}),
        }

    def _caption(self, vertex: Vertex) -> str:
        """The operation's symbol with the numbers it takes: "× 3"; a leaf's name."""
        if not vertex.op:
            name = self.names[vertex.key]
            return name if len(name) <= WIDEST else f"{name[: WIDEST - 1]}…"
        constants = ["" if key in self.shown else self.names[key] for key in self.graph.operands(vertex.key)]
        return " ".join([*constants[:1], "transpose" if vertex.label == "ᵀ" else vertex.label, *constants[1:]]).strip()

    def _operation(self, vertex: Vertex) -> Account:
        node = self.graph.node(vertex.key)
        product = terms.product(node)
        operands = [
            {
                "key": key if key in self.shown else None,
                "name": self.names[key],
                "value": self.storage.add(self.graph.value(key)),
                "local": None if product else self._local(node, position),
            }
            for position, key in enumerate(self.graph.operands(vertex.key))
        ]
        formula = equation(self.named[vertex.key].latex, written(vertex, self.named, self.graph).latex)
        return {"operands": operands, "product": product, "formula": formula}

    def _local(self, node: Node, position: int) -> Account | None:
        pull = self.rules.again(node, position)
        return pull and terms.local(pull, node.shape, node.inputs[position].shape, self.storage)


def equation(left: Text, right: Text) -> str:
    """MathML of left = right; of one side where both are the same."""
    return mathml(right if left == right else f"{left} = {right}")


def _source(vertex: Vertex) -> Account | None:
    if vertex.source is None:
        return None
    file, line = vertex.source
    return {"file": os.path.basename(file), "line": line, "text": linecache.getline(file, line).strip()}
