from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.each import each
from tests.engine.strategies import arrays, broadcastable, steady
from tinygrad_mnist.engine import GraphError, Tensor, grad, ops

FLOATS = [np.float16, np.float32, np.float64]
ARITHMETIC = [operator.add, operator.sub, operator.mul, operator.truediv, operator.pow]


def leaf(array: Any, dtype: Any = np.float64, name: str | None = None) -> Tensor:
    return Tensor(np.array(array, dtype), requires_grad=True, name=name)


# dtypes


@each("op", ARITHMETIC)
@each("dtype", FLOATS)
@each("number", [2, 0.5])
def test_python_numbers_are_weak(op: Any, dtype: Any, number: Any) -> None:
    x = leaf([0.5, 1.5], dtype)
    for y in (op(x, number), op(number, x), x.sum() * number):
        assert y.dtype == dtype
        x.grad = None
        y.sum().backward()
        assert x.grad.dtype == dtype


@each("op", [*ARITHMETIC, np.maximum, np.minimum])
@each("left", FLOATS)
@each("right", [*FLOATS, np.int64, np.bool_])
def test_mixed_dtypes_give_numpys_dtype_and_each_leaf_its_own_gradient(op: Any, left: Any, right: Any) -> None:
    if op is operator.sub and right is np.bool_:
        op = operator.add
    x, other = leaf([1.5, 2.5], left), np.ones(2, right)
    y = Tensor(other, requires_grad=other.dtype.kind == "f")
    for operand in (y, other):
        x.grad = y.grad = None
        out = op(x, operand)
        assert out.dtype == op(x.numpy(), other).dtype
        out.sum().backward()
        assert x.grad.dtype == left
    for numpy_scalar in (other[0],):
        assert op(x, numpy_scalar).dtype == op(x.numpy(), numpy_scalar).dtype
    if y.requires_grad:
        op(x, y).sum().backward()
        assert y.grad.dtype == right


@each("dtype", FLOATS)
def test_lists_beside_a_tensor_are_what_numpy_takes_them_for(dtype: Any) -> None:
    x = leaf([1.5, 2.5], dtype)
    out = x + [0.1, 0.2]
    assert out.dtype == (x.numpy() + [0.1, 0.2]).dtype
    np.testing.assert_array_equal(out.data, x.numpy() + [0.1, 0.2])
    out.sum().backward()
    assert x.grad.dtype == dtype


def test_arrays_keep_their_dtype_and_python_numbers_become_float32() -> None:
    for dtype in (*FLOATS, np.int8, np.int64, np.bool_):
        assert Tensor(np.ones(2, dtype)).dtype == dtype
    for numbers in (1, 2.5, [1, 2], [[0.5], [1.5]]):
        assert Tensor(numbers).dtype == np.float32
    assert Tensor([1, 2], dtype=np.int64).dtype == np.int64


@each("array", [np.arange(3), np.array([True]), np.ones(2, complex)])
def test_only_floating_point_can_require_gradients(array: Any) -> None:
    with pytest.raises(TypeError, match=rf"{array.dtype} can't require gradients.*astype"):
        Tensor(array, requires_grad=True)


@each("junk", [None, "3", ["a"], [object()], {1: 2}])
def test_what_is_not_numeric_is_refused(junk: Any) -> None:
    with pytest.raises(TypeError, match="a tensor holds"):
        Tensor(junk)


def test_lists_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="inhomogeneous shape"):
        Tensor([[1], [1, 2]])


@each(
    ("leave", "dtype"),
    [
        (lambda x: x.astype(np.int64) * 2.0, "int64"),
        (lambda x: x.astype(bool) * 2.0, "bool"),
        (lambda x: x.astype(np.int32), "int32"),
        (lambda x: x * 1j, "complex128"),
        (lambda x: abs(x + Tensor(np.ones(2, complex))), "complex128"),
        (lambda x: ops.concatenate([x, np.ones(2, complex)]), "complex128"),
    ],
)
@each("create_graph", [False, True])
def test_no_gradient_travels_through_integers_or_complex_numbers(leave: Any, dtype: str, create_graph: bool) -> None:
    x = leaf([1.5, 2.5], name="W")
    out = leave(x)
    with pytest.raises(TypeError, match=rf"(?s)test_tensor\.py:\d+.*{dtype}.*floating point.*detach"):
        out.backward(np.ones(out.shape), create_graph=create_graph)
    assert x.grad is None


