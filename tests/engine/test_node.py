from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist.array_functions.einstein import einsum
from tinygrad_mnist.engine import OPS, MutationError, Tensor, grad, ops


def leaf(array: Any, name: str | None = None) -> Tensor:
    return Tensor(np.array(array, np.float64), requires_grad=True, name=name)


def replace(p: Tensor) -> None:
    p.data = p.data * 2


def subtract_in_place(p: Tensor) -> None:
    p.data -= 0.5


# mutation


@each("change", [replace, subtract_in_place])
@each(
    "use",
    [
        lambda w, x: w @ w,
        lambda w, x: (w * w).sum(),
        lambda w, x: ops.concatenate([x, x / w, x]),
        lambda w, x: (w @ w.exp()).exp() + 1,
    ],
)
def test_backward_after_a_change_is_an_error_that_names_tensor_op_and_line(use: Any, change: Any) -> None:
    w, x = leaf([[1.0, 2.0], [3.0, 4.0]], name="W1"), np.ones((2, 2))
    loss = use(w, x).sum()
    change(w)
    with pytest.raises(MutationError, match=r"W1 \(2, 2\).*(matmul|mul|div).*test_node\.py:\d+.*backward\(\)"):
        loss.backward()
    with pytest.raises(MutationError):
        grad(loss, [w])
    assert w.grad is None


@each("change", [replace, subtract_in_place])
def test_a_change_of_constants_and_of_intermediate_values_is_noticed_too(change: Any) -> None:
    w, batch = leaf([1.0, 2.0], name="W"), Tensor(np.ones(2), name="batch")
    loss = (w * batch).sum()
    change(batch)
    with pytest.raises(MutationError, match="batch"):
        loss.backward()
    for use in (lambda hidden: hidden * 2, lambda hidden: hidden * hidden):  # exp's own rule reads it, and mul's
        hidden = w.exp()
        hidden.name = "hidden"
        loss = use(hidden).sum()
        change(hidden)
        with pytest.raises(MutationError, match=r"hidden \(2,\).*(exp made|mul used)"):
            loss.backward()


ARRAY = np.array([[0.5, 1.5], [2.5, 3.5]])
FREE = {
    "add": lambda w, v: w + v,
    "sub": lambda w, v: v - w,
    "neg": lambda w, v: -w * v,
    "sum": lambda w, v: w.sum(axis=0) * v,
    "mean": lambda w, v: w.mean() * v,
    "concatenate": lambda w, v: ops.concatenate([w, v, w]) * 3,
    "many": lambda w, v: ops.stack([v, *[w + 0] * 40]).sum(axis=0) * v,
    "where": lambda w, v: ops.where(ARRAY > 1, w, v),
    "pad": lambda w, v: ops.pad(w, 1)[:2, :2] * v,
    "cumsum": lambda w, v: w.cumsum(axis=1) * v,
    "broadcast_to": lambda w, v: w.broadcast_to((2, 2, 2)) * v,
    "astype": lambda w, v: w.astype(np.float32) * 2,
    "a constant factor": lambda w, v: w * ARRAY,
    "a constant matrix": lambda w, v: ARRAY @ w,
    "one that learns, times one that does not": lambda w, v: w * Tensor(ARRAY),
    "a transpose": lambda w, v: ARRAY @ w.T + v,
    "a view": lambda w, v: w.reshape(4)[1:3] * 2,
    "a view of a product that is not read": lambda w, v: (ARRAY @ w).T.reshape(4) * 2,
    "a fancy index": lambda w, v: w[[0, 0, 1]] * 2,
    "a sum of functions": lambda w, v: (v.exp() + w).sum(),
    "einsum": lambda w, v: einsum("ij,jk->ik", ARRAY, w),
}
READ = {
    "mul": lambda w, v: w * v,
    "div": lambda w, v: v / w,
    "matmul": lambda w, v: v @ w,
    "relu": lambda w, v: w.relu() * v,
    "abs": lambda w, v: w.abs() + v,
    "max": lambda w, v: w.max(axis=0) + v,
    "maximum": lambda w, v: ops.maximum(w, v),
    "clip": lambda w, v: w.clip(0, 1) + v,
    "pow": lambda w, v: w**2 + v,
    "prod": lambda w, v: w.prod(axis=1) + v,
    "prod of a zero": lambda w, v: (w - 0.5).prod(axis=1) + (w * w).prod(),
    "logsumexp": lambda w, v: w.logsumexp(axis=0) + v,
    "einsum": lambda w, v: einsum("ij,jk->ik", v, w),
}
VIEWED = {
    "a transpose": lambda w, v: v @ w.T,
    "a reshape": lambda w, v: w.reshape(4) ** 2,
    "a slice": lambda w, v: w[:1] * v[:1],
    "two views": lambda w, v: (w.T[:1] + w.flip(0)[0]) * w.T[:1],
    "a view by einsum": lambda w, v: einsum("ij->ji", w) * v,
    "a constant view": lambda w, v: w.numpy() * v + w,
}


