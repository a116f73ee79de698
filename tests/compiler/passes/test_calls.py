"""NumPy is called as rarely, and given what it needs to make nothing of."""

import numpy as np
import pytest

from tests.compiler.steps import functions, program_of
from tinygrad_mnist import compile
from tinygrad_mnist.compiler.passes import calls

RNG = np.random.default_rng(0)
X, _ = RNG.normal(size=(2, 6, 4)).astype(np.float32)


def test_a_mask_is_made_of_numbers_at_once():
    found = calls.with_masks_at_once(program_of(lambda x: (x > 0).astype(x.dtype) * x, X))
    assert functions(found) == ["greater", "multiply"]
    assert found.instructions[0].output.dtype == X.dtype


def test_ones_are_counted_as_a_number():
    def step(x):
        if np.count_nonzero(x > 0) == x.size:
            return x + 1
        return x - 1 if np.count_nonzero(x > 100) < 1 else x

    program = program_of(step, X)
    found = calls.with_counts_as_numbers(program)
    assert functions(found) == ["greater", "count_nonzero", "eq", "greater", "count_nonzero", "lt", "subtract"]
    assert [guard.value.is_number for guard in found.guards] == [True, True]
    compiled = compile(step, fused=False)
    for x in (X, np.abs(X) + 1, X * 1000, X, np.abs(X) + 1):
        np.testing.assert_array_equal(compiled(x), step(x))


@pytest.mark.parametrize("fused", [False, True])
def test_ones_of_masks_are_counted_along_any_axis(fused):
    def step(x, y):
        above = x > y
        sums = above.sum(), above.sum(-1), above.sum(0), (y > 0).sum(-1, keepdims=True) * 2.0
        return *sums, np.count_nonzero(above), np.count_nonzero(x, axis=1), (above & (y > 0)).sum()

    x, y = RNG.normal(size=(2, 30, 7)).astype(np.float32)
    compiled = compile(step, fused=fused)
    for _ in range(2):
        for mine, right in zip(compiled(x, y), step(x, y), strict=True):
            assert np.asarray(mine).dtype == np.asarray(right).dtype
            np.testing.assert_array_equal(mine, right)


def test_numbers_are_given_to_numpy_as_arrays():
    def step(x, counts, rate):
        return rate * x, 0.5 * x, x / -4, np.maximum(x, -0.0), np.maximum(x, 0.0), np.float64(2) * x, counts + 1, x > 0

    program = program_of(step, X, np.arange(3), 0.1)
    found = calls.with_numbers_as_arrays(program)
    assert functions(found) == ["as_array", *functions(program)]
    assert sorted(map(repr, found.constants)) == ["-0.0", "0", "0.0", "0.5", "minus 4"], "2 is of another dtype"
    assert {each.dtype for each in found.constants} == {X.dtype}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_in_arrays_change_no_bit(dtype):
    x = RNG.normal(size=(64, 5)).astype(dtype)
    x[0, :3] = 0.0, -0.0, np.nan

    def step(x, fast, slow):
        above = (x > 0.1).astype(x.dtype)
        return fast * x - slow * x, np.maximum(x, -0.0), np.maximum(0.1 * x, 0.0), x**2 / 3, 7 * above

    compiled = compile(step, fused=False)
    for rates in (0.1, 0.7), (0.3, 0.9), (1e-3, 3.0):
        for mine, right in zip(compiled(x, *rates), step(x, *rates), strict=True):
            assert mine.dtype == right.dtype
            assert mine.tobytes() == right.tobytes()
    assert compiled.source().count("as_array.fill(") == 2
    assert "np.multiply(_0_1, " in compiled.source()
