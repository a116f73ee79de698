"""What leaves every bit as it is leaves out what is not needed, and no more."""

import numpy as np
import pytest

from tests.compiler.steps import functions, program_of
from tinygrad_mnist import compile, nn
from tinygrad_mnist.compiler.passes import exact

RNG = np.random.default_rng(0)
X, _ = RNG.normal(size=(2, 6, 4)).astype(np.float32)


def test_what_nothing_needs_is_left_out_but_draws():
    def step(x):
        nn.random.generator().random(3)
        return np.exp(x) + 0 * len(np.log(x * x))

    assert functions(program_of(step, X)) == ["random", "exp", "multiply", "log", "add"]
    assert functions(exact.without_dead_code(program_of(step, X))) == ["random", "exp", "add"]


def test_what_is_computed_twice_is_computed_once_but_draws():
    def step(x):
        noise = [nn.random.generator().random(4) for _ in range(2)]
        return np.exp(x) * np.exp(x) + noise[0] - noise[1]

    found = exact.with_common_parts_once(program_of(step, X))
    assert functions(found).count("exp") == 1
    assert functions(found).count("random") == 2


def test_a_factor_of_one_is_no_factor_where_the_dtype_stays():
    def step(x):
        return x * 1 + 1.0 * x, (x > 0) * 1

    assert functions(exact.without_neutral_factors(program_of(step, X))) == ["add", "greater", "multiply"]


@pytest.mark.parametrize(
    ("rectified", "is_known"),
    [
        (lambda z: np.maximum(z, 0), True),
        (lambda z: np.maximum(z, 0.01 * z), True),
        (lambda z: np.maximum(1.0 * z, z), True),
        (lambda z: np.maximum(z, -0.5 * z), False),
        (lambda z: np.maximum(z, 2.0 * z), False),
        (lambda z: np.maximum(z, 0.01 * z * z), False),
        (lambda z: np.maximum(z, 1), False),
        (lambda z: np.minimum(z, 0), False),
    ],
)
def test_the_sign_of_what_is_rectified_is_that_of_its_argument(rectified, is_known):
    def step(x):
        z = np.exp(x) - 1
        return rectified(z), z > 0

    program = program_of(step, X)
    found = exact.with_signs_of_results(program)
    assert (found.instructions[-1].inputs != program.instructions[-1].inputs) is is_known
    x = np.float32([-1, -0.0, 0.0, 1, np.nan, np.inf, -1e-38, 1e-38])
    for mine, right in zip(compile(step, exact=True)(x), step(x), strict=True):
        np.testing.assert_array_equal(mine, right)


def test_decisions_come_first():
    def step(x):
        y = np.exp(x)
        return y if np.isnan(x).any() else -y

    found = exact.with_guards_first(program_of(step, X))
    assert functions(found) == ["isnan", "any", "exp", "negative"]
