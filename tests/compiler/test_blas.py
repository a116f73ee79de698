"""BLAS's products by its address: in every layout, whole and in blocks."""

import ctypes

import numpy as np

from tests.each import each
from tinygrad_mnist.compiler import blas

RNG = np.random.default_rng(0)
ORDERS = [(a, b, c) for a in "CF" for b in "CF" for c in "CF"]
SIZES = [
    (3, 4, 5), (1, 4, 5), (3, 1, 5), (3, 4, 1), (1, 1, 1), (1, 5, 1), (7, 1, 1),
    (128, 800, 10), (10, 800, 128), (700, 150, 12), (64, 784, 50), (50, 784, 64), (130, 64, 130), (20, 3200, 16),
]  # fmt: skip


def operands(sizes, orders, dtype):
    """a, b and c of a product of so many rows, summed numbers and columns."""
    rows, inner, columns = sizes
    shapes = (rows, inner), (inner, columns), (rows, columns)
    return [np.asarray(RNG.random(shape), dtype, order=order) for shape, order in zip(shapes, orders, strict=True)]


def products(orders, dtype):
    """What is taken of BLAS, a, b, c and what becomes of c, for products of every size, whole and in blocks."""
    address, *_ = blas.gemm("sgemm" if dtype == np.float32 else "dgemm")
    for sizes in SIZES:
        a, b, c = operands(sizes, orders, dtype)
        for limits in ((0, 0), (blas.MOST, blas.FEW)):
            yield (address, *limits), a, b, c.copy(order="K"), -0.5 * (a @ b) + 2 * c


def assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=2e-5 if found.dtype == np.float32 else 1e-12)


@each("dtype", [np.float32, np.float64])
@each("orders", ORDERS)
@each("given", ["", "a", "b", "ab"])
def test_products_whole_and_in_blocks(dtype, orders, given):
    for gemm, a, b, c, expected in products(orders, dtype):
        x, y = (np.zeros_like(x) if name in given else x for name, x in (("a", a), ("b", b)))
        product = blas.Product(gemm, x, y, c, given)
        product(-0.5, 2, *(x for name, x in (("a", a), ("b", b)) if name in given))
        assert_close(c, expected)


def test_an_operand_may_lie_elsewhere_each_time():
    a, b, c = operands((64, 784, 30), "CFC", np.float32)
    product = blas.Product((blas.gemm("sgemm")[0], blas.MOST, blas.FEW), a, b, c, "a")
    for _ in range(3):
        a = RNG.random(a.shape, np.float32)
        product(1, 0, a)
        np.testing.assert_allclose(c, a @ b, rtol=2e-5)


def test_blocks_are_taken_where_they_are_faster():
    most, few = blas.MOST, blas.FEW
    assert blas.division(128, 10, 784, most, few, False) == (2, 768)  # of what is summed over
    assert blas.division(784, 10, 128, most, few, False) == (0, 768)
    assert blas.division(64, 128, 784, most, few, True) == (1, 8)
    assert blas.division(128, 800, 784, most, few, False) == (1, 800)  # too short: whole
    assert blas.division(128, 10, 784, 0, 0, False) == (0, 128)


def test_scipys_address_serves_where_numpys_is_not_found():
    a, b, c = operands((3, 4, 5), "CCC", np.float64)
    blas.Product((blas._of_scipy("dgemm"), 0, 0), a, b, c)(1, 0)
    np.testing.assert_allclose(c, a @ b)


def test_an_array_says_in_its_object_where_its_numbers_are():
    for x in (np.zeros(5), np.zeros((4, 6), np.float32)[1:, ::-2], np.asfortranarray(np.ones((2, 3))).T):
        address = ctypes.c_void_p.from_address(id(x) + blas.DATA).value
        assert address == x.__array_interface__["data"][0]
