"""Softmax is taken from what log-softmax has computed."""

import numpy as np
import pytest

from tests.compiler.steps import functions, program_of
from tinygrad_mnist import compile
from tinygrad_mnist.compiler.passes.softmax import with_softmax_from_its_sum

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(2, 6, 4)).astype(np.float32)


def test_softmax_is_taken_from_the_sum_that_log_softmax_has():
    def step(x):
        shifted = x - x.max(axis=1, keepdims=True)
        log_softmax = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        return log_softmax, np.exp(log_softmax), np.exp(x - np.log(np.exp(x).sum(axis=1, keepdims=True)))

    program = program_of(step, X)
    found = with_softmax_from_its_sum(program)
    assert functions(program).count("exp") == 4
    assert functions(found).count("exp") == 3, "without the maximum taken off exp(x) may overflow"
    assert functions(found).count("divide") == 1
    for mine, right in zip(compile(step)(X), step(X), strict=True):
        np.testing.assert_allclose(mine, right, rtol=1e-6)


@pytest.mark.parametrize("kept", [False, True])
def test_softmax_times_a_number_for_each_row_divides_rows_and_not_elements(kept):
    def step(x, g):
        shifted = x - x.max(axis=1, keepdims=True)
        softmax = np.exp(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
        return softmax * g, softmax if kept else softmax.shape

    g = Y[:, :1].copy()
    found = with_softmax_from_its_sum(program_of(step, X, g))
    shapes = [each.output.shape for each in found.instructions if each.function is np.divide]
    assert shapes == ([X.shape] if kept else [g.shape])
    np.testing.assert_allclose(compile(step)(X, g)[0], step(X, g)[0], rtol=1e-6)
