"""What BLAS does on its way is what was asked for, and NumPy does it no more."""

import numpy as np
import pytest

from tests.compiler.steps import functions, program_of, step_of
from tinygrad_mnist import Tensor, compile, cross_entropy, grad, nn
from tinygrad_mnist.compiler.passes import sums
from tinygrad_mnist.compiler.passes.products import product, with_added_products

RNG = np.random.default_rng(0)


def floats(*shape, order="C", dtype=np.float32):
    return np.asarray(RNG.normal(size=shape), dtype, order=order)


def after(passes, function, *arrays):
    program = with_added_products(program_of(function, *arrays))
    for each in passes:
        program = each(program)
    return program


def assert_agrees(function, *arguments, within=1e-5):
    compiled = compile(function, fused=False)
    for _ in range(3):
        mine, its = compiled(*arguments), function(*arguments)
        for x, y in zip(mine, its, strict=True):
            assert x.dtype == y.dtype
            np.testing.assert_allclose(np.asarray(x), np.asarray(y), rtol=within, atol=within)
    return compiled.source()


@pytest.mark.parametrize("shape", [(5,), (1, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_bias_is_added_to_by_its_product(shape, dtype):
    def layer(x, w, b):
        return x @ w + b, b + (2 * x) @ w

    arrays = floats(6, 4, dtype=dtype), floats(4, 5, dtype=dtype), floats(*shape, dtype=dtype)
    assert functions(after([sums.with_biases_beneath], layer, *arrays)).count("added_product") == 2
    assert "np.add(" not in assert_agrees(layer, *arrays)


@pytest.mark.parametrize(
    ("layer", "b"),
    [
        (lambda x, w, b: (x @ w - b,), floats(5)),
        (lambda x, w, b: (x @ w + b,), floats(6, 1)),
        (lambda x, w, b: (x @ w + b,), floats(5, dtype=np.float64)),
        (lambda x, w, b: (x @ w + b,), np.float32(2)),
    ],
)
def test_what_is_no_bias_is_added_afterwards(layer, b):
    x, w = floats(6, 4), floats(4, 5)
    assert "added_product" not in functions(after([sums.with_biases_beneath], layer, x, w, b))
    assert_agrees(layer, x, w, b)


def test_a_product_that_something_else_needs_stays_beside_its_sum():
    def layer(x, w, b):
        z = x @ w
        return z + b, z

    arrays = floats(6, 4), floats(4, 5), floats(5)
    assert functions(after([sums.with_biases_beneath], layer, *arrays)) == ["product", "add"]


def test_a_large_product_is_no_longer_in_the_cache():
    arrays = floats(300, 4), floats(4, 60), floats(60)
    assert functions(after([sums.with_biases_beneath], lambda x, w, b: x @ w + b, *arrays)) == ["product", "add"]


def test_the_rate_is_multiplied_once_for_all_biases():
    model = nn.MLP((7, 6, 5, 4))
    optimizer = nn.SGD(model.parameters(), 0.1)
    step = compile(step_of(lambda x, labels: cross_entropy(model(x), labels), optimizer), fused=False)
    other = nn.MLP((7, 6, 5, 4))
    other.load_state_dict(model.state_dict())
    eager = step_of(lambda x, labels: cross_entropy(other(x), labels), nn.SGD(other.parameters(), 0.1))
    x, labels = floats(8, 7), RNG.integers(0, 4, 8)
    for _ in range(5):
        np.testing.assert_allclose(step(x, labels).item(), eager(x, labels).item(), rtol=1e-5)
    for name, array in other.state_dict().items():
        np.testing.assert_allclose(model.state_dict()[name], array, atol=1e-6)
    assert step.source().count(".fill(lr)") == 1


@pytest.mark.parametrize("slope", [0.01, 0.4, 0.6, 0.999, 1.5])
def test_the_slopes_of_leaky_relu_are_in_the_product(slope):
    W = Tensor(floats(4, 5), requires_grad=True)
    V = Tensor(floats(5, 3), requires_grad=True)

    def step(x):
        return grad((((x @ W).leaky_relu(slope) @ V) ** 2).sum(), [W, V])

    assert_agrees(step, floats(6, 4))
    found = after([sums.with_slopes_in_products], step, floats(6, 4))
    factors = [each.args[2] for each in found.instructions if each.function is product]
    assert (max(factors) == min(factors) == 1.0) is (slope > 0.5), "a small factor would take digits from the mask"


@pytest.mark.parametrize("keepdims", [True, False])
@pytest.mark.parametrize("axis", [-1, 1])
def test_rows_that_lie_in_columns_are_added_by_a_product_with_ones(axis, keepdims):
    def step(x):
        return (x.sum(axis=axis, keepdims=keepdims),)

    arrays = [floats(50, 10, order="F")]
    assert functions(after([sums.with_rows_by_blas], step, *arrays)) == ["transpose", "dot", "reshape"]
    assert functions(after([sums.with_rows_by_blas], step, floats(50, 10))) == ["reduce"]
    assert "np.dot(ones" in assert_agrees(step, *arrays)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_stays_so(bad):
    def layer(x, w, b):
        return (x @ w + b, (x.T.copy().T).sum(axis=1))

    x = floats(6, 4)
    x[1, 2] = bad
    with np.errstate(invalid="ignore"):  # some kernels of BLAS set the flag, and NumPy warns
        assert_agrees(layer, x, floats(4, 5), floats(5))
