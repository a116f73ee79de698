"""The hand derivation line by line, so that any one line can be replaced by a mistaken one.

Columns are examples (features × m), and each line (a slot) is a step of the formulas of `manual.columns`:

    δ(L)      output (ŷ) → error (ŷ - y, or what the head has) → factor (1)
    δ(l)      carried (W(l+1)ᵀ δ(l+1)), slope (f'(z(l))) → passed (carried ⊙ slope)
    ∂L/∂W(l)  entering (a(l-1)) → product with δ(l) → mean_W → decay_W → given_W (as it is)
    ∂L/∂b(l)  sum of δ(l) → mean_b → decay_b (none) → given_b (as it is)

Other conventions are transposed at the edge (`grading.settings`), so everything is derived once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from tinygrad_mnist.manual import Activation, columns
from tinygrad_mnist.manual.activations import Array
from tinygrad_mnist.manual.heads import HALF, SOFTMAX_CROSS_ENTROPY, Head, Penalty
from tinygrad_mnist.manual.rows import Backward

T = TypeVar("T")

Line = Callable[..., Array]
"""A line of the derivation: takes the network, the layer, and what the lines before it gave."""

Values = Sequence[Array | None]
"""A quantity on each of several networks; None where it could not be computed."""

Lines = Mapping[tuple[str, int], Line]
"""The lines that are replaced, by slot and layer."""


@dataclass(frozen=True)
class Network:
    """A network after its forward pass: everything by layer 1 … L, a[0] = X; b(l) is (n, 1).

    inputs, input_sum: how many features X has, and their sum in each example (1, m), where only some are in a[0].
    shares: the part of λ that a layer's weights have, where that is not all of it.
    """

    Y: Array
    W: dict[int, Array]
    b: dict[int, Array]
    z: dict[int, Array]
    a: dict[int, Array]
    activation: Activation
    l2: float
    head: Head = SOFTMAX_CROSS_ENTROPY
    penalty: Penalty = HALF
    inputs: int | None = None
    input_sum: Array | None = None
    shares: Mapping[int, float] = field(default_factory=dict)

    @property
    def features(self) -> int:
        return self.inputs or len(self.a[0])

    def entering_sum(self, l: int) -> Array:
        """The sum of all that enters layer l, for each example (1, m)."""
        if l == 1 and self.input_sum is not None:
            return self.input_sum
        return np.asarray(self.a[l - 1].sum(axis=0, keepdims=True))

    @property
    def L(self) -> int:
        return len(self.W)

    @property
    def m(self) -> int:
        return int(self.Y.shape[1])

    def decay(self, l: int) -> Array:
        """The penalty's part of ∂L/∂W(l)."""
        return self.penalty.rate(self.l2 * self.shares.get(l, 1), self.m) * self.W[l]


def run(
    X: Array,
    Y: Array,
    W: list[Array],
    b: list[Array],
    activation: Activation,
    l2: float = 0.0,
    head: Head = SOFTMAX_CROSS_ENTROPY,
    penalty: Penalty = HALF,
) -> Network:
    """The forward pass on X (features, m) with one-hot Y (classes, m), W[l-1] (out, in) and b[l-1] (out, 1)."""
    forward = columns.forward(X, W, b, activation, head)
    layers = dict(enumerate(W, 1)), dict(enumerate(b, 1))
    return Network(Y, *layers, forward.z, forward.a, activation, l2, head, penalty)


@dataclass(frozen=True)
class Derived(Backward):
    """δ, ∂L/∂W and ∂L/∂b of the layers reached so far, and what was carried to each hidden one, before its slope."""

    carried: dict[int, Array]


CORRECT: dict[str, Line] = {
    "output": lambda net, l: net.head.f(net.z[l], columns.CLASSES_AXIS),
    "error": lambda net, l, y_hat: net.head.error(y_hat, net.Y, columns.CLASSES_AXIS),
    "factor": lambda net, l, error: error,
    "carried": lambda net, l, above: net.W[l + 1].T @ above.delta[l + 1],
    "slope": lambda net, l: net.activation.f_prime(net.z[l]),
    "passed": lambda net, l, carried, slope: carried * slope,
    "entering": lambda net, l: net.a[l - 1],
    "product": lambda net, l, delta, a: delta @ a.T,
    "mean_W": lambda net, l, total: total / net.m,
    "decay_W": lambda net, l, mean: mean + net.decay(l) if net.l2 else mean,
    "given_W": lambda net, l, gradient: gradient,
    "sum": lambda net, l, delta: delta.sum(axis=1, keepdims=True),
    "mean_b": lambda net, l, total: total / net.m,
    "decay_b": lambda net, l, mean: mean,
    "given_b": lambda net, l, gradient: gradient,
}

SLOTS = {
    "delta": ("output", "error", "factor", "carried", "slope", "passed"),
    "dW": ("entering", "product", "mean_W", "decay_W", "given_W"),
    "db": ("sum", "mean_b", "decay_b", "given_b"),
}
"""The lines of each quantity."""

QUANTITY = {slot: quantity for quantity, slots in SLOTS.items() for slot in slots}

LAST_ONLY, HIDDEN_ONLY = ("output", "error", "factor"), ("carried", "slope", "passed")
"""The lines of δ that are those of the last layer, and of the others."""


def _lines(quantity: str, l: int, replaced: Lines) -> list[Line]:
    return [replaced.get((slot, l), CORRECT[slot]) for slot in SLOTS[quantity]]


def delta(net: Network, l: int, replaced: Lines, above: Derived) -> Array:
    """δ(l), from what the layers above have."""
    output, error, factor, carried, slope, passed = _lines("delta", l, replaced)
    if l == net.L:
        return factor(net, l, error(net, l, output(net, l)))
    return passed(net, l, carried(net, l, above), slope(net, l))


def weight_gradient(net: Network, l: int, replaced: Lines, delta: Array) -> Array:
    """∂L/∂W(l) from δ(l)."""
    entering, product, mean, decay, given = _lines("dW", l, replaced)
    return given(net, l, decay(net, l, mean(net, l, product(net, l, delta, entering(net, l)))))


def bias_gradient(net: Network, l: int, replaced: Lines, delta: Array) -> Array:
    """∂L/∂b(l) from δ(l)."""
    total, mean, decay, given = _lines("db", l, replaced)
    return given(net, l, decay(net, l, mean(net, l, total(net, l, delta))))


def derive(net: Network, replaced: Lines | None = None, down_to: int = 1) -> Derived:
    """Every δ and gradient down to a layer, with the given lines in place of the correct ones.

    Raises ValueError where a mistaken line does not fit the shapes.
    """
    lines = replaced or {}
    found = Derived({}, {}, {}, {})
    for l in range(net.L, down_to - 1, -1):
        if l < net.L:
            found.carried[l] = lines.get(("carried", l), CORRECT["carried"])(net, l, found)
        found.delta[l] = delta(net, l, lines, found)
        found.dW[l] = weight_gradient(net, l, lines, found.delta[l])
        found.db[l] = bias_gradient(net, l, lines, found.delta[l])
    return found


def attempt(function: Callable[..., T], *arguments: object) -> T | None:
    """What a function gives; None where an argument is None, the shapes don't fit, or it needs what is not known."""
    if any(a is None for a in arguments):
        return None
    try:
        return function(*arguments)
    except (ValueError, KeyError):
        return None