@each(
    ("use", "change"),
    [
        *((use, change) for use in FREE.values() for change in (replace, subtract_in_place)),
        *((use, replace) for use in VIEWED.values()),  # views of the old array keep it
    ],
)
def test_a_change_that_no_rule_reads_leaves_the_gradient_as_it_was(use: Any, change: Any) -> None:
    def gradients(change_between: bool) -> list[Any]:
        w, v = leaf(ARRAY, "w"), leaf(ARRAY + 1, "v")
        loss = use(w, v).sum()
        if change_between:
            change(w)
        loss.backward()
        return [p.grad.numpy() for p in (w, v) if p.grad is not None]

    for found, expected in zip(gradients(True), gradients(False), strict=True):
        np.testing.assert_array_equal(found, expected)


@each(
    ("use", "change"),
    [
        *((use, change) for use in READ.values() for change in (replace, subtract_in_place)),
        *((use, subtract_in_place) for use in VIEWED.values()),
    ],
)
def test_a_change_that_a_rule_reads_is_an_error_also_through_views(use: Any, change: Any) -> None:
    w, v = leaf(ARRAY, "w"), leaf(ARRAY + 1, "v")
    loss = use(w, v).sum()
    change(w)
    with pytest.raises(MutationError, match=r"w \(2, 2\)"):
        loss.backward()
    assert w.grad is None
    assert v.grad is None


def test_a_change_within_a_view_is_an_error_for_all_that_shares_its_memory() -> None:
    w = leaf(ARRAY, "w")
    hidden = w.reshape(4)
    loss = (w * w).sum() + (hidden * 2).sum()
    hidden.data -= 1
    with pytest.raises(MutationError, match=r"unnamed \(4,\) .*mul used"):
        loss.backward()


def test_a_gradient_with_respect_to_a_view_is_guarded_too() -> None:
    w = leaf(ARRAY, "w")
    hidden = w.reshape(4)
    loss = (hidden * hidden).sum()
    w.data -= 1
    with pytest.raises(MutationError, match=r"w \(2, 2\).*mul used"):
        grad(loss, [hidden])


@each("change", [replace, subtract_in_place])
def test_a_change_is_noticed_by_a_recorded_backward_pass(change: Any) -> None:
    w = leaf([1.0, 2.0], name="W")
    (g,) = grad((w**3).sum(), [w], create_graph=True)
    change(w)
    with pytest.raises(MutationError, match=r"W \(2,\)"):
        g.sum().backward()


@each("change", [replace, subtract_in_place])
@each("create_graph", [False, True])
def test_updates_after_backward_and_before_the_next_forward_are_fine(change: Any, create_graph: bool) -> None:
    w = leaf([1.0, 2.0])
    for _ in range(3):
        w.grad = None
        (w * w).sum().backward(create_graph=create_graph)
        np.testing.assert_array_equal(w.grad.data, 2 * w.data)
        change(w)


def test_a_change_of_what_a_graph_does_not_use_leaves_it_alone() -> None:
    w, other = leaf([1.0, 2.0]), leaf([3.0])
    loss = (w * w).sum()
    other.data -= 1
    loss.backward()
    np.testing.assert_array_equal(w.grad.data, [2, 4])


