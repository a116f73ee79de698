"""An average of weights: what `test_optim` does not say of it."""

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, nn
from tinygrad_mnist.nn import average


@each("dtype", [np.float32, np.float64])
@each("order", "CF")
def test_the_loop_that_numba_compiles_gives_the_same_bits(monkeypatch, dtype, order):
    pytest.importorskip("numba")
    rng = np.random.default_rng(0)
    model = nn.Linear(7, 5)
    model.weight = Tensor(np.asarray(rng.random((5, 7)), dtype, order=order), requires_grad=True)
    averages = [nn.ExponentialMovingAverage(model, 0.9, warm_up=True) for _ in range(2)]
    for _ in range(4):
        model.weight.data = np.asarray(rng.random((5, 7)), dtype, order=order)
        for i, each_one in enumerate(averages):
            monkeypatch.setattr(average, "is_loaded", lambda loaded=i == 0: loaded)
            each_one.update()
    one, other = (each_one.state_dict()["average"] for each_one in averages)
    for path, array in one.items():
        assert array.dtype == other[path].dtype
        np.testing.assert_array_equal(array, other[path])
