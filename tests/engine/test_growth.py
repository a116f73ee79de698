"""What grows: time and memory in proportion to the inputs, elements and operations, and no faster."""

from __future__ import annotations

import gc
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist.engine import Tensor, ops


def leaf(array: Any) -> Tensor:
    return Tensor(array, requires_grad=True)


def joined(join: Callable[..., Any]) -> Callable[[int], Any]:
    return lambda n: join([leaf(np.ones(2)) for _ in range(n)]).sum()


def product_with_a_zero(n: int) -> Any:
    return leaf(np.arange(float(n)) / n).prod()


def chain(n: int) -> Any:
    x = leaf(1.0)
    for _ in range(n):
        x = x * 1.0
    return x


SUBJECTS = {
    "concatenate": (joined(ops.concatenate), 250),
    "stack": (joined(ops.stack), 250),
    "concatenate flat": (joined(lambda a: ops.concatenate(a, axis=None)), 250),
    "vstack": (joined(np.vstack), 250),
    "prod": (product_with_a_zero, 10_000),
    "chain": (chain, 500),
}


@pytest.mark.parametrize(("forward", "n"), SUBJECTS.values(), ids=SUBJECTS)
def test_eight_times_as_many_take_no_more_than_in_proportion(forward: Callable[[int], Any], n: int) -> None:
    def seconds(n: int) -> float:
        gc.collect()
        gc.disable()  # which looks at all that there is, when so much was made
        try:
            start = time.process_time()
            forward(n).backward()
            return time.process_time() - start
        finally:
            gc.enable()

    def bytes_(n: int) -> int:
        tracemalloc.start()
        forward(n).backward()
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    attempts = ([seconds(size) for size in (n, 8 * n)] for _ in range(10))
    assert any(many < 24 * few for few, many in attempts)  # 64 times in each, were it quadratic
    few, many = (min(bytes_(size) for _ in range(3)) for size in (n, 8 * n))  # at first tables of others grow too
    assert many < 12 * few


@each("n", [1, 31, 32, 33, 64, 65, 1100])
@each("axis", [0, 1, -1, None])
def test_many_inputs_are_joined_as_numpy_joins_them(n: int, axis: int | None) -> None:
    rng = np.random.default_rng(n)
    lengths = rng.integers(0, 4, n)
    arrays = [rng.normal(size=(k, 2) if axis == 0 else (2, k)) for k in lengths]
    leaves = [leaf(a) for a in arrays]
    out = ops.concatenate(leaves, axis=axis)
    np.testing.assert_array_equal(out.numpy(), np.concatenate(arrays, axis=axis))
    weights = rng.normal(size=out.shape)
    out.backward(weights)
    parts = np.split(weights, np.cumsum(lengths * (1 if axis is not None else 2))[:-1], axis=axis or 0)
    for x, part in zip(leaves, parts, strict=True):
        np.testing.assert_array_equal(x.grad.numpy(), part.reshape(x.shape))
