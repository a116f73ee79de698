"""Short rows that are reduced lie column by column, and nothing that is given back does."""

import numpy as np
import pytest

from tests.compiler.steps import program_of, step_of
from tinygrad_mnist import Tensor, compile, cross_entropy, nn
from tinygrad_mnist.compiler.passes.layout import with_columns_together
from tinygrad_mnist.compiler.passes.products import with_added_products

RNG = np.random.default_rng(0)


def of_step(batch, sizes, dtype=np.float32):
    model = nn.MLP(sizes, dtype=dtype)
    x, labels = RNG.normal(size=(batch, sizes[0])).astype(dtype), RNG.integers(0, sizes[-1], batch)
    return model, step_of(lambda x, labels: cross_entropy(model(x), labels), nn.SGD(model.parameters(), 0.1)), x, labels


def in_columns(program):
    values = [value for each in program.instructions for value in each.outputs if not value.is_number]
    return [v for v in values if v.like.ndim == 2 and v.like.flags.f_contiguous and not v.like.flags.c_contiguous]


@pytest.mark.parametrize(("batch", "classes", "turned"), [(64, 10, True), (64, 33, False), (8, 10, False)])
def test_what_a_softmax_is_computed_of_lies_in_columns_where_rows_are_short(batch, classes, turned):
    _, step, *arguments = of_step(batch, (30, 20, classes))
    program = with_added_products(program_of(step, *arguments))
    before, found = in_columns(program), in_columns(with_columns_together(program))
    new = [value for value in found if value not in before]
    assert any(value.shape == (batch, classes) for value in new) is turned
    assert all(value.shape == (batch, classes) for value in new)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sizes", [(30, 10), (30, 10, 10), (30, 40, 3)])
def test_a_step_in_columns_is_the_step(sizes, dtype):
    model, step, x, labels = of_step(48, sizes, dtype)
    other = nn.MLP(sizes, dtype=dtype)
    other.load_state_dict(model.state_dict())
    same = compile(
        step_of(lambda x, labels: cross_entropy(other(x), labels), nn.SGD(other.parameters(), 0.1)), fused=False
    )
    for _ in range(5):
        np.testing.assert_allclose(same(x, labels).item(), step(x, labels).item(), rtol=100 * np.finfo(dtype).eps)
    for name, array in model.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], array, atol=100 * np.finfo(dtype).eps)


def test_what_is_given_back_or_reshaped_is_in_rows():
    W = Tensor(RNG.normal(size=(30, 10)).astype(np.float32), requires_grad=True)

    def function(x):
        z = x @ W
        p = z - z.max(axis=-1, keepdims=True)
        return p, p.reshape(-1), p.reshape((-1, 5)), p.T, p[3], p.sum(axis=0), (p * p).reshape(-1) @ p.reshape(-1)

    x = RNG.normal(size=(50, 30)).astype(np.float32)
    compiled = compile(function, fused=False)
    for _ in range(3):
        for mine, its in zip(compiled(x), function(x), strict=True):
            np.testing.assert_allclose(mine.numpy(), its.numpy(), rtol=1e-4, atol=1e-5)
            assert mine.numpy().flags.c_contiguous
