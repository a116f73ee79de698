"""A watched step in the textbook's words: its network with what the program computed, and the program's gradients.

Both are in columns, as everything in `grading.textbook` is, and few of the input's features stand for all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.grading.textbook.derivation import Network
from tinygrad_mnist.grading.watching.gradients import Gradient, gradient
from tinygrad_mnist.grading.watching.graph import ADDING, Node, is_view, made_of, seen_through
from tinygrad_mnist.grading.watching.lineages import Lineage
from tinygrad_mnist.grading.watching.network import Key, Linear, Pass, heads_between, in_columns, passes
from tinygrad_mnist.grading.watching.training import Step
from tinygrad_mnist.manual import Activation
from tinygrad_mnist.manual.activations import ACTIVATIONS, Array, leaky_relu
from tinygrad_mnist.manual.activations import linear as identity
from tinygrad_mnist.manual.heads import HALF, HEADS, Head, Penalty, scales
from tinygrad_mnist.manual.notation import COLUMNS, ROWS_IN_OUT, Notation
from tinygrad_mnist.manual.rows import Backward

FEATURES = 16
"""How many of the input's features are looked at: those that vary most."""


TINY = 1e-300
"""In place of zeros that were computed: they are evidence, and not what nobody computed."""


Shares = Mapping[Lineage, float]
"""The part of λ that each weight has; none where all have all of it."""

ALL: Shares = MappingProxyType({})


@dataclass(frozen=True)
class Observed:
    """A step of the textbook's network. gradients: the program's; None where none was seen.

    heads: those whose output is the program's, or all where it is none of them.
    features: the inputs that are looked at.
    """

    step: Step
    passes: tuple[Pass, ...]
    notation: Notation
    network: Network
    gradients: dict[Key, Gradient | None]
    heads: tuple[Head, ...]
    features: NDArray[np.intp]

    @property
    def layers(self) -> tuple[Linear, ...]:
        return self.passes[0].layers

    @property
    def parameters(self) -> dict[Key, Lineage | Node | None]:
        return self.passes[0].parameters

    @property
    def scaled_heads(self) -> list[Head]:
        """The same with every factor that they may have."""
        return [scaled for head in self.heads for scaled in scales(head)]

    @property
    def labelled(self) -> Iterator[tuple[Array, Array]]:
        """Inputs and one-hot labels that met in the backward pass, in columns."""
        if all(p.labels in self.step.nodes for p in self.passes):
            yield self.network.a[0], self.network.Y


def observe(step: Step) -> Observed | None:
    """The textbook's network in a step, or None where it is another one."""
    observed = in_layers(step)
    if observed is None or not _is_whole(observed):
        return None
    net = observed.network
    activation = activation_of([(net.z[l], net.a[l]) for l in range(1, net.L)])
    if activation is None or any(net.z[l].shape != net.a[l].shape for l in net.z):
        return None
    if observed.heads[0].output.name == "softmax" and not np.allclose(net.Y.sum(axis=0), 1):  # δ(L) is not ŷ - y
        return None
    return replace(observed, network=replace(net, activation=activation))


def _is_whole(observed: Observed) -> bool:
    """Whether no learned weights come before the first layer, as those of a convolution do, and a sum has its bias."""
    learned = {*observed.step.before.values()}
    without = {linear.product for a_pass in observed.passes for linear in a_pass.layers if linear.bias is None}
    sums = (node for node in observed.step.forward if node.op in ADDING and not without.isdisjoint(node.operands))
    if any(not learned.isdisjoint(map(seen_through, node.operands)) for node in sums):
        return False
    below = made_of((a_pass.layers[0].entering for a_pass in observed.passes), learned)
    multiplied = {seen_through(o) for n in below for o in n.operands if n.op not in ADDING and not is_view(n)}
    return learned.isdisjoint(multiplied)


def with_one_activation(observed: Sequence[Observed]) -> list[Observed]:
    """The same with the activation that fits all steps: where weights are zeros, one step fits several."""
    pairs = [(o.network.z[l], o.network.a[l]) for o in observed for l in range(1, o.network.L)]
    activation = activation_of(pairs)
    if activation is None:
        return list(observed)
    return [replace(o, network=replace(o.network, activation=activation)) for o in observed]


def in_layers(step: Step) -> Observed | None:
    """The linear layers in a step as the textbook's, whatever lies between them; None where there are none.

    a[l] is what enters layer l + 1; the activation is not looked for.
    """
    found = passes(step)
    if not found:
        return None
    layers = found[0].layers
    notation = layers[0].notation
    if any(linear.notation is not notation for linear in layers):
        return None
    z = {l: _together([p.layers[l - 1].z for p in found], notation) for l in range(1, len(layers) + 1)}
    a = {l: _together([p.layers[l].entering for p in found], notation) for l in range(len(layers))}
    a[len(layers)] = _together([p.output for p in found], notation)
    Y = _labels(found, a[len(layers)], notation)
    if Y is None:
        return None
    W = {l: _weights(linear, step, notation) for l, linear in enumerate(layers, 1)}
    if any(array.ndim != 2 for array in (*z.values(), *a.values())):  # windows, say
        return None
    b = {l: _biases(linear, step, len(W[l])) for l, linear in enumerate(layers, 1)}
    network = Network(Y, W, b, z, a, identity, 0.0)
    parameters = found[0].parameters
    gradients = {key: gradient(step, p) if isinstance(p, Lineage) else None for key, p in parameters.items()}
    heads = _heads(z[len(layers)], a[len(layers)])
    return Observed(step, tuple(found), notation, network, gradients, heads, _varying(a[0]))


