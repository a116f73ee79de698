"""Digits are drawn that a network can learn."""

import numpy as np

from tinygrad_mnist.grading.standins.digits import digits


def test_digits_are_told_apart_by_their_nearest_neighbours():
    (X, y), (T, t) = digits(240), digits(50, seed=1)
    distances = ((T.reshape(50, 1, 784).astype(float) - X.reshape(1, 240, 784)) ** 2).sum(-1)
    assert (y[distances.argmin(1)] == t).mean() > 0.8
    assert X.dtype == y.dtype == np.uint8
    assert np.median(X) == 0
    assert np.array_equal(digits(240)[0], X)
