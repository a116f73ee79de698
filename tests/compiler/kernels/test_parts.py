"""Stretches of a step as functions of their own."""

import numpy as np
import pytest

from tests.compiler.steps import step_of
from tinygrad_mnist import compile, cross_entropy, nn

pytestmark = pytest.mark.usefixtures("interpreted")
RNG = np.random.default_rng(0)


def make_step(optimizer=nn.SGD):
    model = nn.Sequential(nn.Linear(12, 8), nn.LeakyReLU(), nn.Linear(8, 4))
    loss_of = lambda x, labels: cross_entropy(model(x), labels)  # noqa: E731
    return compile(step_of(loss_of, optimizer(model.parameters(), 0.1)), fused=True)


def batch(size):
    return RNG.random((size, 12), dtype=np.float32), RNG.integers(0, 4, size)


def test_a_step_is_one_part_that_batches_of_every_size_share():
    step = make_step()
    for size in (6, 6, 3, 3):
        step(*batch(size))
    one, other = step.plans
    assert len(one.source.parts) == 1
    assert one.source.parts == other.source.parts
    assert one.source.body != other.source.body  # 1 / m is given


def test_kernels_that_are_written_alike_are_one():
    step = make_step(nn.AdamW)
    for _ in range(2):
        step(*batch(6))
    (plan,) = step.plans
    (text,) = plan.source.parts
    assert text.count("def kernel") < sum(line.strip().startswith("kernel") for line in text.splitlines())


def test_a_label_out_of_range_leaves_the_part_before_anything_has_changed():
    step = make_step()
    x, labels = batch(6)
    for _ in range(2):
        step(x, labels)
    (plan,) = step.plans
    before = [array.copy() for array in plan._arrays]
    assert plan((x, labels + 4)) is None
    for array, old in zip(plan._arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)
    with pytest.raises(ValueError, match="label"):
        step(x, labels + 4)