def test_integers_may_be_looked_at_where_no_gradient_is_asked_for() -> None:
    x = leaf([1.5, 2.5])
    np.testing.assert_array_equal(x.astype(np.int64).data, [1, 2])
    (x * x.detach().astype(np.int64)).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [1, 2])


# NumPy and tensors


BINARY_UFUNCS = [np.add, np.subtract, np.multiply, np.divide, np.power, np.maximum, np.minimum]


@steady
@given(drawn=broadcastable(), data=st.data(), ufunc=st.sampled_from(BINARY_UFUNCS))
def test_arithmetic_with_an_array_on_either_side_is_recorded(drawn: Any, data: st.DataObject, ufunc: Any) -> None:
    (left, right), shape = drawn
    positive = arrays(left).map(lambda a: np.abs(a) + 0.5), arrays(right).map(lambda a: np.abs(a) + 0.5)
    a, b = data.draw(positive[0]), data.draw(positive[1])
    for out in (ufunc(a, leaf(b)), ufunc(leaf(a), b), ufunc(leaf(a), leaf(b))):
        assert isinstance(out, Tensor)
        assert out.requires_grad
        assert out.shape == shape
        np.testing.assert_array_equal(out.data, ufunc(a, b))


@each(
    ("on_tensor", "on_array"),
    [
        (lambda a, t: a + t, lambda a, b: a + b),
        (lambda a, t: a - t, lambda a, b: a - b),
        (lambda a, t: a * t, lambda a, b: a * b),
        (lambda a, t: a / t, lambda a, b: a / b),
        (lambda a, t: a**t, lambda a, b: a**b),
        (lambda a, t: a @ t, lambda a, b: a @ b),
        (lambda a, t: t @ a, lambda a, b: b @ a),
        (lambda a, t: np.matmul(a, t), lambda a, b: a @ b),
        (lambda a, t: np.float64(2) * t, lambda a, b: 2 * b),
        (lambda a, t: np.float64(2) ** t, lambda a, b: 2**b),
        (lambda a, t: 1 - t, lambda a, b: 1 - b),
        (lambda a, t: a.tolist() + t, lambda a, b: a + b),
        (lambda a, t: np.exp(t), lambda a, b: np.exp(b)),
        (lambda a, t: np.negative(t), lambda a, b: -b),
        (lambda a, t: np.absolute(t), lambda a, b: b),
        (lambda a, t: np.sum(t, axis=0), lambda a, b: b.sum(axis=0)),
        (lambda a, t: np.add.reduce(t, axis=0, keepdims=True), lambda a, b: b.sum(axis=0, keepdims=True)),
        (lambda a, t: np.add.reduce(t), lambda a, b: np.add.reduce(b)),
        (lambda a, t: np.vdot(a, t), lambda a, b: np.vdot(a, b)),
        (lambda a, t: +t, lambda a, b: b),
        (lambda a, t: np.einsum("ij,jk", t, [[1.0, 2.0], [3.0, 4.0]]), lambda a, b: b @ [[1.0, 2.0], [3.0, 4.0]]),
        (lambda a, t: np.einsum(",ij->ji", 2.0, t), lambda a, b: 2 * b.T),
        (lambda a, t: np.mean(t, -1, keepdims=True), lambda a, b: b.mean(-1, keepdims=True)),
        (lambda a, t: np.max(t, 1), lambda a, b: b.max(1)),
        (lambda a, t: np.std(t, axis=1, ddof=1), lambda a, b: np.std(b, axis=1, ddof=1)),
        (lambda a, t: np.concatenate([a, t, a], axis=1), lambda a, b: np.concatenate([a, b, a], axis=1)),
        (lambda a, t: np.concatenate(t), lambda a, b: np.concatenate(b)),
        (lambda a, t: np.stack([a, t]), lambda a, b: np.stack([a, b])),
        (lambda a, t: np.where(a > 0.6, t, a), lambda a, b: np.where(a > 0.6, b, a)),
        (lambda a, t: np.where(t > 0.6, t, 0), lambda a, b: np.where(b > 0.6, b, 0)),
        (lambda a, t: np.clip(t, 0.5, None), lambda a, b: np.clip(b, 0.5, None)),
        (lambda a, t: np.einsum("ij,kj->ik", a, t), lambda a, b: a @ b.T),
        (lambda a, t: np.transpose(t, (1, 0)), lambda a, b: b.T),
        (lambda a, t: np.reshape(t, -1), lambda a, b: b.ravel()),
        (lambda a, t: np.pad(t, 1, "constant"), lambda a, b: np.pad(b, 1)),
        (lambda a, t: np.pad(t, 1, mode="constant", constant_values=2), lambda a, b: np.pad(b, 1, constant_values=2)),
        (lambda a, t: np.take(t, [0, 0], axis=1), lambda a, b: b[:, [0, 0]]),
        (lambda a, t: np.split(t, 2)[1], lambda a, b: b[1:]),
        (lambda a, t: np.flip(t, 0), lambda a, b: b[::-1]),
    ],
)
def test_numpys_own_functions_record_the_operation_of_the_same_meaning(on_tensor: Any, on_array: Any) -> None:
    a, b = np.array([[0.5, 0.6], [0.7, 0.8]]), np.array([[0.9, 1.1], [0.3, 1.4]])
    t = leaf(b)
    out = on_tensor(a, t)
    assert isinstance(out, Tensor)
    np.testing.assert_allclose(out.data, on_array(a, b), rtol=1e-15)
    (g,) = grad(out, [t], np.ones(out.shape))
    assert g.data.any()


