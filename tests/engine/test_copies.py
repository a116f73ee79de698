"""Tensors copied and pickled, and leaves that threads share."""

from __future__ import annotations

import copy
import pickle
import sys
import threading
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist.engine import MutationError, Tensor, grad

WAYS = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda t, p=p: pickle.loads(pickle.dumps(t, p)) for p in range(2, pickle.HIGHEST_PROTOCOL + 1)},
}


class Measured(Tensor):
    """A tensor with an attribute of its own."""

    unit: str


@each("duplicate", WAYS.values())
@each("dtype", [np.float16, np.float32, np.float64])
def test_a_copy_is_a_leaf_of_its_own(duplicate: Any, dtype: Any) -> None:
    w = Tensor(np.arange(6, dtype=dtype).reshape(2, 3), requires_grad=True, name="w")
    (w * w).sum().backward()
    twin = duplicate(w)
    assert (twin.name, twin.requires_grad, twin.dtype, twin.op) == ("w", True, dtype, None)
    np.testing.assert_array_equal(twin.numpy(), w.numpy())
    np.testing.assert_array_equal(twin.grad.numpy(), w.grad.numpy())
    twin.data -= 1
    np.testing.assert_array_equal(w.numpy(), np.arange(6).reshape(2, 3))
    loss = (twin * twin).sum()
    twin.data -= 1
    with pytest.raises(MutationError):
        loss.backward()


@each("duplicate", WAYS.values())
def test_a_change_before_it_was_copied_is_no_change_since(duplicate: Any) -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    for _ in range(20):
        w.data -= 0.1
    twin = duplicate(w)
    twin.changed = max(twin.changed, 0)
    (twin * twin).sum().backward()
    np.testing.assert_allclose(twin.grad.numpy(), [-2, 0], atol=1e-5)


@each("duplicate", WAYS.values())
@each("value", [2.5, np.arange(3), np.zeros((0, 2)), np.array([1 + 2j])])
def test_every_kind_of_leaf_can_be_copied(duplicate: Any, value: Any) -> None:
    t = Tensor(value)
    twin = duplicate(t)
    assert (twin.shape, twin.dtype, twin.requires_grad, twin.grad) == (t.shape, t.dtype, False, None)
    np.testing.assert_array_equal(twin.numpy(), t.numpy())
    twin.data *= 1
    assert duplicate(t.detach()).shape == t.shape


@each("duplicate", WAYS.values())
def test_a_subclass_keeps_its_class_and_attributes(duplicate: Any) -> None:
    t = Measured([1.0], requires_grad=True)
    t.unit = "m"
    twin = duplicate(t)
    assert (type(twin), twin.unit, twin.requires_grad) == (Measured, "m", True)


def test_what_is_one_tensor_stays_one_in_a_copy() -> None:
    w = Tensor([1.0], requires_grad=True)
    first, second = copy.deepcopy([w, {"again": w}])
    assert first is second["again"] is not w


@each("duplicate", WAYS.values())
def test_a_copy_of_what_was_computed_would_lose_its_graph_and_is_refused(duplicate: Any) -> None:
    w = Tensor([1.0, 2.0], requires_grad=True, name="w")
    hidden = w * 2
    with pytest.raises(TypeError, match=r"unnamed \(2,\) float32 \(mul at .*test_copies.*detach\(\)"):
        duplicate(hidden)
    np.testing.assert_array_equal(duplicate(hidden.detach()).numpy(), [2, 4])
    assert np.copy(hidden).requires_grad  # type: ignore[attr-defined]


@each("duplicate", WAYS.values())
def test_a_gradient_that_has_a_graph_is_copied_as_numbers(duplicate: Any) -> None:
    w = Tensor([1.0, 2.0], requires_grad=True)
    (w**3).sum().backward(create_graph=True)
    np.testing.assert_array_equal(duplicate(w).grad.numpy(), w.grad.numpy())


# .grad


def test_a_gradient_has_the_shape_of_its_tensor() -> None:
    w = Tensor([1.0], requires_grad=True, name="w")
    for wrong in (Tensor(np.zeros(5)), np.zeros((1, 1)), np.zeros(0), 0.0, [1.0, 2.0]):
        with pytest.raises(ValueError, match=r"shape .* for w \(1,\)"):
            w.grad = wrong
        assert w.grad is None
    for right in (Tensor([3.0]), np.array([3.0]), [3.0]):
        w.grad = right
        w.sum().backward()
        assert w.grad.numpy().tolist() == [4.0]
    w.grad = None
    assert w.grad is None


# classes


def test_a_result_is_of_the_derived_class_whatever_the_order_of_operands() -> None:
    class Sub(Tensor):
        pass

    class Other(Tensor):
        pass

    for learns in (False, True):
        plain, sub, other = Tensor([1.0], learns), Sub([1.0], learns), Other([1.0], learns)
        for result in (plain + sub, sub + plain, plain @ sub, sub * plain, sub - sub, 1 - sub, np.ones(1) * sub):
            assert type(result) is Sub
        assert type(np.concatenate([plain, sub, plain])) is Sub
        assert type(np.stack([sub, plain])) is Sub
        assert type(plain + plain) is Tensor
        assert (type(sub + other), type(other + sub)) == (Sub, Other)


# threads


@each("create_graph", [False, True])
def test_threads_that_share_leaves_lose_no_gradient(create_graph: bool) -> None:
    w, b = Tensor(np.zeros(3), requires_grad=True), Tensor(np.zeros(()), requires_grad=True)
    times, workers = 150, 8
    start = threading.Barrier(workers)

    def work() -> None:
        start.wait()
        for _ in range(times):
            (w * 2 + b).sum().backward(create_graph=create_graph)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(workers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    np.testing.assert_array_equal(w.grad.numpy(), 2 * times * workers)
    assert b.grad.item() == 3 * times * workers


def test_a_backward_within_a_backward_does_not_wait_for_itself() -> None:
    w = Tensor([2.0], requires_grad=True)

    class Nested(Tensor):
        def __add__(self, other: Any) -> Any:
            grad((w * w).sum(), [w])
            (w * 1).sum().backward()
            return Tensor.__add__(self, other)

    v = Nested([1.0], requires_grad=True)
    for _ in range(2):
        (v * 3).sum().backward(create_graph=True)
    assert (v.grad.item(), w.grad.item()) == (6.0, 1.0)
