"""T0: 784 → hidden → hidden → 10, LeakyReLU and softmax, mini-batch gradient descent from standard-normal weights.

Reported: "competitive", no number. Not given; taken: 128 and 64 hidden units, slope 0.01, η = 0.01, batches of 64,
10 epochs. Standard-normal weights are far too large for 784 inputs: the first losses are in the hundreds, and the
training spends its time on undoing them, as the row with He's init shows on MNIST.
"""

import numpy as np

from tinygrad_mnist import Tensor
from tinygrad_mnist.training import PRESETS
from tinygrad_mnist.tutorials.session import PLAIN, AsWritten, Row, Tutorial

SLOPE, ETA, BATCH, EPOCHS = 0.01, 0.01, 64, 10


def initialise(rng):
    shapes = {"W1": (128, 784), "b1": (128, 1), "W2": (64, 128), "b2": (64, 1), "W3": (10, 64), "b3": (10, 1)}
    normal = {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}
    return [Tensor(array, requires_grad=True, name=name) for name, array in normal.items()]


def forward(X, W1, b1, W2, b2, W3, b3):
    A1 = (W1 @ X + b1).leaky_relu(SLOPE)
    A2 = (W2 @ A1 + b2).leaky_relu(SLOPE)
    return W3 @ A2 + b3


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


def by_hand(X, Y, W1, b1, W2, b2, W3, b3):
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.where(Z1 > 0, Z1, SLOPE * Z1)
    Z2 = W2 @ A1 + b2
    A2 = np.where(Z2 > 0, Z2, SLOPE * Z2)
    Z3 = W3 @ A2 + b3
    e = np.exp(Z3 - Z3.max(axis=0))
    d3 = e / e.sum(axis=0) - Y
    d2 = W3.T @ d3 * np.where(Z2 > 0, 1, SLOPE)
    d1 = W2.T @ d2 * np.where(Z1 > 0, 1, SLOPE)
    dW = [d1 @ X.T / m, d2 @ A1.T / m, d3 @ A2.T / m]
    db = [d.sum(axis=1, keepdims=True) / m for d in (d1, d2, d3)]
    return dW[0], db[0], dW[1], db[1], dW[2], db[2]


he = PLAIN.changed(layers=(784, 128, 64, 10), activation="leaky_relu", init="he", lr=ETA)

TUTORIAL = Tutorial("T0", "LeakyReLU, softmax, mini-batches, standard-normal weights", (
    Row("from scratch", PRESETS["default"], as_written=AsWritten(initialise, forward, loss, by_hand, train)),
    Row("but He's init", he),
))  # fmt: skip