def assign(array: Any, value: Any) -> None:
    array[...] = value


@each(
    "lose",
    [
        np.asarray,
        np.array,
        np.linalg.qr,
        np.linalg.eig,
        np.logaddexp.reduce,
        np.frompyfunc(lambda x: x, 1, 1),
        lambda t: np.array([t, t]),
        lambda t: np.array([t.sum(), t.sum()]),
        lambda t: np.sum([t, t]),
        lambda t: np.power.outer(t, t),
        lambda t: np.multiply.accumulate(t),
        lambda t: np.add.at(t, 0, 1),
        lambda t: np.exp(t, out=np.zeros((2, 2))),
        lambda t: np.add(np.ones((2, 2)), np.ones((2, 2)), out=t),
        lambda t: operator.iadd(np.zeros((2, 2)), t),
        lambda t: operator.imatmul(np.zeros((2, 2)), t),
        lambda t: assign(np.zeros((2, 2)), t),
        lambda t: assign(np.zeros((2, 2), object), t),
        lambda t: np.exp(t, where=np.ones((2, 2), bool)),
        lambda t: np.exp(t, dtype=np.float32),
        lambda t: np.sum(t, dtype=np.float32),
        lambda t: np.sum(t, 0, np.float32),
        lambda t: np.mean(t, 0, np.float32),
        lambda t: np.max(t, initial=3),
        lambda t: np.copyto(np.zeros((2, 2)), t),
        lambda t: Tensor([t, t]),
        lambda t: ops.add(t, [t.sum(), t.sum()]),
    ],
)
def test_what_can_not_be_recorded_is_an_error_and_never_an_array(lose: Any) -> None:
    with pytest.raises(TypeError, match=r"\.numpy\(\)|takes no|into an array|keepdims|parameter|one string|unexpected"):
        lose(leaf([[1.0, 2.0], [3.0, 4.0]]))


@each("mode", ["edge", "reflect", "wrap"])
def test_pad_refuses_the_modes_that_its_rule_is_not_of(mode: str) -> None:
    with pytest.raises(ValueError, match=mode):
        ops.pad(leaf([1.0, 2.0]), 1, mode=mode)


def test_a_tensor_without_gradient_is_an_array_to_numpy() -> None:
    values = np.array([3.0, 1.0])
    np.testing.assert_array_equal(np.asarray(Tensor(values)), values)
    assert np.array(Tensor(values), dtype=np.float32).dtype == np.float32
    assert not np.shares_memory(np.array(Tensor(values)), values)


