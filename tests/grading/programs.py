"""Backprops as learners write them: right ones in many styles, and lines of them that are then changed."""

from tinygrad_mnist.grading import grade

ROWS = """
import numpy as np


def relu(z):
    return np.maximum(z, 0)


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def gradients(X, Y, W1, b1, W2, b2, W3, b3):
    m = X.shape[0]
    z1 = X @ W1.T + b1
    a1 = relu(z1)
    z2 = a1 @ W2.T + b2
    a2 = relu(z2)
    z3 = a2 @ W3.T + b3
    y = softmax(z3)
    d3 = y - Y
    dW3 = d3.T @ a2 / m
    db3 = d3.sum(axis=0) / m
    d2 = (d3 @ W3) * (z2 > 0)
    dW2 = d2.T @ a1 / m
    db2 = d2.sum(axis=0) / m
    d1 = (d2 @ W2) * (z1 > 0)
    dW1 = d1.T @ X / m
    db1 = d1.sum(axis=0) / m
    return dW1, db1, dW2, db2, dW3, db3
"""

COLUMNS = """
import numpy as np


def relu(z):
    return np.maximum(z, 0)


def softmax(z):
    e = np.exp(z - z.max(axis=0, keepdims=True))
    return e / e.sum(axis=0, keepdims=True)


def gradients(X, Y, W1, b1, W2, b2, W3, b3):
    m = X.shape[1]
    z1 = W1 @ X + b1
    a1 = relu(z1)
    z2 = W2 @ a1 + b2
    a2 = relu(z2)
    z3 = W3 @ a2 + b3
    y = softmax(z3)
    d3 = y - Y
    dW3 = d3 @ a2.T / m
    db3 = np.sum(d3, axis=1, keepdims=True) / m
    d2 = (W3.T @ d3) * (z2 > 0)
    dW2 = d2 @ a1.T / m
    db2 = np.sum(d2, axis=1, keepdims=True) / m
    d1 = (W2.T @ d2) * (z1 > 0)
    dW1 = d1 @ X.T / m
    db1 = np.sum(d1, axis=1, keepdims=True) / m
    return dW1, db1, dW2, db2, dW3, db3
"""

