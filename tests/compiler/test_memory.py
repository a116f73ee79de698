"""Values share buffers, and new numbers of a state lie in its array."""

import numpy as np

from tests.compiler.steps import program_of
from tinygrad_mnist import Tensor
from tinygrad_mnist.compiler.listing import Listing
from tinygrad_mnist.compiler.memory import planned
from tinygrad_mnist.compiler.writing.naming import Names
from tinygrad_mnist.compiler.writing.writer import can_write

RNG = np.random.default_rng(0)
X, _ = RNG.normal(size=(2, 6, 4)).astype(np.float32)


def test_buffers_are_shared_and_states_renewed_in_place():
    weight = Tensor(np.ones((6, 4), np.float32), requires_grad=True, name="w")

    def step(x):
        y = x
        for _ in range(8):
            y = np.tanh(y @ x.T) @ x
        weight.data -= y
        return y.sum()

    program = program_of(step, X)
    (state,) = program.updates
    memory = planned(program, {state}, can_write)
    assert memory.homes[program.updates[state]] is state
    assert len(memory.buffers) == 2
    text = Listing([("captured", program)], Names()).whole(memory)
    assert "in w" in text
    assert "captured · 34 instructions" in text
