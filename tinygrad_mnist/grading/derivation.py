"""The hand derivation line by line, so that any one line can be replaced by a mistaken one.

Columns are examples (features × m), as in `manual.columns`:

    softmax   ŷ = softmax(z(L))                 error   ŷ - y      factor  × 1         = δ(L)
    carried   W(l+1)ᵀ δ(l+1)                    slope   f'(z(l))   carried ⊙ slope     = δ(l)
    entering  a(l-1)                            product δ(l) a(l-1)ᵀ
    mean_W    ÷ m                               decay_W + λ W(l)               = ∂L/∂W(l)
    sum       Σ_examples δ(l)                   mean_b  ÷ m     decay_b + 0    = ∂L/∂b(l)

Other conventions are transposed at the edge (`grading.probes`), so everything is derived once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_mnist.manual import Activation, columns
from tinygrad_mnist.manual.activations import Array

Line = Callable[..., Any]
Lines = Mapping[tuple[str, int], Line]
"""The lines that are replaced, by slot and layer."""


@dataclass(frozen=True)
class Network:
    """A network after its forward pass: everything by layer 1 … L, a[0] = X; b(l) is (n, 1)."""

    Y: Array
    W: dict[int, Array]
    b: dict[int, Array]
    z: dict[int, Array]
    a: dict[int, Array]
    activation: Activation
    l2: float

    @property
    def L(self) -> int:
        return len(self.W)

    @property
    def m(self) -> int:
        return int(self.Y.shape[1])


def run(X: Array, Y: Array, W: list[Array], b: list[Array], activation: Activation, l2: float = 0.0) -> Network:
    """The forward pass on X (features, m) with one-hot Y (classes, m), W[l-1] (out, in) and b[l-1] (out, 1)."""
    forward = columns.forward(X, W, b, activation)
    return Network(Y, dict(enumerate(W, 1)), dict(enumerate(b, 1)), forward.z, forward.a, activation, l2)


CORRECT: dict[str, Line] = {
    "softmax": lambda net, l: columns.softmax(net.z[l]),
    "error": lambda net, l, y_hat: y_hat - net.Y,
    "factor": lambda net, l, error: error,
    "carried": lambda net, l, delta, dW: net.W[l + 1].T @ delta,
    "slope": lambda net, l: net.activation.f_prime(net.z[l]),
    "entering": lambda net, l: net.a[l - 1],
    "product": lambda net, l, delta, a: delta @ a.T,
    "mean_W": lambda net, l, total: total / net.m,
    "decay_W": lambda net, l, mean: mean + net.l2 * net.W[l] if net.l2 else mean,
    "sum": lambda net, l, delta: delta.sum(axis=1, keepdims=True),
    "mean_b": lambda net, l, total: total / net.m,
    "decay_b": lambda net, l, mean: mean,
}

DELTA_SLOTS = ("softmax", "error", "factor", "carried", "slope")
WEIGHT_SLOTS = ("entering", "product", "mean_W", "decay_W")
BIAS_SLOTS = ("sum", "mean_b", "decay_b")


@dataclass(frozen=True)
class Gradients:
    """δ(l), ∂L/∂W(l) and ∂L/∂b(l), by layer."""

    delta: dict[int, Array]
    dW: dict[int, Array]
    db: dict[int, Array]


def delta(net: Network, l: int, delta_above: Array | None, dW_above: Array | None, lines: Lines) -> Array:
    """δ(l), from what layer l + 1 has."""
    y: dict[str, Line] = {slot: lines.get((slot, l), CORRECT[slot]) for slot in DELTA_SLOTS}
    if l == net.L:
        return np.asarray(y["factor"](net, l, y["error"](net, l, y["softmax"](net, l))))
    return np.asarray(y["carried"](net, l, delta_above, dW_above) * y["slope"](net, l))


def weight_gradient(net: Network, l: int, delta: Array, lines: Lines) -> Array:
    """∂L/∂W(l) from δ(l)."""
    entering, product, mean, decay = (lines.get((slot, l), CORRECT[slot]) for slot in WEIGHT_SLOTS)
    return np.asarray(decay(net, l, mean(net, l, product(net, l, delta, entering(net, l)))))


def bias_gradient(net: Network, l: int, delta: Array, lines: Lines) -> Array:
    """∂L/∂b(l) from δ(l)."""
    total, mean, decay = (lines.get((slot, l), CORRECT[slot]) for slot in BIAS_SLOTS)
    return np.asarray(decay(net, l, mean(net, l, total(net, l, delta))))


def derive(net: Network, lines: Lines | None = None) -> Gradients:
    """Every gradient, with the given lines in place of the correct ones.

    Raises ValueError where a mistaken line does not fit the shapes.
    """
    replaced = lines or {}
    found = Gradients({}, {}, {})
    for l in range(net.L, 0, -1):
        found.delta[l] = delta(net, l, found.delta.get(l + 1), found.dW.get(l + 1), replaced)
        found.dW[l] = weight_gradient(net, l, found.delta[l], replaced)
        found.db[l] = bias_gradient(net, l, found.delta[l], replaced)
    return found
