"""The loops of kernels."""

import numpy as np
import pytest

from tinygrad_mnist import compile

X, Y = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)


@pytest.mark.usefixtures("interpreted")
def test_a_number_of_a_row_is_read_before_another_lies_in_its_place():
    def step(x, r):
        given, cubes = np.power(r, 3), np.power(x, 3)
        half = cubes.sum(axis=-1, keepdims=True) * np.float32(0.5)
        return half, cubes * (half + given)

    compiled = compile(step, fused=True)
    rows = Y[:, :1].copy()
    for expected, found in zip(step(X, rows), compiled(X, rows), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-5)
