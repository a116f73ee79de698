"""The chain rule over a recorded graph, derived symbolically: every value and every gradient as an expression.

The graph is replayed on traced tensors, the engine's own rules are run on them, and what they compute is simplified
(`algebra`). Nothing is typed in: a new operation's rule is derived like any other.
"""

from __future__ import annotations

import contextvars
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.engine import OPS, Node
from tinygrad_mnist.engine.errors import GraphError, describe, no_graph
from tinygrad_mnist.graph.symbolic.algebra import Algebra
from tinygrad_mnist.graph.symbolic.expressions import Fact
from tinygrad_mnist.graph.symbolic.traced import Recording, Traced, pull, record, rule

T = TypeVar("T")

INLINE = 16
"""Up to how many elements a constant without a name is written out as numbers."""


@dataclass(frozen=True)
class Step:
    """One vjp: an operation sends back what reached it to the input at a position."""

    node: Node
    position: int
    input: Node


@dataclass
class Derivation:
    """All that was derived. forward, gradients: the simplest expression of each node, and of ∂output/∂node."""

    recording: Recording
    wrt: list[Node]
    algebra: Algebra = field(default_factory=Algebra)
    forward: dict[Node, Traced] = field(default_factory=dict)
    gradients: dict[Node, Traced] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    layers: Layers = field(init=False)

    @property
    def output(self) -> Node:
        """What is differentiated."""
        return self.recording.output

    @property
    def nodes(self) -> list[Node]:
        """The nodes of the graph, inputs before their users."""
        return self.recording.nodes

    def operands(self, node: Node) -> list[Any]:
        """The expressions that a node's operation is applied to."""
        return [self.forward[x] if isinstance(x, Node) else x for x in self.recording.inputs[node]]

    @property
    def wanted(self) -> set[Node]:
        """The tensors whose gradients were asked for."""
        return set(self.wrt)

    @property
    def facts(self) -> list[Fact]:
        """What was seen in the data, and relied on."""
        return list(dict.fromkeys(self.algebra.facts))


def derived(reading: Callable[[Derivation], T], output: Node, wrt: Iterable[Node]) -> T:
    """A reading of the value of a scalar output and its gradients, as expressions.

    Raises TypeError for what is not a tensor, ValueError for an empty wrt, and GraphError for an output without a
    graph or with more than one element, and for a tensor that it does not depend on.
    """
    if not isinstance(wrt, Node):
        wrt = tuple(wrt)
    _check(output, wrt)
    recording = Recording(output)
    for x in wrt:
        if x not in recording.inputs or output not in recording.between([x]):
            raise GraphError(f"{describe(output)} does not depend on {describe(x)}: no gradient leads to it")
    targets = list(dict.fromkeys(wrt))
    return in_peace(lambda: reading(_derive(recording, targets)))


def in_peace(work: Callable[[], T]) -> T:
    """The result of work that records even within no_grad(), and that repeats no warning about the numbers."""

    def run() -> T:
        with np.errstate(all="ignore"):
            return work()

    return contextvars.Context().run(run)


def _check(output: Node, wrt: Any) -> None:
    if not isinstance(output, Node):
        raise TypeError(f"the output must be a tensor, not {type(output).__name__}")
    if isinstance(wrt, Node) or not all(isinstance(x, Node) for x in wrt):
        raise TypeError("wrt takes a list of tensors, even of one: [x]")
    if not wrt:
        raise ValueError("wrt is empty: name the tensors to differentiate with respect to, [W1, b1]")
    if output.op is None:
        raise GraphError(no_graph(output))
    if output.data.size != 1:
        raise GraphError(f"{describe(output)} is not a scalar: take .sum() or .mean()")
    for x in wrt:
        if x.dtype.kind != "f":
            raise GraphError(f"{describe(x)} is not floating point, so it has no gradient")


def _derive(recording: Recording, wrt: list[Node]) -> Derivation:
    derivation = Derivation(recording, wrt)
    derivation.layers = _layers(recording)
    _replay(derivation)
    _walk_back(derivation, recording.between(wrt))
    return derivation


def _replay(derivation: Derivation) -> None:
    """The forward pass again, on traced tensors."""
    algebra, forward = derivation.algebra, derivation.forward
    algebra.tidy = True
    for node in derivation.nodes:
        if node.op is None:
            named = node.name or node in derivation.layers.names or node in derivation.wanted
            constant = node.data.size <= INLINE and not (named or node.requires_grad)
            leaf = Traced(node.data, name=None if constant else node.name or "?")
            forward[node] = algebra.simplify(leaf) if constant else algebra.leaf(leaf, not node.requires_grad)
        else:
            forward[node] = algebra.simplify(record(node.op, derivation.operands(node), node.params))
            if node.name or node in derivation.layers.names:
                algebra.seal(forward[node])
    algebra.tidy = False


