from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from tests.engine.strategies import arrays, networks, steady
from tinygrad_mnist import Tensor, hessian, hvp, jacobian, jvp, no_grad, vjp
from tinygrad_mnist.engine import GraphError, ops


def like(inputs: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    return tuple(rng.normal(size=x.shape) for x in inputs)


def inner(xs: Any, ys: Any) -> float:
    return float(sum(np.sum(np.asarray(x) * np.asarray(y)) for x, y in zip(xs, ys, strict=True)))


# against formulas


@steady
@given(a=arrays((3, 2)), x=arrays((2,)))
def test_the_jacobian_of_a_linear_function_is_its_matrix(a: Any, x: Any) -> None:
    np.testing.assert_allclose(jacobian(lambda t: a @ t, x).data, a)


@steady
@given(x=arrays((2, 2)))
def test_the_jacobian_of_an_elementwise_function_is_diagonal(x: Any) -> None:
    found = jacobian(Tensor.sin, x)
    assert found.shape == (2, 2, 2, 2)
    np.testing.assert_allclose(found.data.reshape(4, 4), np.diag(np.cos(x).ravel()))


@steady
@given(z=arrays((4,)))
def test_the_jacobian_of_softmax_is_diag_p_minus_p_p(z: Any) -> None:
    p = np.exp(z) / np.exp(z).sum()
    np.testing.assert_allclose(jacobian(ops.softmax, z).data, np.diag(p) - np.outer(p, p), atol=1e-14)


@steady
@given(a=arrays((3, 3)), x=arrays((3,)))
def test_the_hessian_of_a_quadratic_form_is_its_matrix_and_transpose(a: Any, x: Any) -> None:
    np.testing.assert_allclose(hessian(lambda t: t @ (a @ t), x).data, a + a.T, atol=1e-14)


@steady
@given(a=arrays((2, 3)), x=arrays((2,)), y=arrays((3,)))
def test_the_hessian_of_a_bilinear_form_has_blocks(a: Any, x: Any, y: Any) -> None:
    (xx, xy), (yx, yy) = hessian(lambda s, t: s @ a @ t, (x, y))
    np.testing.assert_array_equal(xx.data, np.zeros((2, 2)))
    np.testing.assert_allclose(xy.data, a)
    np.testing.assert_allclose(yx.data, a.T)
    np.testing.assert_array_equal(yy.data, np.zeros((3, 3)))


# against each other, on small networks


@steady
@given(drawn=networks(), seed=st.integers(0, 99))
def test_forward_and_reverse_mode_are_transposes(drawn: Any, seed: int) -> None:
    function, inputs = drawn
    rowwise = lambda *xs: function(*xs) * np.array([1.0, -2.0, 0.5])  # noqa: E731
    tangents, cotangent = like(inputs, seed), np.random.default_rng(seed).normal(size=3)
    value, pulled = vjp(rowwise, inputs, cotangent)
    same, pushed = jvp(rowwise, inputs, tangents)
    np.testing.assert_array_equal(value.data, same.data)
    np.testing.assert_array_equal(value.data, rowwise(*map(Tensor, inputs)).data)
    np.testing.assert_allclose(inner(pulled, tangents), np.sum(cotangent * pushed.data), rtol=1e-9, atol=1e-12)


@steady
@given(drawn=networks(), seed=st.integers(0, 99))
def test_the_jacobian_times_a_vector_is_the_jvp(drawn: Any, seed: int) -> None:
    function, inputs = drawn
    tangents = like(inputs, seed)
    rows = jacobian(function, inputs)
    assert [j.shape for j in rows] == [x.shape for x in inputs]
    np.testing.assert_allclose(inner(rows, tangents), jvp(function, inputs, tangents)[1].item(), rtol=1e-9, atol=1e-12)


@steady
@given(drawn=networks(), seed=st.integers(0, 99))
def test_the_hessian_is_symmetric_and_times_a_vector_is_the_hvp(drawn: Any, seed: int) -> None:
    function, inputs = drawn
    vectors = like(inputs, seed)
    blocks = hessian(function, inputs)
    sizes = [x.size for x in inputs]
    full = np.block(
        [[b.data.reshape(n, m) for b, m in zip(row, sizes, strict=True)] for row, n in zip(blocks, sizes, strict=True)]
    )
    np.testing.assert_allclose(full, full.T, rtol=1e-9, atol=1e-12)
    value, products = hvp(function, inputs, vectors)
    flat = np.concatenate([p.data.ravel() for p in products])
    np.testing.assert_allclose(full @ np.concatenate([v.ravel() for v in vectors]), flat, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(value.data, function(*map(Tensor, inputs)).data)


@steady
@given(x=arrays((3,)), v=arrays((3,)))
def test_the_jvp_is_linear_in_its_tangents(x: Any, v: Any) -> None:
    def slope(tangent: Any) -> Any:
        return jvp(lambda t: t.sin() * t, x, tangent)[1].data

    np.testing.assert_allclose(slope(3 * v), 3 * slope(v), atol=1e-14)


# forms of the arguments


def test_one_input_gives_one_result_and_a_tuple_gives_a_tuple() -> None:
    x = np.array([1.0, 2.0])
    assert jacobian(lambda t: t * 2, x).shape == (2, 2)
    (only,) = jacobian(lambda t: t * 2, (x,))
    assert only.shape == (2, 2)
    assert hessian(lambda t: (t * t).sum(), x).shape == (2, 2)
    assert vjp(lambda t: t.sum(), x)[1].shape == (2,)
    assert isinstance(vjp(lambda t: t.sum(), (x,))[1], tuple)


def test_an_ignored_input_has_derivative_zero() -> None:
    x, y = np.array([1.0, 2.0]), np.ones((3, 1))
    function = lambda s, t: (s * s).sum()  # noqa: E731
    assert not jacobian(function, (x, y))[1].data.any()
    assert jacobian(function, (x, y))[1].shape == (3, 1)
    (xx, xy), (yx, yy) = hessian(function, (x, y))
    np.testing.assert_array_equal(xx.data, 2 * np.eye(2))
    assert (xy.shape, yx.shape, yy.shape) == ((2, 3, 1), (3, 1, 2), (3, 1, 3, 1))
    assert not any(block.data.any() for block in (xy, yx, yy))
    np.testing.assert_array_equal(jvp(function, (x, y), (np.zeros(2), np.ones((3, 1))))[1].data, 0)
    np.testing.assert_array_equal(hvp(function, (x, y), (x, y))[1][1].data, np.zeros((3, 1)))


def test_a_constant_function_has_derivative_zero() -> None:
    constant = lambda t: Tensor(np.array([1.0, 2.0]))  # noqa: E731
    x = np.ones(3)
    assert jacobian(constant, x).shape == (2, 3)
    assert not jacobian(constant, x).data.any()
    assert not jvp(constant, x, x)[1].data.any()
    assert not vjp(constant, x, np.ones(2))[1].data.any()


@each("shape", [(0,), (0, 3), (2, 0)])
def test_no_elements_have_derivatives_of_no_elements(shape: Any) -> None:
    x = np.ones(shape)
    assert jacobian(lambda t: t * 2, x).shape == shape + shape
    assert hessian(lambda t: (t * t).sum(), x).shape == shape + shape
    assert jacobian(lambda t: t.sum(), x).shape == shape
    assert jvp(lambda t: t * 2, x, x)[1].shape == shape
    assert vjp(lambda t: t * 2, x, x)[1].shape == shape


@each("dtype", [np.float16, np.float32, np.float64])
def test_derivatives_keep_the_precision_of_the_inputs(dtype: Any) -> None:
    x = np.array([0.5, 1.5], dtype)
    square = lambda t: (t * t).sum()  # noqa: E731
    for found in (
        jacobian(Tensor.exp, x), hessian(square, x), hvp(square, x, x)[1], jvp(Tensor.exp, x, x)[1], vjp(square, x)[1],
    ):  # fmt: skip
        assert found.dtype == dtype


def test_inputs_are_neither_changed_nor_given_gradients() -> None:
    w = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    for derive in (jacobian, hessian, vjp):
        derive(lambda t: (t * t).sum(), w)
    assert w.grad is None
    np.testing.assert_array_equal(w.data, [1, 2])


@each("wrong", [np.ones(2), np.ones((1, 3)), np.ones((3, 1)), 1.0])
def test_vectors_must_have_the_shape_of_what_they_multiply(wrong: Any) -> None:
    x = np.ones(3)
    with pytest.raises(ValueError, match=r"shape .* \(3,\)"):
        jvp(lambda t: t * 2, x, wrong)
    with pytest.raises(ValueError, match=r"shape .* \(3,\)"):
        hvp(lambda t: (t * t).sum(), x, wrong)
    with pytest.raises(ValueError, match=r"shape .* \(3,\)"):
        vjp(lambda t: t * 2, x, wrong)


@each("derive", [jacobian, hessian, vjp])
def test_under_no_grad_a_derivative_is_an_error_and_not_zero(derive: Any) -> None:
    with no_grad(), pytest.raises(GraphError, match="no_grad"):
        derive(lambda t: (t * t).sum(), np.ones(2))


def test_the_hessian_is_of_one_number() -> None:
    with pytest.raises(GraphError, match="not a scalar"):
        hessian(lambda t: t * t, np.ones(2))


def test_a_python_number_is_an_input_like_any_other() -> None:
    value, slope = jvp(lambda a: a * a, 3.0, 1.0)
    assert (value.item(), slope.item()) == (9, 6)
    value, curvature = hvp(lambda a: a * a * a, 3.0, 1.0)
    assert (value.item(), curvature.item()) == (27, 18)