@each("compare", [operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge])
def test_comparisons_are_plain_boolean_arrays_on_either_side(compare: Any) -> None:
    a, b = np.array([1.0, 2.0, 3.0]), np.array([3.0, 2.0, 1.0])
    ufunc = {"eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal"}
    named = getattr(np, ufunc[compare.__name__])
    for result in (compare(leaf(a), b), compare(a, leaf(b)), compare(leaf(a), leaf(b)), named(leaf(a), b)):
        assert type(result) is np.ndarray
        assert result.dtype == bool
        np.testing.assert_array_equal(result, compare(a, b))
    np.testing.assert_array_equal(compare(leaf(a), 2), compare(a, 2))


# what a tensor holds


def test_a_leaf_that_learns_copies_and_plain_data_is_shared() -> None:
    array = np.ones(2)
    assert not np.shares_memory(Tensor(array, requires_grad=True).data, array)
    assert np.shares_memory(Tensor(array).data, array)


@each("shape", [(), (0,), (3,), (5, 7), (784, 128)])
@each("order", ["C", "F"])
def test_what_learns_lies_in_rows_from_a_cache_line_on(shape: Any, order: Any) -> None:
    array = np.asarray(np.random.default_rng(0).normal(size=shape), order=order)
    w = Tensor(array, requires_grad=True)
    for _ in range(2):
        np.testing.assert_array_equal(w.data, array)
        assert (w.data.shape, w.data.dtype, w.data.flags.c_contiguous) == (array.shape, array.dtype, True)
        assert not array.size or w.data.__array_interface__["data"][0] % 64 == 0
        w.data = array
        assert not np.shares_memory(w.data, array)


def test_numpy_and_detach_hand_out_views_that_can_not_be_written() -> None:
    w = leaf([1.0, 2.0], name="W")
    for view in (w.numpy(), w.detach().data):
        assert np.shares_memory(view, w.data)
        with pytest.raises(ValueError, match="read-only"):
            view[0] = 5
    assert not w.detach().requires_grad
    assert w.detach().name == "W"
    w.data[0] = 7
    assert w.data[0] == 7


@each("shape", [(), (1,), (1, 1)])
def test_one_element_is_a_number(shape: Any) -> None:
    t = leaf(np.full(shape, 2.5))
    assert t.item() == float(t) == 2.5
    assert type(t.item()) is float
    assert int(t) == 2
    assert bool(t)
    assert f"{t:.2f}" == "2.50"


@each("use", [Tensor.item, float, int, bool, "{:.3f}".format])
@each("shape", [(2,), (0,), (2, 1)])
def test_more_or_fewer_elements_are_no_number(use: Any, shape: Any) -> None:
    with pytest.raises(ValueError, match=r"one element, and W \(.*has \d"):
        use(leaf(np.ones(shape), name="W"))


def test_len_and_iteration_go_along_the_first_axis_and_are_recorded() -> None:
    w = leaf([[1.0, 2.0], [3.0, 4.0]])
    assert len(w) == 2
    rows = list(w)
    np.testing.assert_array_equal([r.data for r in rows], w.data)
    (rows[0] * rows[1]).sum().backward()
    np.testing.assert_array_equal(w.grad.data, w.data[::-1])


@each("use", [len, iter, list])
def test_a_single_number_has_no_length(use: Any) -> None:
    with pytest.raises(TypeError, match=r"b \(\) float64 is a single number"):
        use(leaf(1.0, name="b"))


def test_tensors_are_told_apart_by_identity_in_sets_and_dicts() -> None:
    a, b = leaf([1.0, 2.0]), leaf([1.0, 2.0])
    assert len({a, b, a}) == 2
    assert {a: 1, b: 2}[b] == 2


def test_the_repr_tells_values_shape_dtype_name_and_origin() -> None:
    w = leaf([1.0, 2.0], np.float32, name="W1")
    assert repr(w) == "Tensor([1., 2.], shape=(2,), dtype=float32, name='W1', requires_grad=True)"
    assert repr(w * 2) == "Tensor([2., 4.], shape=(2,), dtype=float32, op=mul)"
    assert repr(Tensor(1)) == "Tensor(1., dtype=float32)"
    assert f"{w}" == repr(w)
    assert len(repr(Tensor(np.zeros((500, 500))))) < 1000