@each("dtype", [np.float32, np.float64])
def test_new_data_keeps_shape_and_dtype_and_is_the_tensors_own(dtype: Any) -> None:
    w = Tensor(np.ones(2, np.float32), requires_grad=True, name="W")
    new = np.array([3.0, 4.0], dtype)
    w.data = new
    assert w.dtype == np.float32
    new[0] = 99
    np.testing.assert_array_equal(w.data, [3, 4])
    with pytest.raises(ValueError, match=r"shape \(3,\) for W \(2,\)"):
        w.data = np.ones(3)
    with pytest.raises(TypeError, match=r"complex128 for W .*astype"):
        w.data = np.ones(2, complex)
    np.testing.assert_array_equal(w.data, [3, 4])


# what is recorded


def test_a_node_remembers_operation_inputs_parameters_and_the_users_line() -> None:
    x, w = Tensor(np.ones((2, 3))), leaf(np.ones((2, 3)))
    y = x * w
    z = ops.sum(y, axis=0)
    assert (y.op, y.inputs, z.op, z.inputs) == (OPS["mul"], (x, w), OPS["sum"], (y,))
    assert z.params == {"axis": 0, "keepdims": False}
    assert y.source is not None
    path, line = y.source
    assert path == __file__
    with open(path, encoding="utf-8") as file:
        assert file.readlines()[line - 1].strip() == "y = x * w"
    assert w.source is None
    assert (w.op, w.inputs) == (None, ())


def test_the_line_of_a_composed_operation_is_the_users() -> None:
    w = leaf([1.0, 2.0])
    y = w.std()
    assert y.source is not None
    assert y.source[0] == __file__
    assert all(x.source is None or x.source[0] == __file__ for x in y.inputs if isinstance(x, Tensor))


def test_what_needs_no_gradient_is_not_recorded() -> None:
    x = Tensor(np.ones(2)) * np.ones(2) + 1
    assert isinstance(x, Tensor)
    assert (x.op, x.inputs, x.requires_grad) == (None, (), False)


def test_a_new_operation_needs_its_forward_and_rules_alone(new_op: Callable[..., Any]) -> None:
    @new_op(lambda g, out, x, times: g * times, label="⟳")
    def repeat(x: Any, /, times: int = 2) -> Any:
        return x * times

    w = leaf([1.0, 2.0])
    assert OPS["repeat"].label == "⟳"
    assert (OPS["repeat"].parameters, OPS["repeat"].defaults) == (("times",), {"times": 2})
    np.testing.assert_array_equal(repeat(w.data, 3), [3, 6])
    for y, times in ((repeat(w), 2), (repeat(w, 3), 3), (repeat(w, times=4), 4)):
        assert isinstance(y, Tensor)
        (g,) = grad(y.sum(), [w])
        np.testing.assert_array_equal(g.data, times)


def test_the_defaults_of_an_operation_are_the_forwards_by_name(new_op: Callable[..., Any]) -> None:
    @new_op(lambda g, out, x, shift, factor: g * factor)
    def affine(x: Any, *, factor: float = 3, shift: float = 1) -> Any:
        return x * factor + shift

    x = Tensor([1.0], requires_grad=True)
    affine(x).backward()
    assert (OPS["affine"].defaults, affine(x).item(), x.grad.item()) == ({"factor": 3, "shift": 1}, 4, 3)
    assert affine(x, shift=0).item() == 3


def test_a_name_that_another_module_has_given_is_refused(new_op: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"an operation sum is declared in tinygrad_mnist\.engine\.ops: .*name="):

        @new_op(lambda g, out, x: g)
        def sum(x: Any) -> Any:
            return x

    assert OPS["sum"].module == "tinygrad_mnist.engine.ops"


def test_a_declaration_that_runs_again_takes_the_place_of_the_earlier_one(new_op: Callable[..., Any]) -> None:
    def cell(factor: float) -> Callable[..., Any]:
        @new_op(lambda g, out, x: g * factor)
        def scaled(x: Any, /) -> Any:
            return x * factor

        return scaled

    w = leaf([1.0, 2.0])
    before, after = cell(2)(w), cell(3)(w)
    assert OPS["scaled"] is after.op is not before.op
    for y, factor in ((before, 2), (after, 3)):
        np.testing.assert_array_equal(grad(y.sum(), [w])[0].data, factor)


