"""Backprop by hand, one example per row: X is m × features, W(l) is out × in.

    z(l) = a(l-1) W(l)ᵀ + b(l)          a(l) = f(z(l))          ŷ = a(L) = softmax(z(L))
    L    = -(1/m) Σ y log ŷ + (λ/2) Σ W(l)²
    δ(L) = ŷ - y                        δ(l) = δ(l+1) W(l+1) ⊙ f'(z(l))
    ∂L/∂W(l) = (1/m) δ(l)ᵀ a(l-1) + λ W(l)          ∂L/∂b(l) = (1/m) Σ_rows δ(l)

The tutorials' formulas (T1), transposed. δ(l) is per example: ∂L/∂z(l) = δ(l)/m.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinygrad_mnist.manual.activations import Activation, Array, relu
from tinygrad_mnist.manual.notation import ROWS

EXAMPLES_AXIS = 0
"""The axis along which the examples of X, Y, z, a and δ lie."""


@dataclass(frozen=True)
class Forward:
    """What the forward pass computed, by layer: z[1] … z[L], and a[0] = X … a[L] = ŷ."""

    z: dict[int, Array]
    a: dict[int, Array]


@dataclass(frozen=True)
class Backward:
    """What the backward pass computed, by layer 1 … L: δ, ∂L/∂W and ∂L/∂b."""

    delta: dict[int, Array]
    dW: dict[int, Array]
    db: dict[int, Array]


def softmax(z: Array) -> Array:
    """Each row's probabilities; its maximum is subtracted first, so that exp can't overflow."""
    e: Array = np.exp(z - z.max(axis=1, keepdims=True))
    probabilities: Array = e / e.sum(axis=1, keepdims=True)
    return probabilities


def forward(X: Array, W: Sequence[Array], b: Sequence[Array], activation: Activation = relu) -> Forward:
    """Run the network on X (m, features), with W[l-1] of shape (out, in) and b[l-1] of shape (out,)."""
    L = len(W)
    z, a = {}, {0: X}
    for l in range(1, L + 1):
        z[l] = a[l - 1] @ W[l - 1].T + b[l - 1]
        a[l] = activation.f(z[l]) if l < L else softmax(z[l])
    return Forward(z, a)


def loss(run: Forward, Y: Array, W: Sequence[Array], l2: float = 0.0) -> float:
    """The mean cross-entropy of one-hot rows Y, and (λ/2) Σ W² with λ = l2.

    log ŷ is z - log Σ exp z, and never the log of a rounded zero.
    """
    z = run.z[len(W)]
    shifted = z - z.max(axis=1, keepdims=True)
    log_y_hat = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return float(-(Y * log_y_hat).sum() / len(Y) + l2 / 2 * sum((w**2).sum() for w in W))


def backward(run: Forward, Y: Array, W: Sequence[Array], activation: Activation = relu, l2: float = 0.0) -> Backward:
    """Carry the error of the one-hot rows Y (m, classes) back through every layer."""
    L, m = len(W), len(Y)
    delta, dW, db = {}, {}, {}
    for l in range(L, 0, -1):
        if l == L:
            delta[L] = run.a[L] - Y
        else:
            delta[l] = (delta[l + 1] @ W[l]) * activation.f_prime(run.z[l])
        dW[l] = delta[l].T @ run.a[l - 1] / m + l2 * W[l - 1]
        db[l] = delta[l].sum(axis=0) / m
    return Backward(delta, dW, db)


formulas = ROWS.formulas
"""The equations of a layer as text: formulas(l, L, l2), for z, a, delta, dW and db."""
