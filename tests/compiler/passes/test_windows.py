"""Windows of images in a compiled step: pools come before what rectifies, and kernels do what NumPy does."""

import numpy as np
import pytest

from tinygrad_mnist import Tensor, compile, cross_entropy
from tinygrad_mnist.nn import functional as F

RNG = np.random.default_rng(0)
IMAGES = RNG.standard_normal((3, 4, 8, 8)).astype(np.float32)
IMAGES[0, :, 2:6, 2:6] = np.nan
IMAGES[1, :, :4, :4] = 0.5  # ties
LABELS = np.array([1, 0, 2])


def results(network, how):
    """What a loss and its gradients are in the second and later calls."""
    draw = np.random.default_rng(1).standard_normal
    shapes = (5, 4, 3, 3), (6, 5, 3, 3), (3, 24)
    weights = [Tensor(draw(shape).astype(np.float32) / 4, requires_grad=True) for shape in shapes]
    x = Tensor(np.nan_to_num(IMAGES), requires_grad=True)

    def step():
        loss = cross_entropy(network(x, *weights), LABELS)
        for each in (x, *weights):
            each.grad = None
        loss.backward()
        return loss

    step = step if how is None else compile(step, **how)
    losses = [step().item() for _ in range(3)]
    return step, [np.array(losses), *(each.grad.numpy().copy() for each in (x, *weights))]


def plain(x, first, second, last):
    h = F.max_pool2d(F.conv2d(x, first, padding=1).relu(), 2)
    return F.max_pool2d(F.conv2d(h, second, padding=1).relu(), 2).reshape(3, -1) @ last.T


def overlapping(x, first, second, last):
    h = F.max_pool2d(F.conv2d(x, first, padding=1, stride=(1, 2)), 3, stride=(2, 1), padding=1).relu()
    return F.max_pool2d(F.conv2d(h, second, padding=2, dilation=2), 2).reshape(3, -1)[:, :24] @ last.T


@pytest.mark.parametrize("network", [plain, overlapping])
def test_the_same_numbers_with_and_without_kernels(network, interpreted):
    _, expected = results(network, None)
    exact, found = results(network, {"exact": True})
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_array_equal(one, other)
    fused, found = results(network, {"fused": True})
    for one, other in zip(expected, found, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-6 * np.abs(one).max())
    assert "places = " in fused.source()
    assert "places = " not in exact.source()


def test_rectifying_comes_after_the_pool_only_where_nothing_else_reads_it():
    def kept(x, first, second, last):
        h = F.conv2d(x, first, padding=1).relu()
        return F.max_pool2d(h, 2).reshape(3, -1)[:, :24] @ last.T + h.sum() + second.sum()

    for network, has_moved in ((plain, True), (kept, False)):
        step, found = results(network, {"exact": True})
        for one, other in zip(results(network, None)[1], found, strict=True):
            np.testing.assert_array_equal(one, other)
        source = step.source()
        assert (source.index("max_pool(") < source.index("np.maximum(")) == has_moved


def test_what_a_pool_makes_of_nan_and_of_ties_stays():
    def step(x):
        x = Tensor(x, requires_grad=True)
        top = F.max_pool2d(x.exp().log().relu(), 2)
        top.sum().backward()
        return top, x.grad

    compiled = compile(step, exact=True)
    for x in (IMAGES, IMAGES, IMAGES[:, :, ::-1].copy()):
        with np.errstate(all="ignore"):
            for one, other in zip(step(x), compiled(x), strict=True):
                np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_compiled_by_numba():
    pytest.importorskip("numba")
    x = Tensor(np.nan_to_num(IMAGES.transpose(0, 2, 3, 1)), requires_grad=True)

    def step():
        x.grad = None
        F.max_pool2d(x.transpose(0, 3, 1, 2).relu(), 2).sum().backward()

    step()
    expected, compiled = x.grad.numpy().copy(), compile(step, fused=True)
    for _ in range(3):
        compiled()
    assert "places = " in compiled.source()
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=0, atol=1e-6 * np.abs(expected).max())