def _varying(inputs: Array) -> NDArray[np.intp]:
    """The inputs that vary most; of one example, the largest."""
    spread = inputs.var(axis=1) if inputs.shape[1] > 1 else np.abs(inputs[:, 0])
    most = np.argsort(-spread, kind="stable")[:FEATURES]
    return np.sort(most) if len(inputs) > FEATURES else np.arange(len(inputs))


def _heads(z: Array, y_hat: Array) -> tuple[Head, ...]:
    """The heads that lead from z(L) to ŷ; all of them where none does."""
    possible = [head for head in HEADS.values() if len(z) > 1 or head.output.name != "softmax"]
    fitting = heads_between(z, y_hat)
    return tuple(head for head in possible if head in fitting) or tuple(possible)


def _together(nodes: Sequence[Node], notation: Notation) -> Array:
    return np.hstack([in_columns(node.value, notation) for node in nodes])


def _value(parameter: Lineage | Node, step: Step) -> Array:
    node = step.before[parameter] if isinstance(parameter, Lineage) else parameter
    return np.asarray(node.value, float)


def _weights(linear: Linear, step: Step, notation: Notation) -> Array:
    value = _value(linear.weight, step)
    return value.T if notation is ROWS_IN_OUT else value


def _biases(linear: Linear, step: Step, units: int) -> Array:
    if linear.bias is None:
        return np.zeros((units, 1))
    return np.broadcast_to(_value(linear.bias, step).reshape(-1, 1), (units, 1))


def activation_of(pairs: Sequence[tuple[Array, Array]]) -> Activation | None:
    """The function that leads from every z(l) to its a(l); ReLU where there are no hidden layers."""
    if any(z.shape != a.shape for z, a in pairs):
        return None
    slopes = [a[z < 0] / z[z < 0] for z, a in pairs if (z < 0).any()]
    slope = float(np.median(np.concatenate(slopes))) if slopes else 0.0
    usual = [*ACTIVATIONS.values(), *([leaky_relu(round(slope, 6))] if 0 < slope < 1 else [])]
    fitting = (f for f in usual if all(np.allclose(f.f(z), a, rtol=1e-4, atol=1e-6) for z, a in pairs))
    return next(fitting, None)


def _labels(found: Sequence[Pass], output: Array, notation: Notation) -> Array | None:
    """One-hot labels in columns, as many as there are outputs."""
    parts = []
    for a_pass in found:
        if a_pass.labels is None:
            return None
        value = np.asarray(a_pass.labels.value)
        shape = in_columns(a_pass.output.value, notation).shape
        if value.size == shape[0] * shape[1]:
            parts.append(in_columns(value, notation).reshape(shape).astype(float))
        elif value.size == shape[1] and (value >= 0).all() and (value == np.floor(value)).all():
            parts.append(np.eye(max(shape[0], int(value.max()) + 1))[value.astype(int).ravel()].T[: shape[0]])
        else:
            return None
    Y = np.hstack(parts)
    return Y if Y.shape == output.shape else None


class Columns:
    """Turns a program's gradients into columns, with a few of the input's features in place of all."""

    def __init__(
        self, observed: Observed, head: Head, l2: float = 0.0, penalty: Penalty = HALF, shares: Shares = ALL
    ) -> None:
        self.observed, self.head, self.l2, self.penalty = observed, head, l2, penalty
        weights = {l: lineage for (quantity, l), lineage in observed.parameters.items() if quantity == "dW"}
        learned = {l: lineage for l, lineage in weights.items() if shares and isinstance(lineage, Lineage)}
        self.shares = {l: shares.get(lineage, 0.0) for l, lineage in learned.items()}

    @property
    def network(self) -> Network:
        """The network as it is seen through these features: z and a are those of all."""
        net, features = replace(self.observed.network, shares=self.shares), self.observed.features
        a, W = {**net.a, 0: net.a[0][features]}, {**net.W, 1: net.W[1][:, features]}
        inputs, total = len(net.a[0]), net.a[0].sum(axis=0, keepdims=True)
        return replace(net, W=W, a=a, head=self.head, l2=self.l2, penalty=self.penalty, inputs=inputs, input_sum=total)

    def found(self, scale: float = 1.0) -> Backward:
        """The program's gradients, each multiplied by a number."""
        found = Backward({}, {}, {})
        for (quantity, l), g in self.observed.gradients.items():
            getattr(found, quantity)[l] = g and scale * self.turned(self._told(g), g.lineage, quantity, l)
        return found

    def _told(self, g: Gradient) -> Array:
        """A gradient's value, with something in it where it is 0 and yet made of labels."""
        return g.value + TINY if not g.value.any() and g.node in self.observed.step.by_labels else g.value

    def turned(self, value: Array, lineage: Lineage, quantity: str, l: int) -> Array:
        """The gradient of a parameter in columns."""
        net = self.observed.network
        if quantity == "db":
            stands = np.shape(self.observed.step.before[lineage].value) == (len(net.W[l]), 1)
            return _bias_in_columns(value, len(net.W[l]), self.observed.notation, stands)
        value = value.T if value.ndim == 2 and self.observed.notation is ROWS_IN_OUT else np.atleast_2d(value)
        inputs = len(net.a[0])
        if l > 1 or inputs not in value.shape:
            return value
        return np.asarray(np.take(value, self.observed.features, value.shape.index(inputs)))


def _bias_in_columns(value: Array, units: int, notation: Notation, stands: bool) -> Array:
    """stands: whether the bias is (units, 1), to which a vector does not fit though it broadcasts."""
    array = np.atleast_2d(value)
    if stands and units > 1:
        return array
    if value.size == units:
        return value.reshape(-1, 1)
    return array if notation is COLUMNS or value.ndim == 1 else array.T