CHANGED_ROWS = [
    ("z.max(axis=1, keepdims=True)", "0", "softmax-unshifted"),
    ("z.max(axis=1, keepdims=True)", "z.max()", "softmax-array-max"),
    ("y = softmax(z3)", "y = softmax(z3.T).T", "softmax-axis"),
    ("d3 = y - Y", "d3 = Y - y", "error-sign"),
    ("d3 = y - Y", "d3 = y", "error-labels-missing"),
    ("d3 = y - Y", "d3 = -Y / y", "error-log-alone"),
    ("d3 = y - Y", "d3 = (y - Y) * y * (1 - y)", "error-softmax-again"),
    ("d3 = y - Y", "d3 = (y - Y) * (z3 > 0)", "error-activation"),
    ("d3 = y - Y", "d3 = 2 * (y - Y)", "error-doubled"),
    ("d3 = y - Y", "d3 = (y - Y) / m", "error-mean-twice"),
    ("m = X.shape[0]", "m = 1", "error-sum"),
    ("m = X.shape[0]", "m = X.shape[1]", "error-count"),
    ("m = X.shape[0]", "m = 60000", "error-constant"),
    ("e.sum(axis=1, keepdims=True)", "e.sum(axis=0, keepdims=True)", "softmax-axis"),
    ("(d2 @ W2) * (z1", "relu(d2 @ W2) * (z1", "carried-activated"),
    ("db2 = d2.sum(axis=0) / m", "db2 = dW2.sum(axis=1)", "bias-from-weights"),
    ("d3 @ W3)", "d3 @ W3.T)", "carried-untransposed"),
    ("d2 @ W2)", "d2 @ W1)", "carried-own"),
    ("d2 @ W2)", "d2 @ W3)", "carried-next"),
    ("d3 @ W3)", "d3 @ (W3 - 0.3 * dW3))", "carried-updated"),
    ("* (z2 > 0)", "", "slope-missing"),
    ("* (z2 > 0)", "* (a1 > 0)", "slope-previous"),
    ("* (z1 > 0)", "* (X > 0)", "slope-previous"),
    ("* (z1 > 0)", "* (z2 > 0)", "slope-next"),
    ("* (z1 > 0)", "* np.where(z1 > 0, 1, 0.01)", "slope-other"),
    ("* (z1 > 0)", "* (z1 < 0)", "slope-side"),
    ("* (z2 > 0)", "* relu(z2)", "slope-value"),
    ("* (z2 > 0)", "* a2 * (1 - a2)", "slope-sigmoid"),
    ("dW2 = d2.T @ a1 / m", "dW2 = d2.T @ a2 / m", "entering-own"),
    ("dW2 = d2.T @ a1 / m", "dW2 = d2.T @ X / m", "entering-earlier"),
    ("dW2 = d2.T @ a1 / m", "dW2 = d2.T @ z1 / m", "entering-z"),
    ("dW2 = d2.T @ a1 / m", "dW2 = a1.T @ d2 / m", "product-transposed"),
    ("dW2 = d2.T @ a1 / m", "dW2 = d2.T * a1 / m", "product-elementwise"),
    ("dW2 = d2.T @ a1 / m", "dW2 = d2 * a1 / m", "product-elementwise"),
    ("dW1 = d1.T @ X / m", "dW1 = d1.T @ X", "weight-mean-missing"),
    ("dW1 = d1.T @ X / m", "dW1 = d1.T @ X / m / m", "weight-mean-twice"),
    ("db3 = d3.sum(axis=0) / m", "db3 = d3.sum() / m", "bias-all-axes"),
    ("db2 = d2.sum(axis=0) / m", "db2 = np.mean(d2)", "bias-all-axes"),
    ("db2 = d2.sum(axis=0) / m", "db2 = np.full_like(b2, d2.sum() / m)", "bias-all-axes"),
    ("db2 = d2.sum(axis=0) / m", "db2 = d2.sum(axis=1) / m", "bias-wrong-axis"),
    ("db2 = d2.sum(axis=0) / m", "db2 = d2.sum(axis=1, keepdims=True) / m", "bias-wrong-axis"),
    ("db2 = d2.sum(axis=0) / m", "db2 = d2 / m", "bias-not-summed"),
    ("db2 = d2.sum(axis=0) / m", "db2 = d2.sum(axis=0)[:, None] / m", "bias-flat"),
    ("db1 = d1.sum(axis=0) / m", "db1 = d1.sum(axis=0)", "bias-mean-missing"),
    ("db1 = d1.sum(axis=0) / m", "db1 = d1.mean(axis=0) / m", "bias-mean-twice"),
]
"""A line, what becomes of it, and the mistake that it then is."""

CHANGED_COLUMNS = [
    ("W3.T @ d3", "W3 @ d3", "carried-untransposed"),
    ("dW2 = d2 @ a1.T / m", "dW2 = a1 @ d2.T / m", "product-transposed"),
    ("dW2 = d2 @ a1.T / m", "dW2 = d2 * a1.T / m", "product-elementwise"),
    ("np.sum(d3, axis=1, keepdims=True)", "np.sum(d3)", "bias-all-axes"),
    ("np.sum(d2, axis=1, keepdims=True)", "np.sum(d2, axis=0)", "bias-wrong-axis"),
    ("np.sum(d2, axis=1, keepdims=True)", "np.sum(d2, axis=0, keepdims=True)", "bias-wrong-axis"),
    ("np.sum(d2, axis=1, keepdims=True)", "np.sum(d2, axis=1)", "bias-flat"),
    ("np.sum(d1, axis=1, keepdims=True)", "d1", "bias-not-summed"),
    ("z.max(axis=0, keepdims=True)", "np.max(z)", "softmax-array-max"),
    ("z.max(axis=0, keepdims=True)", "0", "softmax-unshifted"),
    ("m = X.shape[1]", "m = X.shape[0]", "error-count"),
]


def compiled(program, old="", new=""):
    """The function of a program in which one line is changed."""
    assert old in program
    namespace = {}
    exec(program.replace(old, new, 1) if old else program, namespace)
    return namespace["gradients"]


def graded(tmp_path, program, name="mine.py"):
    """The report on a program, written to a file."""
    path = tmp_path / name
    path.write_text(program, encoding="utf-8")
    return grade(path)
