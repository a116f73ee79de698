"""Large numbers, kinks and ties: where a formula alone is not enough."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.strategies import arrays, steady
from tinygrad_mnist import cross_entropy
from tinygrad_mnist.engine import Tensor, grad, ops

FLOATS = [np.float32, np.float64]


def derivative(fn: Any, x: Any, dtype: Any = np.float64) -> Any:
    leaf = Tensor(np.array(x, dtype), requires_grad=True)
    out = fn(leaf)
    (g,) = grad(out, [leaf], np.ones(out.shape))
    return g.data


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("fn", "value", "slope"),
    [
        (ops.sigmoid, [0, 0.5, 1], [0, 0.25, 0]),
        (ops.softplus, [0, np.log(2), 1e4], [0, 0.5, 1]),
        (ops.tanh, [-1, 0, 1], [0, 1, 0]),
        (ops.silu, [0, 0, 1e4], [0, 0.5, 1]),
        (ops.elu, [-1, 0, 1e4], [0, 1, 1]),
        (ops.logsumexp, 1e4, [0, 0, 1]),
        (ops.softmax, [0, 0, 1], [0, 0, 0]),
        (ops.log_softmax, [-2e4, -1e4, 0], [1, 1, -2]),
    ],
)
def test_ten_thousand_either_way_is_exact_without_a_warning(fn: Any, value: Any, slope: Any, dtype: Any) -> None:
    x = np.array([-1e4, 0, 1e4], dtype)
    for result in (fn(x), fn(Tensor(x, requires_grad=True)).data):
        np.testing.assert_allclose(result, value, rtol=1e-6)
        assert result.dtype == dtype
    np.testing.assert_allclose(derivative(fn, x, dtype), slope, rtol=1e-6)


@steady
@given(x=arrays((2, 4)), shift=st.sampled_from([-1e4, -100.0, 100.0, 1e4]))
def test_softmax_and_its_kin_do_not_see_a_shift(x: Any, shift: float) -> None:
    for fn in (ops.softmax, ops.log_softmax, lambda z: ops.logsumexp(z, axis=-1, keepdims=True) - z):
        np.testing.assert_allclose(fn(x + shift), fn(x), rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(derivative(fn, x + shift), derivative(fn, x), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(np.sum(ops.softmax(x + shift), axis=-1), 1)


def test_logsumexp_of_nothing_but_minus_infinity_is_minus_infinity() -> None:
    with np.errstate(divide="ignore"):
        assert ops.logsumexp(np.full(3, -np.inf)) == -np.inf


@pytest.mark.parametrize("dtype", FLOATS)
def test_cross_entropy_of_huge_logits_is_the_distance_to_the_largest(dtype: Any) -> None:
    logits = Tensor(np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype), requires_grad=True)
    loss = cross_entropy(logits, np.array([0, 0]), reduction="none")
    np.testing.assert_array_equal(loss.data, [0, 2e4])
    loss.sum().backward()
    np.testing.assert_array_equal(logits.grad.data, [[0, 0, 0], [-1, 1, 0]])


@pytest.mark.parametrize(("fn", "exact"), [(ops.log1p, np.log1p), (ops.expm1, np.expm1)])
def test_small_numbers_keep_their_digits(fn: Any, exact: Any) -> None:
    x = np.array([1e-12, -1e-12, 1e-300])
    np.testing.assert_allclose(fn(x), x, rtol=1e-11)
    np.testing.assert_array_equal(fn(x), exact(x))


# kinks: the side that the documentation names


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("fn", "slope"),
    [
        (ops.relu, 0),
        (lambda x: ops.leaky_relu(x, negative_slope=0.25), 0.25),
        (lambda x: ops.leaky_relu(x, negative_slope=1.5), 1.5),
        (lambda x: ops.elu(x, alpha=0.75), 0.75),
        (ops.abs, 0),
        (lambda x: ops.clip(x, 0, 1), 1),
        (lambda x: ops.clip(x, -1, 0), 1),
        (lambda x: ops.maximum(x, 0), 0.5),
        (lambda x: ops.minimum(0, x), 0.5),
        (lambda x: x**0, 0),
        (lambda x: x**1, 1),
        (lambda x: x**2, 0),
    ],
)
@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_slope_at_zero_is_the_documented_one(fn: Any, slope: float, dtype: Any, zero: float) -> None:
    np.testing.assert_array_equal(derivative(fn, [zero, zero], dtype), [slope, slope])
    assert derivative(fn, zero, dtype) == slope


@steady
@given(x=arrays((3, 4)), axis=st.sampled_from([None, 0, -1, (0, 1)]), largest=st.booleans())
def test_ties_share_the_gradient_equally(x: Any, axis: Any, largest: bool) -> None:
    x = np.round(x)
    fn, reference = (ops.max, np.max) if largest else (ops.min, np.min)
    g = derivative(lambda t: fn(t, axis=axis), x)
    winners = x == reference(x, axis=axis, keepdims=True)
    np.testing.assert_array_equal(g > 0, winners)
    np.testing.assert_allclose(np.sum(g, axis=axis), 1)
    np.testing.assert_allclose(g, winners / np.sum(winners, axis=axis, keepdims=True))


@steady
@given(x=arrays((4,)), y=arrays((4,)))
def test_what_maximum_and_minimum_give_two_operands_adds_up_to_one(x: Any, y: Any) -> None:
    x, y = Tensor(np.round(x), requires_grad=True), Tensor(np.round(y), requires_grad=True)
    for fn, wins in ((ops.maximum, x > y), (ops.minimum, x < y)):
        gx, gy = grad(fn(x, y).sum(), [x, y])
        np.testing.assert_array_equal(gx.data + gy.data, 1)
        np.testing.assert_array_equal(gx.data, np.where(x == y, 0.5, wins))


# powers of zero and of negative numbers


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint16])
def test_integer_exponents_of_any_dtype_differentiate_any_base(dtype: Any) -> None:
    exponents = np.array([0, 1, 2, 3, 0, 1, 2, 3], dtype)
    x = np.array([-3.0, -3.0, -3.0, -3.0, 0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(derivative(lambda t: t**exponents, x), [0, 1, -6, 27, 0, 1, 0, 0])


@pytest.mark.parametrize("axis", [None, 0, 1, (0, 2), (-1, 0), ()])
@pytest.mark.parametrize("zeros", [0, 1, 2, 5])
def test_the_gradient_of_a_product_is_the_product_of_the_others_to_second_order(zeros: int, axis: Any) -> None:
    x = np.random.default_rng(zeros).uniform(0.5, 1.5, (2, 3, 5))
    x.reshape(-1)[[0, 7, 8, 21, 29][:zeros]] = 0
    step = 1e-4
    leaf = Tensor(x, requires_grad=True)
    weights = np.random.default_rng(9).normal(size=np.prod(x, axis=axis).shape)

    def slope(at: Any) -> Any:
        """Exact, as a product is linear in each factor."""
        out = np.empty_like(at)
        for place in np.ndindex(at.shape):
            high, low = at.copy(), at.copy()
            high[place], low[place] = at[place] + 1, at[place] - 1
            out[place] = ((np.prod(high, axis=axis) - np.prod(low, axis=axis)) / 2 * weights).sum()
        return out

    (g,) = grad((leaf.prod(axis=axis) * weights).sum(), [leaf], create_graph=True)
    np.testing.assert_allclose(g.numpy(), slope(x), atol=1e-12)
    if axis == ():
        return  # the product of one factor is linear
    direction = np.random.default_rng(1).normal(size=x.shape)
    (curve,) = grad((g * direction).sum(), [leaf])
    moved = (slope(x + step * direction) - slope(x - step * direction)) / (2 * step)
    np.testing.assert_allclose(curve.numpy(), moved, atol=1e-6)


def test_the_gradient_of_a_product_that_under_or_overflows_is_still_exact() -> None:
    np.testing.assert_array_equal(derivative(ops.prod, [1e-200, 1e-200, 2.0]), [2e-200, 2e-200, 0])
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(derivative(ops.prod, [1e200, 1e200, 1e-300]), [1e-100, 1e-100, np.inf])
    np.testing.assert_array_equal(derivative(ops.prod, np.zeros((0, 3))), np.zeros((0, 3)))
    np.testing.assert_array_equal(derivative(ops.prod, [0.0]), [1])
    np.testing.assert_array_equal(derivative(ops.prod, 0.0), 1)
