"""T1: 784 → 128 or 64 → 10, ReLU and softmax, and the accuracy on validation images after every epoch.

    z(l) = W(l) a(l-1) + b(l)          a(l) = f(z(l))                      L = -Σ y log ŷ, the mean over m examples
    δ(L) = ŷ - y                       δ(l) = W(l+1)ᵀ δ(l+1) ⊙ f'(z(l))
    ∂L/∂W(l) = (1/m) δ(l) a(l-1)ᵀ      ∂L/∂b(l) = (1/m) Σ_examples δ(l)    W(l) := W(l) - η ∂L/∂W(l)

No accuracy is reported. Not given; taken: weights N(0, 1) · 0.01 and biases 0, η = 0.1, batches of 64, 10 epochs.
"""

from functools import partial

import numpy as np

from tinygrad_mnist import Tensor
from tinygrad_mnist.training import PRESETS
from tinygrad_mnist.tutorials.session import AsWritten, Row, Tutorial

ETA, BATCH, EPOCHS = 0.1, 64, 10


def initialise(hidden, rng):
    W1, W2 = 0.01 * rng.standard_normal((hidden, 784)), 0.01 * rng.standard_normal((10, hidden))
    arrays = {"W1": W1, "b1": np.zeros((hidden, 1)), "W2": W2, "b2": np.zeros((10, 1))}
    return [Tensor(array.astype(np.float32), requires_grad=True, name=name) for name, array in arrays.items()]


def forward(X, W1, b1, W2, b2):
    z1 = W1 @ X + b1
    a1 = z1.relu()
    return W2 @ a1 + b2


def loss(X, Y, *parameters):
    log_Y_hat = forward(X, *parameters).log_softmax(axis=0)
    return -(Y * log_Y_hat).sum(axis=0).mean()


def train(X, Y, parameters, rng):
    m = X.shape[1]
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(m)
        for start in range(0, m, BATCH):
            batch = order[start : start + BATCH]
            loss(X[:, batch], Y[:, batch], *parameters).backward()
            for p in parameters:
                p.data -= ETA * p.grad.data
                p.grad = None
        yield epoch / EPOCHS


def by_hand(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    z1 = W1 @ X + b1
    a1 = np.maximum(z1, 0)
    z2 = W2 @ a1 + b2
    e = np.exp(z2 - z2.max(axis=0))
    delta2 = e / e.sum(axis=0) - Y
    delta1 = W2.T @ delta2 * (z1 > 0)
    dW1, db1 = delta1 @ X.T / m, delta1.sum(axis=1, keepdims=True) / m
    dW2, db2 = delta2 @ a1.T / m, delta2.sum(axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2


def row(hidden):
    recipe = PRESETS["default"].changed(layers=(784, hidden, 10), epochs=10)
    return Row("from scratch", recipe, None, AsWritten(partial(initialise, hidden), forward, loss, by_hand, train))


TUTORIAL = Tutorial("T1", "ReLU, softmax, mini-batches, validated after every epoch", (row(128), row(64)))
