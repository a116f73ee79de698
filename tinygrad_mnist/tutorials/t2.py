"""T2: 784 → 10 → 10, ReLU and softmax, gradient descent on all the images at once, one example per column.

Reported: 84 % of the validation images (85 % in training); Keras 97 %, a PyTorch CNN 98 %.
Not given; taken: weights and biases uniform from −0.5 to 0.5, η = 0.1, 500 iterations. Named or wished for: a penalty,
mini-batches, Adam, dropout, a CNN, and a choice of learning rate, batch size and initialisation.
"""

from itertools import product

import numpy as np

from tinygrad_mnist import Tensor
from tinygrad_mnist.training import PRESETS, Recipe
from tinygrad_mnist.tutorials.session import PLAIN, AsWritten, Row, Tutorial

ETA, ITERATIONS = 0.1, 500


def initialise(rng):
    shapes = {"W1": (10, 784), "b1": (10, 1), "W2": (10, 10), "b2": (10, 1)}
    uniform = {name: rng.uniform(-0.5, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return [Tensor(array, requires_grad=True, name=name) for name, array in uniform.items()]


def forward(X, W1, b1, W2, b2):
    Z1 = W1 @ X + b1
    A1 = Z1.relu()
    return W2 @ A1 + b2


def loss(X, Y, *parameters):
    log_Y_hat = forward(X, *parameters).log_softmax(axis=0)
    return -(Y * log_Y_hat).sum(axis=0).mean()


def train(X, Y, parameters, rng):
    for iteration in range(1, ITERATIONS + 1):
        loss(X, Y, *parameters).backward()
        for p in parameters:
            p.data -= ETA * p.grad.data
            p.grad = None
        if iteration % 50 == 0:
            yield iteration / ITERATIONS


def by_hand(X, Y, W1, b1, W2, b2):
    m = X.shape[1]
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2 @ A1 + b2
    e = np.exp(Z2 - Z2.max(axis=0))
    dZ2 = e / e.sum(axis=0) - Y
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    dW1, db1 = dZ1 @ X.T / m, dZ1.sum(axis=1, keepdims=True) / m
    dW2, db2 = dZ2 @ A1.T / m, dZ2.sum(axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2


plain = PLAIN.changed(layers=(784, 10, 10), epochs=4)
grid = product((0.03, 0.1, 0.3), (32, 128), ("he", "xavier"))
choices = tuple(plain.changed(lr=lr, batch_size=m, init=init) for lr, m, init in grid)
cnn = Recipe(("1x28x28", "16c3", "mp2", "32c3", "mp2", 128, 10), "relu", batch_norm=True, augment=None, epochs=2)

TUTORIAL = Tutorial("T2", "784-10-10, ReLU, softmax, gradient descent on all images at once", (
    Row("from scratch", PRESETS["tiny"], 0.84, AsWritten(initialise, forward, loss, by_hand, train)),
    Row("Keras", PRESETS["default"], 0.97),
    Row("PyTorch CNN", cnn, 0.98),
    Row("mini-batches", plain),
    Row("Adam", plain.changed(optimizer="adam")),
    Row("dropout", plain.changed(optimizer="adam", layers=(784, 128, 10), dropout=0.2)),
    Row("L2 penalty", plain.changed(weight_decay=1e-4)),
    Row("lr, batch, init", choices),
))  # fmt: skip
