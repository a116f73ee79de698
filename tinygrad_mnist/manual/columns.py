"""Backprop by hand, one example per column, as the tutorials write it: X is features × m, W(l) is out × in.

    z(l) = W(l) a(l-1) + b(l)           a(l) = f(z(l))          ŷ = a(L) = softmax(z(L))
    L    = -(1/m) Σ y log ŷ + (λ/2) Σ W(l)²
    δ(L) = ŷ - y                        δ(l) = W(l+1)ᵀ δ(l+1) ⊙ f'(z(l))
    ∂L/∂W(l) = (1/m) δ(l) a(l-1)ᵀ + λ W(l)          ∂L/∂b(l) = (1/m) Σ_columns δ(l)

The tutorials' formulas (T1) as they stand. δ(l) is per example: ∂L/∂z(l) = δ(l)/m.
Another end, `heads.HEADS`, has another ŷ, L and δ(L); another penalty of `heads.PENALTIES`, another last term.
"""

from __future__ import annotations

from collections.abc import Sequence

from tinygrad_mnist.manual import heads
from tinygrad_mnist.manual.activations import Activation, Array, relu
from tinygrad_mnist.manual.heads import HALF, SOFTMAX_CROSS_ENTROPY, Head, Penalty
from tinygrad_mnist.manual.notation import COLUMNS
from tinygrad_mnist.manual.rows import Backward, Forward

EXAMPLES_AXIS = 1
"""The axis along which the examples of X, Y, z, a and δ lie."""

CLASSES_AXIS = 0
"""The axis along which the outputs of one example lie."""


def softmax(z: Array) -> Array:
    """Each column's probabilities; its maximum is subtracted first, so that exp can't overflow."""
    return heads.softmax(z, CLASSES_AXIS)


def forward(
    X: Array, W: Sequence[Array], b: Sequence[Array], activation: Activation = relu, head: Head = SOFTMAX_CROSS_ENTROPY
) -> Forward:
    """Run the network on X (features, m), with W[l-1] of shape (out, in) and b[l-1] of shape (out, 1)."""
    L = len(W)
    z, a = {}, {0: X}
    for l in range(1, L + 1):
        z[l] = W[l - 1] @ a[l - 1] + b[l - 1]
        a[l] = activation.f(z[l]) if l < L else head.f(z[l], CLASSES_AXIS)
    return Forward(z, a)


def loss(
    run: Forward,
    Y: Array,
    W: Sequence[Array],
    l2: float = 0.0,
    head: Head = SOFTMAX_CROSS_ENTROPY,
    penalty: Penalty = HALF,
) -> float:
    """The mean over the examples of the head's loss, for one-hot columns Y, and the penalty with λ = l2."""
    m = int(Y.shape[EXAMPLES_AXIS])
    return head.value(run.z[len(W)], Y, CLASSES_AXIS) / m + penalty.value(l2, W, m)


def backward(
    run: Forward,
    Y: Array,
    W: Sequence[Array],
    activation: Activation = relu,
    l2: float = 0.0,
    head: Head = SOFTMAX_CROSS_ENTROPY,
    penalty: Penalty = HALF,
) -> Backward:
    """Carry the error of the one-hot columns Y (classes, m) back through every layer."""
    L, m = len(W), Y.shape[1]
    delta, dW, db = {}, {}, {}
    for l in range(L, 0, -1):
        if l == L:
            delta[L] = head.error(run.a[L], Y, CLASSES_AXIS)
        else:
            delta[l] = (W[l].T @ delta[l + 1]) * activation.f_prime(run.z[l])
        dW[l] = delta[l] @ run.a[l - 1].T / m + penalty.rate(l2, m) * W[l - 1]
        db[l] = delta[l].sum(axis=1, keepdims=True) / m
    return Backward(delta, dW, db)


formulas = COLUMNS.formulas
"""The equations of a layer as text: formulas(l, L, l2, head, penalty), for z, a, delta, dW and db."""
