"""What a source calls its own, and what the reader's own is called."""

import numpy as np
import pytest

from tests.compiler.steps import step_of
from tinygrad_mnist import Tensor, compile, nn

RNG = np.random.default_rng(0)


@pytest.mark.usefixtures("interpreted")
def test_names_of_the_readers_own_hide_nothing():
    names = ["buffer0", "exp", "kernel1", "maximum", "part1", "product", "product1_", "sgemm", "c0_", "step", "lambda"]
    parameters = [Tensor(RNG.random((4, 4), dtype=np.float32), requires_grad=True, name=name) for name in names]
    x = RNG.random((3, 4), dtype=np.float32)

    def loss_of(x):
        for p in parameters:
            x = (x @ p * 0.3).relu()
        return x.exp().mean()

    step = step_of(loss_of, nn.SGD(parameters, 0.1))
    start = [p.numpy().copy() for p in parameters]
    expected = [step(x).item() for _ in range(3)]
    for how in ({"fused": True}, {"fused": False}):
        for p, array in zip(parameters, start, strict=True):
            p.data = array.copy()
        compiled = compile(step, **how)
        assert [compiled(x).item() for _ in range(3)] == pytest.approx(expected, rel=1e-5)
