"""What a plan keeps in memory."""

import gc
import tracemalloc

import numpy as np

from tinygrad_mnist import compile, cross_entropy, nn


def step_of_an_mlp():
    model = nn.MLP((64, 256, 256, 10))
    optimizer = nn.SGD(model.parameters(), 0.1)

    @compile
    def step(x, labels):
        loss = cross_entropy(model(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def test_weights_that_are_loaded_in_every_epoch_leave_no_buffers_behind():
    model, step = step_of_an_mlp()
    x, labels = np.ones((2000, 64), np.float32), np.zeros(2000, int)
    for _ in range(4):
        step(x, labels)
    buffers, _ = step.memory()
    gc.collect()
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(6):
            model.load_state_dict(model.state_dict())
            step(x, labels)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        gc.enable()
    assert kept < 1.5 * buffers


def test_a_plan_keeps_its_buffers_and_nothing_of_what_was_computed_in_the_capture():
    _, step = step_of_an_mlp()
    x, labels = np.ones((2000, 64), np.float32), np.zeros(2000, int)
    tracemalloc.start()
    for _ in range(4):
        step(x, labels)
    gc.collect()
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    buffers, values = step.memory()
    assert kept < 1.3 * buffers < values
