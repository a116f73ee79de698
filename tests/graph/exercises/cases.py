"""Graphs that exercises are made of, and what fills them in."""

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, nn


def random(*shape):
    return np.random.default_rng(sum(shape)).standard_normal(shape)


def leaves(**shapes):
    return [Tensor(random(*shape) * 0.5, requires_grad=True, name=name) for name, shape in shapes.items()]


def rows():
    model = nn.MLP((6, 5, 4), seed=0)
    return cross_entropy(model(Tensor(random(8, 6).astype(np.float32), name="X")), np.arange(8) % 4)


def columns():
    """A softmax by hand, with log(A + 1e-8), of a network in columns."""
    W1, b1, W2, b2 = leaves(W1=(5, 6), b1=(5, 1), W2=(4, 5), b2=(4, 1))
    X, Y = Tensor(random(6, 8), name="X"), np.eye(4)[np.arange(8) % 4].T
    scores = W2 @ (W1 @ X + b1).tanh() + b2
    e = np.exp(scores - np.max(scores, axis=0, keepdims=True))
    return -np.sum(np.log(e / np.sum(e, axis=0, keepdims=True) + 1e-8) * Y) / 8


def cnn():
    nn.manual_seed(0)
    model = nn.network("1x10x10,4c3,mp2,3c3,10")
    return cross_entropy(model(random(4, 1, 10, 10).astype(np.float32)), np.arange(4))


def batch_norm():
    nn.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Dropout(0.2), nn.Linear(5, 3))
    return cross_entropy(model(Tensor(random(8, 6), name="X")), np.arange(8) % 3)


def branches():
    """A scalar expression whose values are used several times."""
    a, b = (Tensor(value, requires_grad=True, name=name, dtype=np.float64) for name, value in (("a", -4.0), ("b", 2.0)))
    c, d = a + b, a * b + b**3
    c = c + c + 1
    d = d + d * 2 + (b + a).relu()
    loss = (c - d) ** 2 / 2 + 10 / (c - d)
    loss.name = "loss"
    return loss


def residual():
    """A value that goes on two ways, and comes back along both."""
    W, V = leaves(W=(5, 6), V=(5, 5))
    h = (Tensor(random(8, 6), name="X") @ W.T).tanh()
    h.name = "h"
    return ((h @ V + h) ** 2).mean()


def embedding():
    """Rows picked from a table, as in makemore, and the same operation on them twice."""
    (C,) = leaves(C=(7, 3))
    chosen = C[np.array([[1, 4], [1, 2], [6, 0]])]
    chosen.name = "chosen"
    wide = chosen.reshape(3, 6)
    return (wide.exp() * wide.exp() + wide.log_softmax()).sum()


CASES = (rows, columns, cnn, batch_norm, branches, residual, embedding)


def filled_in(exercise):
    """Every value and every gradient, computed by the source of the exercise."""
    namespace = {"np": np}
    exec("\n".join(exercise.helpers), namespace)
    namespace.update(exercise.given)
    exec("\n".join([*exercise.forward, *(line for step in exercise.steps for line in step.lines)]), namespace)
    return namespace
