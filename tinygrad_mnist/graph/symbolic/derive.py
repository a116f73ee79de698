"""The chain rule over a recorded graph, derived symbolically: every value and every gradient as an expression.

The program is replayed on traced tensors, each of the engine's rules is run once, and what they come to is simplified
(`algebra`). Nothing is typed in: a new operation's rule is derived like any other.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist.engine import OPS, Node
from tinygrad_mnist.engine.errors import GraphError, describe, no_graph
from tinygrad_mnist.graph.layers import Layer, Layers
from tinygrad_mnist.graph.recording import Recording, rule
from tinygrad_mnist.graph.symbolic.algebra import Algebra
from tinygrad_mnist.graph.symbolic.expressions import Fact
from tinygrad_mnist.graph.symbolic.rule import Rule, run
from tinygrad_mnist.graph.symbolic.traced import Traced, record

T = TypeVar("T")

INLINE = 16
"""Up to how many elements a constant without a name is written out as numbers."""


@dataclass(frozen=True)
class Step:
    """One vjp: an operation sends back what reached it to one of its operands."""

    node: Node
    input: Node
    rule: Rule


@dataclass
class Replay:
    """A recorded program on traced tensors. forward, gradients: what stands for each node, and for ∂output/∂node."""

    recording: Recording
    wrt: Sequence[Node]
    forward: dict[Node, Traced] = field(default_factory=dict, init=False)
    gradients: dict[Node, Traced] = field(default_factory=dict, init=False)

    @property
    def output(self) -> Node:
        """What is differentiated."""
        return self.recording.output

    def operands(self, node: Node) -> list[Any]:
        """What a node's operation is applied to."""
        return [self.forward[x] if isinstance(x, Node) else x for x in self.recording.operands[node]]


@dataclass
class Derivation(Replay):
    """All that was derived. forward, gradients: the simplest expression of each node, and of ∂output/∂node."""

    algebra: Algebra = field(default_factory=Algebra)
    steps: list[Step] = field(default_factory=list)
    layers: Layers = field(init=False)

    def __post_init__(self) -> None:
        self.layers = Layers(self.recording)
        self.wanted = set(self.wrt)
        _replay(self)
        _walk_back(self, self.recording.between(self.wrt))

    def is_named(self, node: Node) -> bool:
        """Whether a node goes by a name, or gets one because its gradient is asked for."""
        return bool(node.name) or node in self.layers.names or node in self.wanted

    @property
    def facts(self) -> list[Fact]:
        """What was seen in the data, and relied on."""
        return list(dict.fromkeys(self.algebra.facts))


def derived(reading: Callable[[Derivation], T], output: Node, wrt: Iterable[Node]) -> T:
    """A reading of the value of a scalar output and its gradients, as expressions.

    Raises TypeError for what is not a tensor, ValueError for an empty wrt, and GraphError for an output without a
    graph or with more than one element, and for a tensor that it does not depend on.
    """
    targets = checked(output, wrt)
    return isolated(lambda: reading(Derivation(Recording(output), targets)))


def isolated(work: Callable[[], T]) -> T:
    """The result of work that records even within no_grad(), and that repeats no warning about the numbers."""

    def run() -> T:
        with np.errstate(all="ignore"):
            return work()

    return contextvars.Context().run(run)


def checked(output: Node, wrt: Any) -> list[Node]:
    """The tensors to differentiate with respect to, each once; raises what `derived` does."""
    if not isinstance(wrt, Node):
        wrt = tuple(wrt)
    check(output, wrt)
    reached = Recording(output).reached
    for x in wrt:
        if x not in reached:
            raise GraphError(f"{describe(output)} does not depend on {describe(x)}: no gradient leads to it")
    return list(dict.fromkeys(wrt))


def check(output: Node, wrt: Any) -> None:
    """Raise what `derived` raises of an output and of tensors alone."""
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


def _replay(derivation: Derivation) -> None:
    """The forward pass again, on traced tensors."""
    algebra, forward = derivation.algebra, derivation.forward
    algebra.tidy = True
    for node in derivation.recording.nodes:
        named = derivation.is_named(node)
        if node.op is None:
            constant = node.data.size <= INLINE and not (named or node.requires_grad)
            leaf = Traced(node.data, name=None if constant else node.name or "?")
            forward[node] = algebra.simplify(leaf) if constant else algebra.leaf(leaf, not node.requires_grad)
        else:
            forward[node] = algebra.simplify(record(node.op, derivation.operands(node), node.params))
            if named:
                algebra.make_opaque(forward[node])
    algebra.tidy = False


def _walk_back(derivation: Derivation, needed: set[Node]) -> None:
    """The backward pass: users before their inputs, each gradient complete when its node's turn comes."""
    algebra, gradients, recording = derivation.algebra, derivation.gradients, derivation.recording
    gradients[derivation.output] = algebra.full(derivation.output.shape)
    for node in reversed(recording.operations):
        if node not in gradients:
            continue
        total, operands = gradients[node], derivation.operands(node)
        onward = [(i, x) for i, x in recording.tensors(node) if x in needed and rule(node, i)]
        named, is_prediction = derivation.is_named(node), node in derivation.layers.predictions
        if named or len(onward) > 1:  # ŷ − y is shorter than what leads through a prediction, named or not
            algebra.make_opaque(total, soft=not named or (is_prediction and node not in derivation.wanted))
        for i, x in onward:
            step = Step(node, x, run(node, i, total.numpy(), derivation.forward[node], operands))
            share = algebra.shorter(step.rule.on(total, derivation.forward[node], operands), total)
            if x in gradients:
                share = algebra.shorter(record(OPS["add"], (gradients[x], share)), gradients[x], share)
            gradients[x] = share
            derivation.steps.append(step)


def local_derivative(derivation: Derivation, layer: Layer) -> Traced | None:
    """f' of a layer's activation: its rules, which have been run, from ones back to what it is applied to alone."""
    algebra, forward = derivation.algebra, derivation.forward
    assert layer.activation is not None
    between = derivation.recording.between([layer.before])
    gradients = {layer.activation: algebra.full(layer.activation.shape)}
    for step in derivation.steps:
        if step.node in gradients and step.node is not layer.before and step.input in between:
            share = step.rule.on(gradients[step.node], forward[step.node], derivation.operands(step.node), False)
            earlier = gradients.get(step.input)
            gradients[step.input] = algebra.simplify(share if earlier is None else record(OPS["add"], (earlier, share)))
    return gradients.get(layer.before)