def _walk_back(derivation: Derivation, needed: set[Node]) -> None:
    """The backward pass: users before their inputs, each gradient complete when its node's turn comes."""
    algebra, forward, gradients = derivation.algebra, derivation.forward, derivation.gradients
    gradients[derivation.output] = algebra.full(derivation.output.shape)
    for node in reversed(derivation.nodes):
        if node not in gradients or node.op is None:
            continue
        total = gradients[node]
        onward = [(i, x) for i, x in derivation.recording.tensors(node) if x in needed and rule(node.op, i)]
        named = bool(node.name) or node in derivation.layers.names or node in derivation.wanted
        if named or len(onward) > 1:
            algebra.seal(total, soft=not named)
        for i, x in onward:
            raw = pull(node.op, i, total, forward[node], derivation.operands(node), node.params)
            share = algebra.shorter(raw, total)
            if x in gradients:
                share = algebra.shorter(record(OPS["add"], (gradients[x], share)), gradients[x], share)
            gradients[x] = share
            derivation.steps.append(Step(node, i, x))


def local_derivative(derivation: Derivation, value: Node, source: Node) -> Traced:
    """f' of value = f(source), for a function of one tensor: the rules run from ones, back to the source alone."""
    algebra, recording = derivation.algebra, derivation.recording
    between = recording.between([source])
    gradients = {value: algebra.full(value.shape)}
    for node in reversed(recording.nodes):
        if node.op is None or node not in gradients or node is source:
            continue
        for i, x in recording.tensors(node):
            if x in between and rule(node.op, i):
                out, operands = derivation.forward[node], derivation.operands(node)
                share = algebra.simplify(pull(node.op, i, gradients[node], out, operands, node.params))
                earlier = gradients.get(x)
                gradients[x] = share if earlier is None else algebra.simplify(record(OPS["add"], (earlier, share)))
    return gradients[source]


# layers


@dataclass
class Layers:
    """What a learner would call z1, a1, z2: names for nodes without one, and which a is made of which z alone."""

    recording: Recording
    names: dict[Node, str] = field(default_factory=dict)
    activations: dict[Node, Node] = field(default_factory=dict)
    sums: dict[Node, str] = field(default_factory=dict)

    def add_sum(self, z: Node, number: str) -> None:
        """A layer's weighted sum, W applied to something, with or without a bias."""
        if z not in self.sums and number not in self.sums.values():
            self.sums[z] = number
            self._name(z, f"z{number}")

    def add_activation(self, a: Node) -> None:
        """What a layer is applied to: the data, or an activation, if it is made of one layer's sum and no other."""
        if a.op is None and not a.requires_grad:
            self._name(a, "X")
        below = self._sums_below(a)
        if a.op and a not in self.sums and a not in self.activations and len(below) == 1:
            (z,) = below
            self.activations[a] = z
            self._name(a, f"a{self.sums[z]}")

    def _name(self, node: Node, name: str) -> None:
        if not node.name and name not in self.names.values():
            self.names[node] = name

    def _sums_below(self, node: Node) -> set[Node]:
        found, queue, seen = set(), [node], {node}
        for top in queue:
            if top in self.sums:
                found.add(top)
                continue
            for _, x in self.recording.tensors(top):
                if x not in seen:
                    seen.add(x)
                    queue.append(x)
        return found


def _layers(recording: Recording) -> Layers:
    layers = Layers(recording)
    users: dict[Node, list[Node]] = {}
    for node in recording.nodes:
        for _, x in recording.tensors(node):
            users.setdefault(x, []).append(node)
    for node in recording.nodes:
        if not (node.op and node.op.name == "matmul"):
            continue
        operands = [x for _, x in recording.tensors(node)]
        weight = next((w for x in operands if (w := _weight(x)) is not None), None)
        after = users.get(node, [])
        biased = len(after) == 1 and _adds_bias(after[0], node)
        if weight is None or not (biased or str(weight.name).lower().startswith("w")):
            continue
        for x in operands:
            if _weight(x) is not weight:
                layers.add_activation(x)
        layers.add_sum(after[0] if biased else node, re.sub(r"^.*?(\d*)$", r"\1", str(weight.name)))
    return layers


def _weight(x: Node) -> Node | None:
    """The parameter that an operand is, transposed or not."""
    while x.op and x.op.name in ("transpose", "swapaxes"):
        x = x.inputs[0]
    return x if x.op is None and x.requires_grad and x.name and len(x.shape) == 2 else None


def _adds_bias(node: Node, product: Node) -> bool:
    added = [x for x in node.inputs if isinstance(x, Node) and x is not product]
    return node.op is not None and node.op.name == "add" and any(x.op is None and x.requires_grad for x in added)
