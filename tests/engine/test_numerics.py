"""Large numbers, kinks and ties: where a formula alone is not enough."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from tests.engine.strategies import arrays, steady
from tinygrad_mnist import cross_entropy
from tinygrad_mnist.engine import Tensor, grad, ops

FLOATS = [np.float32, np.float64]


def derivative(fn: Any, x: Any, dtype: Any = np.float64) -> Any:
    leaf = Tensor(np.array(x, dtype), requires_grad=True)
    out = fn(leaf)
    (g,) = grad(out, [leaf], np.ones(out.shape))
    return g.data


@each("dtype", FLOATS)
@each(
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


@each("dtype", FLOATS)
def test_cross_entropy_of_huge_logits_is_the_distance_to_the_largest(dtype: Any) -> None:
    logits = Tensor(np.array([[1e4, -1e4, 0], [-1e4, 1e4, 0]], dtype), requires_grad=True)
    loss = cross_entropy(logits, np.array([0, 0]), reduction="none")
    np.testing.assert_array_equal(loss.data, [0, 2e4])
    loss.sum().backward()
    np.testing.assert_array_equal(logits.grad.data, [[0, 0, 0], [-1, 1, 0]])


@each(("fn", "exact"), [(ops.log1p, np.log1p), (ops.expm1, np.expm1)])
def test_small_numbers_keep_their_digits(fn: Any, exact: Any) -> None:
    x = np.array([1e-12, -1e-12, 1e-300])
    np.testing.assert_allclose(fn(x), x, rtol=1e-11)
    np.testing.assert_array_equal(fn(x), exact(x))


# kinks: the side that the documentation names


@each("dtype", FLOATS)
@each(
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
@each("zero", [0.0, -0.0])
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


@each("dtype", [np.float64, np.int64, np.uint16])
def test_integer_exponents_of_any_dtype_differentiate_any_base(dtype: Any) -> None:
    exponents = np.array([0, 1, 2, 3, 0, 1, 2, 3], dtype)
    x = np.array([-3.0, -3.0, -3.0, -3.0, 0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(derivative(lambda t: t**exponents, x), [0, 1, -6, 27, 0, 1, 0, 0])


@each(("exponent", "slope"), [(-1.0, -np.inf), (0.0, 0.0), (2.0, 0.0)])
def test_a_power_of_zero_stays_zero_as_its_exponent_varies_and_falls_below_it(exponent: float, slope: float) -> None:
    with np.errstate(divide="ignore"):
        assert derivative(lambda y: 0.0**y, [exponent]) == [slope]
        assert derivative(lambda y: np.zeros(1) ** y, [exponent]) == [slope]


# what a mask leaves out is 0, whatever reaches it

OF_EITHER_SIDE = np.array([[-1.0, 4.0]])
PASSING_POSITIVE = [
    (ops.relu, [[0, 1]]),
    (lambda x: ops.leaky_relu(x, 0.0), [[0, 1]]),
    (lambda x: ops.maximum(x, 0), [[0, 1]]),
    (lambda x: -ops.minimum(-x, 0), [[0, 1]]),
    (lambda x: ops.clip(x, 0, 9), [[0, 1]]),
    (lambda x: ops.where(x > 0, x, 0), [[0, 1]]),
    (lambda x: ops.max(x, axis=1), [[0, 1]]),
    (lambda x: -ops.min(-x), [[0, 1]]),
    (lambda x: ops.max(x, axis=(0, 1), keepdims=True), [[0, 1]]),
]


@each("create_graph", [False, True])
@each("cotangent", [np.inf, -np.inf, np.nan])
@each("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@each(("fn", "passing"), PASSING_POSITIVE)
def test_no_infinite_gradient_comes_through_where_a_mask_is_zero(
    fn: Any, passing: Any, dtype: Any, cotangent: float, create_graph: bool
) -> None:
    x = Tensor(OF_EITHER_SIDE.astype(dtype), requires_grad=True)
    out = fn(x)
    (g,) = grad(out, [x], np.full(out.shape, cotangent, dtype), create_graph)
    assert g.dtype == dtype
    np.testing.assert_array_equal(g.data, np.where(passing, cotangent, 0))


@each(("fn", "slope"), [(ops.abs, 0), (lambda x: x**0, 0), (lambda x: ops.leaky_relu(x, 0.0), 0)])
@each("cotangent", [np.inf, np.nan])
def test_a_flat_place_is_flat_for_an_infinite_gradient_too(fn: Any, slope: float, cotangent: float) -> None:
    x = Tensor(np.zeros(2), requires_grad=True)
    np.testing.assert_array_equal(grad(fn(x), [x], np.full(2, cotangent))[0].data, [slope, slope])


@each("outer", [ops.sqrt, ops.log, lambda y: 1 / y, lambda y: y**0.5, lambda y: y**-1])
def test_a_pole_behind_a_mask_is_not_seen_from_the_side_that_it_shuts_off(outer: Any) -> None:
    with np.errstate(divide="ignore"):
        for fn in (ops.relu, lambda x: ops.maximum(x, 0), lambda x: ops.clip(x, 0, 9)):
            slopes = derivative(lambda x, fn=fn: outer(fn(x)), [-1.0, 4.0])
            np.testing.assert_allclose(slopes, [0, derivative(outer, 4.0)])


def test_the_second_derivative_is_zero_behind_a_mask_though_it_has_a_pole_there() -> None:
    x = Tensor([-1.0, 4.0], requires_grad=True, dtype=np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        (slope,) = grad((ops.relu(x) ** 1.5).sum(), [x], create_graph=True)
        np.testing.assert_allclose(grad(slope.sum(), [x])[0].data, [0, 0.375])


@each(("slope", "value"), [(0.0, [0, 0, np.inf]), (0.5, [-np.inf, -0.5, np.inf])])
def test_a_leaky_relu_of_infinity_is_infinite(slope: float, value: Any) -> None:
    np.testing.assert_array_equal(ops.leaky_relu(np.array([-np.inf, -1, np.inf]), slope), value)


# far out


@each("dtype", [np.float32, np.float64])
@each(("fn", "exact"), [(lambda x: ops.elu(x, 0.7), lambda x: 0.7 * np.exp(x)), (ops.expm1, np.exp)])
def test_slopes_far_below_zero_keep_their_digits(fn: Any, exact: Any, dtype: Any) -> None:
    x = np.array([-5, -10, -16, -20, -30], dtype)
    np.testing.assert_allclose(derivative(fn, x, dtype), exact(x.astype(np.float64)), rtol=1e-6)


# sums: dtypes that are soon full, and many rows


def test_means_and_deviations_of_float16_do_not_overflow() -> None:
    ones, wide = np.ones(70_000, np.float16), np.array([300, -300, 5, 1], np.float16)
    for x, fn, exact in ((ones, np.mean, 1), (ones, np.var, 0), (wide, np.std, 212.2), (200 * ones, np.mean, 200)):
        result = fn(Tensor(x))
        assert result.dtype == np.float16
        np.testing.assert_allclose(result.item(), exact, rtol=1e-3)
    assert derivative(ops.mean, ones, np.float16)[0] == np.float16(1 / 70_000)


def test_the_slope_of_gelu_is_one_or_nothing_far_out_in_float16() -> None:
    np.testing.assert_array_equal(derivative(ops.gelu, [200, -200, 30_000, -30_000], np.float16), [1, 0, 1, 0])


@each("axis", [0, (0,), -2])
@each("keepdims", [False, True])
@each("rows", [0, 1, 255, 256, 257, 1024, 200_001])
@each("columns", [0, 1, 5])
def test_sums_of_rows_keep_the_digits_of_float32(axis: Any, keepdims: bool, rows: int, columns: int) -> None:
    x = np.random.default_rng(0).random((rows, columns), dtype=np.float32) + 3
    exact = np.sum(x, axis=0, dtype=np.float64, keepdims=keepdims)
    for array in (x, np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        total = ops.sum(array, axis, keepdims)
        assert total.dtype == np.float32
        assert total.shape == exact.shape
        np.testing.assert_allclose(total, exact, rtol=3e-7)


def test_statistics_of_a_million_rows_far_from_zero() -> None:
    x = (1e4 + np.random.default_rng(0).standard_normal((1_000_000, 2))).astype(np.float32)
    np.testing.assert_allclose(ops.var(x, axis=0), x.astype(np.float64).var(axis=0), rtol=1e-5)
    np.testing.assert_allclose(ops.mean(np.full((1_000_000, 1), 0.1, np.float32), axis=0), 0.1, rtol=2e-7)


def test_a_bias_added_to_many_rows_gets_all_digits_of_its_gradient() -> None:
    bias, rows = Tensor(np.zeros(2, np.float32), requires_grad=True), np.zeros((800_000, 2), np.float32)
    g = np.random.default_rng(0).random(rows.shape, dtype=np.float32)
    np.testing.assert_allclose(grad(bias + rows, [bias], g)[0].data, g.sum(axis=0, dtype=np.float64), rtol=3e-7)


@each("fn", [ops.var, ops.std])
@each("ddof", [2, 3, 4])
def test_deviations_of_no_degrees_of_freedom_are_infinite(fn: Any, ddof: int) -> None:
    with np.errstate(divide="ignore"):
        assert fn(np.array([1.0, 3.0]), ddof=ddof) == np.inf


# values without a spread, and no values


def test_the_deviation_of_equal_values_is_flat() -> None:
    x = np.array([[2.0, 1.0, -3.0], [2.0, 3.0, -3.0]])
    np.testing.assert_allclose(derivative(lambda t: ops.std(t, axis=0), x), [[0, -0.5, 0], [0, 0.5, 0]])
    np.testing.assert_array_equal(ops.std(x, axis=0), [0, 1, 0])
    for fn in (ops.std, lambda t: ops.std(t, axis=1, keepdims=True)):
        np.testing.assert_array_equal(derivative(fn, np.ones((1, 4))), np.zeros((1, 4)))


@each("fn", [ops.softmax, ops.log_softmax])
def test_probabilities_of_no_classes_are_none(fn: Any) -> None:
    assert fn(np.zeros((2, 0), np.float32)).shape == (2, 0)
    assert derivative(fn, np.zeros((2, 0))).shape == (2, 0)
    assert fn(np.zeros((0, 3)), axis=0).shape == (0, 3)


def test_the_logarithm_of_an_empty_sum_is_minus_infinity() -> None:
    with np.errstate(divide="ignore"):
        np.testing.assert_array_equal(ops.logsumexp(np.zeros((2, 0)), axis=-1), [-np.inf, -np.inf])


@each("axis", [0, -1, None, ()])
@each(("fn", "slope"), [(ops.sum, 1), (ops.mean, 1), (ops.max, 1), (ops.min, 1), (ops.prod, 1), (ops.var, 0)])
@each("keepdims", [False, True])
def test_a_number_is_reduced_along_an_axis_as_numpy_sums_it(fn: Any, slope: float, axis: Any, keepdims: bool) -> None:
    x = np.array(3.0)
    assert fn(x, axis=axis, keepdims=keepdims) == getattr(np, fn.__name__)(x)
    g = derivative(lambda t: fn(t, axis=axis, keepdims=keepdims), x)
    assert g.shape == ()
    assert g == slope


# products


@each("axis", [None, 0, 1, (0, 2), (-1, 0), ()])
@each("zeros", [0, 1, 2, 5])
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