@each("declare", [lambda op: op(lambda x: x)(leaf([1.0])), lambda op: op()(lambda x: x)])
def test_a_declaration_without_rules_is_refused(new_op: Callable[..., Any], declare: Any) -> None:
    with pytest.raises(TypeError, match="declared with a rule for each input"):
        declare(new_op)


def test_an_operation_without_a_gradient_takes_parameters_too(new_op: Callable[..., Any]) -> None:
    @new_op(None)
    def place_of_largest(x: Any, /, axis: int = -1) -> Any:
        return np.argmax(x, axis)

    np.testing.assert_array_equal(place_of_largest(leaf([[1.0, 5.0], [3.0, 2.0]]), 0).data, [1, 0])


# errors


W1, X, B = leaf(np.ones((10, 784)), "W1"), leaf(np.ones((64, 784)), "X"), leaf(np.ones(3), "b")


@each(
    ("fail", "kind", "says"),
    [
        (lambda: X @ W1, ValueError, ["matmul", "X (64, 784) float64", "W1 (10, 784) float64", "transpose", ".mT"]),
        (lambda: W1 @ B, ValueError, ["matmul", "W1 (10, 784)", "b (3,)", "784 columns", "3 rows"]),
        (lambda: X + B, ValueError, ["add", "X (64, 784)", "b (3,)", "Aligned from the right", "reshape"]),
        (lambda: X * np.ones((63, 784)), ValueError, ["mul", "X (64, 784)", "unnamed (63, 784)"]),
        (lambda: X.reshape(3, 5), ValueError, ["reshape", "X (64, 784)", "50176 elements", "-1"]),
        (lambda: X.sum(axis=2), IndexError, ["sum", "X (64, 784)", "axis=2", "out of bounds"]),
        (lambda: X.mean(axis=(0, 0)), ValueError, ["sum", "X (64, 784)", "axis=(0, 0)", "duplicate"]),
        (lambda: X[64], IndexError, ["getitem", "X (64, 784)", "index=64", "out of bounds"]),
        (lambda: X[0.5], IndexError, ["getitem", "X (64, 784)", "index=0.5"]),
        (lambda: X.transpose(0, 2), IndexError, ["transpose", "X (64, 784)", "axes=(0, 2)"]),
        (lambda: B.broadcast_to((2, 4)), ValueError, ["broadcast_to", "b (3,)", "shape=(2, 4)"]),
        (lambda: X[:1].broadcast_to((784,)), ValueError, ["broadcast_to", "(1, 784)", "shape=(784,)"]),
        (lambda: ops.concatenate([X, B]), ValueError, ["concatenate", "X (64, 784)", "b (3,)"]),
        (lambda: ops.stack([X, W1]), ValueError, ["concatenate", "(1, 64, 784)", "(1, 10, 784)"]),
        (lambda: ops.pad(B, (1, 2, 3)), ValueError, ["pad", "b (3,)", "pad_width=(1, 2, 3)"]),
        (lambda: einsum("ij,jk->ik", X, W1), ValueError, ["einsum", "X (64, 784)", "W1 (10, 784)", "ij,jk->ik"]),
        (lambda: B.exp(axis=0), TypeError, ["exp", "b (3,)", "axis=0"]),
        (lambda: X.max(axis="rows"), TypeError, ["max", "X (64, 784)", "axis='rows'"]),
    ],
)
def test_errors_say_the_operation_the_operands_the_users_line_and_what_to_do(
    fail: Any, kind: type[Exception], says: list[str]
) -> None:
    with pytest.raises(kind) as caught:
        fail()
    message = str(caught.value)
    assert [part for part in says if part not in message] == []
    assert re.search(r"test_node\.py:\d+", message)
    assert "\n" not in message


@each(
    "fail",
    [
        lambda: X.squeeze(0),
        lambda: X.expand_dims(5),
        lambda: X.take([0], axis=3),
        lambda: X.split(5),
        lambda: einsum("ij,jk->ik", X),
        lambda: einsum("...i->i", X),
    ],
)
def test_wrong_calls_of_composed_operations_are_errors_too(fail: Any) -> None:
    with pytest.raises((ValueError, IndexError)):
        fail()


def test_a_parameter_can_not_be_a_tensor() -> None:
    with pytest.raises(TypeError, match=r"clip\(b .*: min is a parameter.*pass min\.numpy\(\)"):
        ops.clip(B, min=B)
