"""What parts call, compiled by numba: products in every layout, and functions of many numbers at once."""

import numpy as np
import pytest

from tests.compiler.test_blas import ORDERS, assert_close, products
from tests.each import each

native = pytest.importorskip(
    "tinygrad_mnist.compiler.kernels.native", reason="numba is not installed: pip install '.[fast]'"
)


@each("dtype", [np.float32, np.float64])
@each("orders", ORDERS)
def test_products_in_every_layout_whole_and_in_blocks(dtype, orders):
    for gemm, a, b, c, expected in products(orders, dtype):
        native.product(gemm, -0.5, a, b, 2, c)
        assert_close(c, expected)


def test_exp_in_single_precision_is_right_to_the_last_bit_but_one():
    x = np.concatenate([np.linspace(-110, 95, 20_001), [0, -0.0, 1e-8, np.inf, -np.inf, np.nan]]).astype(np.float32)
    found = np.array([native.exp(each) for each in x], np.float32)
    with np.errstate(over="ignore", under="ignore"):
        expected = np.exp(x.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_max_ulp(found[:-3], expected[:-3], 1)
    np.testing.assert_array_equal(found[-3:], [np.inf, 0, np.nan])


@each("dtype", [np.float32, np.float64, np.int64, np.uint8])
def test_the_larger_and_the_smaller_are_numpys(dtype):
    numbers = [0, 1, 2, 200] + ([-1.5, np.inf, -np.inf, np.nan] if np.dtype(dtype).kind == "f" else [])
    larger, smaller = _pairwise()
    for x in map(dtype, numbers):
        for y in map(dtype, numbers):
            np.testing.assert_equal(larger(x, y), np.maximum(x, y))
            np.testing.assert_equal(smaller(x, y), np.minimum(x, y))


def _pairwise():
    from numba import njit

    maximum, minimum = native.maximum, native.minimum
    return njit(lambda x, y: maximum(x, y)), njit(lambda x, y: minimum(x, y))
