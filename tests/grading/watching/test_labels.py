"""What is taken for labels."""

import numpy as np

from tests.each import each
from tests.grading.watching.runs import DATA, reported
from tinygrad_mnist.grading.watching.graph import Node
from tinygrad_mnist.grading.watching.labels import is_label

LABELS = {
    "whole numbers": np.array([0, 3, 1, 2]), "as floats": np.array([[0.0, 3, 1, 2]]),
    "one-hot": np.eye(3)[[0, 2, 1, 1]],
    "one-hot in columns": np.eye(3)[[0, 2, 1, 1]].T, "a column": np.array([[0], [3], [1]]),
    "of two signs": np.array([1, -1, -1]), "one-hot with signs": 2 * np.eye(3)[[0, 2, 1, 1]] - 1,
}  # fmt: skip
OTHERS = {
    "halves": np.array([0.5, 1, 2]), "a mask": np.array([[1, 1, 0], [0, 1, 1]]), "zeros": np.zeros(5),
    "pixels": np.arange(300),
    "a matrix": np.arange(6).reshape(2, 3), "negative": np.array([-1, 0, 1]), "NaN": np.array([np.nan, 1, 2]),
    "text": np.array(["a", "b"]),
    "one number": np.array([3]), "a number": 3,
}  # fmt: skip


@each("kind", [*LABELS, *OTHERS])
def test_labels_are_known_by_their_values(kind):
    value = {**LABELS, **OTHERS}[kind]
    assert is_label(Node(0, "leaf", None, (), {}, (), value, 0)) is (kind in LABELS)


PICKED = """
W, b = rng.normal(size=(6, 4)), np.zeros(4)
gain = np.ones(6)
for step in range(9):
    i = rng.integers(0, 12, 9)
    x, t = X[i], labels[i]
    h = x * gain
    z = h @ W + b
    p = np.exp(z)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[range(9), t]).mean()
    d = p.copy()
    d[range(9), t] -= 1
    d /= 9
    dW, db, dgain = h.T @ d, d.sum(axis=0), (d @ W.T * x).sum(axis=0)
    W -= 0.1 * dW
    b -= 0.1 * db
    gain -= 0.1 * dgain
"""


def test_what_picks_of_outputs_that_are_divided_in_place_is_labels():
    report = reported(DATA + PICKED)
    assert report.passed, report
    assert {p.name for p in report.parameters} == {"dW", "db", "dgain"}
