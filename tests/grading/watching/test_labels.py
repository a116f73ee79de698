"""What is taken for labels."""

import numpy as np

from tests.each import each
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
