"""BLAS adds a product to what is there, where nothing else needs the product."""

import numpy as np
import pytest

from tests.compiler.steps import program_of
from tinygrad_mnist import Tensor, compile
from tinygrad_mnist.compiler.passes.products import added_product, with_added_products

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 6, 4)).astype(np.float32)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize(
    "update",
    [
        lambda w, x, d: w - 0.5 * (x.T @ d),
        lambda w, x, d: 0.9 * w + x.T @ d,
        lambda w, x, d: (x.T @ d) - w,
        lambda w, x, d: w + 2.0 * (d.T @ x).T,
    ],
)
def test_a_product_is_added_in_place(update, order):
    w = np.asarray(RNG.normal(size=(4, 4)), np.float32, order=order)
    weight = Tensor(w, requires_grad=True)

    @compile(fused=False)
    def step(x, d):
        weight.data = update(weight.data, x, d)
        return weight.data.sum()

    for _ in range(3):
        w = update(w, X, Y)
        step(X, Y)
        np.testing.assert_allclose(weight.data, w, rtol=1e-5)
    assert "sgemm" in step.source()
    assert "matmul" not in step.source()


def test_a_product_that_something_else_needs_is_no_part_of_a_sum():
    def step(w, x, d):
        product = x.T @ d
        return w - product, product

    assert added_product not in [
        each.function for each in with_added_products(program_of(step, X.T @ Y, X, Y)).instructions
    ]
