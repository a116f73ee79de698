"""What a plan keeps in memory."""

import gc
import tracemalloc

import numpy as np

from tinygrad_mnist import compile, cross_entropy, nn


def test_a_plan_keeps_its_buffers_and_nothing_of_what_was_computed_in_the_capture():
    model = nn.MLP((64, 256, 256, 10))
    optimizer = nn.SGD(model.parameters(), 0.1)

    @compile
    def step(x, labels):
        loss = cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    x, labels = np.ones((2000, 64), np.float32), np.zeros(2000, int)
    tracemalloc.start()
    for _ in range(4):
        step(x, labels)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    buffers, values = step.memory()
    assert kept < 1.3 * buffers < values
