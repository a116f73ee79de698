"""T4: 784 → 10 → 10, and then any `layer_sizes`, such as 784 → 100 → 100 → 10; "most of the bugs" were in the init.

Reported: about 89 % (simple), about 87 % (general). Not given; taken: batches of 256, 10 epochs; the simple one with
weights uniform from −0.5 to 0.5 and η = 0.1, the general one with standard-normal weights and η = 0.01.
"""

from functools import partial

import numpy as np

from tinygrad_mnist import Tensor, manual
from tinygrad_mnist.training import PRESETS
from tinygrad_mnist.tutorials.session import PLAIN, AsWritten, Row, Tutorial

BATCH, EPOCHS = 256, 10


def initialise(draw, layer_sizes, rng):
    parameters = []
    for l, (fan_in, fan_out) in enumerate(zip(layer_sizes, layer_sizes[1:]), start=1):
        for name, shape in ((f"W{l}", (fan_out, fan_in)), (f"b{l}", (fan_out, 1))):
            parameters.append(Tensor(draw(rng, shape).astype(np.float32), requires_grad=True, name=name))
    return parameters


def forward(X, *parameters):
    A = X
    for W, b in zip(parameters[:-2:2], parameters[1:-2:2]):
        A = (W @ A + b).relu()
    W, b = parameters[-2:]
    return W @ A + b


def loss(X, Y, *parameters):
    log_Y_hat = forward(X, *parameters).log_softmax(axis=0)
    return -(Y * log_Y_hat).sum(axis=0).mean()


def train(eta, X, Y, parameters, rng):
    m = X.shape[1]
    for epoch in range(1, EPOCHS + 1):
        order = rng.permutation(m)
        for start in range(0, m, BATCH):
            batch = order[start : start + BATCH]
            loss(X[:, batch], Y[:, batch], *parameters).backward()
            for p in parameters:
                p.data -= eta * p.grad.data
                p.grad = None
        yield epoch / EPOCHS


def by_hand(X, Y, *parameters):
    W, b = parameters[::2], parameters[1::2]  # the formulas, for any depth, are in tinygrad_mnist/manual/columns.py
    run = manual.columns.backward(manual.columns.forward(X, W, b), Y, W)
    return [gradient for l in sorted(run.dW) for gradient in (run.dW[l], run.db[l])]


def uniform(rng, shape):
    return rng.uniform(-0.5, 0.5, shape)


def as_written(draw, layer_sizes, eta):
    return AsWritten(partial(initialise, draw, layer_sizes), forward, loss, by_hand, partial(train, eta))


plain = PLAIN.changed(layers=(784, 100, 100, 10), lr=0.01, batch_size=BATCH, epochs=EPOCHS)

TUTORIAL = Tutorial("T4", "any layer_sizes, ReLU, softmax", (
    Row("simple", PRESETS["tiny"], 0.89, as_written(uniform, (784, 10, 10), 0.1)),
    Row("general", PRESETS["t4"], 0.87, as_written(np.random.Generator.standard_normal, (784, 100, 100, 10), 0.01)),
    Row("Xavier's init", plain.changed(init="xavier")),
    Row("He's init", plain.changed(init="he")),
))  # fmt: skip
