"""A backprop with two mistakes and its verdict; the mended one passes. The last lines are a teacher's test."""

import numpy as np

from tinygrad_mnist.grading import assert_gradients, grade


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def with_mistakes(X, Y, W1, b1, W2, b2):
    m = len(X)
    z1 = X @ W1.T + b1
    a1 = np.maximum(z1, 0)
    d2 = softmax(a1 @ W2.T + b2) - Y
    d1 = d2 @ W2
    return d1.T @ X / m, d1.sum(axis=0) / m, d2.T @ a1 / m, d2.sum() / m


def mended(X, Y, W1, b1, W2, b2):
    m = len(X)
    z1 = X @ W1.T + b1
    a1 = np.maximum(z1, 0)
    d2 = softmax(a1 @ W2.T + b2) - Y
    d1 = (d2 @ W2) * (z1 > 0)
    return d1.T @ X / m, d1.sum(axis=0) / m, d2.T @ a1 / m, d2.sum(axis=0) / m


report = grade(with_mistakes)
print(report)
print()
print(grade(mended))

assert [finding.names for finding in report.findings] == [("bias-all-axes",), ("slope-missing",)]


def test_the_students_gradients():  # in a teacher's own file for pytest
    assert_gradients(mended)


test_the_students_gradients()