def test_properties_are_those_of_the_array() -> None:
    array = np.arange(24.0).reshape(2, 3, 4)
    t = leaf(array)
    assert (t.shape, t.ndim, t.size, t.dtype) == (array.shape, array.ndim, array.size, array.dtype)
    np.testing.assert_array_equal(t.T.data, array.T)
    np.testing.assert_array_equal(t.mT.data, array.swapaxes(1, 2))


@each(
    ("method", "args", "expected"),
    [
        ("reshape", (3, 2), (3, 2)),
        ("reshape", ((3, 2),), (3, 2)),
        ("reshape", (-1,), (6,)),
        ("transpose", (1, 0), (3, 2)),
        ("transpose", ((1, 0),), (3, 2)),
        ("transpose", (), (3, 2)),
    ],
)
def test_shapes_and_orders_of_axes_are_one_tuple_or_several_numbers(method: str, args: Any, expected: Any) -> None:
    t = leaf(np.arange(6.0).reshape(2, 3))
    out = getattr(t, method)(*args)
    np.testing.assert_array_equal(out.data, getattr(t.data, method)(*args))
    out.backward(np.ones(expected))
    assert t.grad.shape == (2, 3)


def test_a_vector_transposes_to_itself() -> None:
    t = leaf([1.0, 2.0])
    t.transpose(0).backward(np.array([3.0, 4.0]))
    np.testing.assert_array_equal(t.grad.data, [3, 4])


@each("name", sorted(ops.FUNCTIONS.keys() & vars(Tensor).keys()))
def test_methods_are_the_operations_of_their_name(name: str) -> None:
    if name not in {"reshape", "transpose", "clip"}:  # take numbers of axes; tensors as bounds
        assert vars(Tensor)[name] is ops.FUNCTIONS[name]


@each("axes", [(0, 2), 1, None])
def test_parameters_may_be_positional_or_named(axes: Any) -> None:
    t = leaf(np.arange(1.0, 25).reshape(2, 3, 4))
    np.testing.assert_array_equal(t.sum(axes, True).data, t.sum(axis=axes, keepdims=True).data)
    np.testing.assert_array_equal(t.logsumexp(axes).data, ops.logsumexp(t, axis=axes).data)
    with pytest.raises(TypeError, match="once each"):
        t.sum(axes, axis=axes)
    with pytest.raises(TypeError, match="once each"):
        t.exp(1)


def test_a_flat_condition_takes_no_gradient() -> None:
    condition, x = leaf([0.0, 1.0]), leaf([3.0, 4.0])
    ops.where(condition, x, x * 2).sum().backward()
    np.testing.assert_array_equal(x.grad.data, [2, 1])
    assert condition.grad is None


def test_an_update_with_the_tensor_in_place_of_its_array_says_what_to_write() -> None:
    w = leaf([1.0, 2.0], np.float32)
    (w * w).sum().backward()
    with pytest.raises(TypeError, match=r"p\.data -= lr \* p\.grad\.data"):
        w.data -= 0.1 * w.grad


def test_numpy_measures_a_tensor() -> None:
    t = Tensor(np.ones((2, 3)))
    assert (np.shape(t), np.ndim(t), np.size(t)) == ((2, 3), 2, 6)


def test_a_computed_tensor_is_made_no_new_one_that_has_lost_its_graph() -> None:
    w = leaf([1.0, 2.0], name="w")
    with pytest.raises(GraphError, match=r"Tensor\(…\) would cut .* from its graph: take it as it is, or \.detach"):
        Tensor(w * 2)
    assert Tensor((w * 2).detach()).op is None
    assert Tensor(w, requires_grad=True) is not w


def test_a_name_is_text() -> None:
    with pytest.raises(TypeError, match="a name is text, and 3 is none"):
        Tensor(1.0, name=3)  # type: ignore[arg-type]


@each("function", [lambda w: w.max(), lambda w: (w * w).sum()])
def test_integers_that_were_set_to_learn_get_no_gradient(function: Any) -> None:
    w = Tensor(np.array([3, 3, 1]))
    w.requires_grad = True
    with pytest.raises(TypeError, match=r"int64: int64 can't require gradients, floating point can"):
        function(w).sum().backward()
