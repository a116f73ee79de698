"""SGD against its update formula, written out in NumPy."""

import numpy as np
import pytest

from tinygrad_mnist import Tensor
from tinygrad_mnist.nn import SGD


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("lr_decay", [0.0, 0.5])
def test_ten_steps_follow_the_formula(momentum, lr_decay):
    start = np.random.default_rng(0).standard_normal(4)
    p = Tensor(start, requires_grad=True)
    optimizer = SGD([p], lr=0.1, momentum=momentum, lr_decay=lr_decay)
    expected, velocity = start.copy(), np.zeros(4)
    for step in range(10):
        optimizer.zero_grad()
        (p * p * p).sum().backward()
        optimizer.step()
        velocity = momentum * velocity + 3 * expected**2
        expected -= 0.1 / (1 + lr_decay * step) * velocity
    np.testing.assert_allclose(p.numpy(), expected, rtol=1e-12)


def test_a_parameter_without_gradient_stays():
    p, q = Tensor([1.0], requires_grad=True), Tensor([1.0], requires_grad=True)
    p.sum().backward()
    SGD([p, q], lr=0.5).step()
    assert (p.item(), q.item()) == (0.5, 1.0)


def test_float32_stays_float32():
    p = Tensor(np.ones(3, np.float32), requires_grad=True)
    optimizer = SGD([p], lr=0.1, momentum=0.9)
    p.sum().backward()
    optimizer.step()
    assert p.dtype == np.float32


@pytest.mark.parametrize(
    "options", [{"lr": 0}, {"lr": -1}, {"lr": float("nan")}, {"lr": 1, "momentum": 1}, {"lr": 1, "lr_decay": -1}]
)
def test_rates_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match="they must be"):
        SGD([Tensor([1.0], requires_grad=True)], **options)


def test_no_parameters_are_refused():
    with pytest.raises(ValueError, match="no parameters"):
        SGD([], lr=0.1)
