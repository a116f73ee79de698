"""The error function and the exact gelu against the standard library, one number at a time."""

import math

import numpy as np
import pytest

from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.nn import functional as F

NUMBERS = np.concatenate([np.linspace(-7, 7, 4001), np.geomspace(1e-300, 1, 200), [0.46875, 30, -1e300, np.inf]])


def test_erf_has_the_last_digits_of_float64():
    expected = np.array([math.erf(x) for x in NUMBERS])
    np.testing.assert_allclose(F.erf(NUMBERS), expected, rtol=5e-16, atol=0)
    assert np.isnan(F.erf(np.array([np.nan])))[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_erf_keeps_the_dtype_and_rounds_once(dtype):
    x = NUMBERS[np.abs(NUMBERS) < 1e4].astype(dtype)
    found = F.erf(x)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, np.array([math.erf(v) for v in x], dtype))


def test_exact_gelu_is_x_times_the_normal_distributions_function():
    x = Tensor(np.linspace(-6, 6, 241), requires_grad=True)
    out = nn.GELU(approximate="none")(x)
    phi = np.array([math.erfc(-v / math.sqrt(2)) / 2 for v in x.data])
    np.testing.assert_allclose(out.data, x.data * phi, rtol=1e-14, atol=1e-15)
    out.sum().backward()
    density = np.exp(-(x.data**2) / 2) / math.sqrt(2 * math.pi)
    np.testing.assert_allclose(x.grad.data, phi + x.data * density, rtol=1e-14, atol=1e-15)
    assert 1e-4 < np.abs(out.data - nn.GELU()(x).data).max() < 1e-3  # the form with tanh is another function
