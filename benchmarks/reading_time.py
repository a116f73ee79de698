"""Times what reads a graph: the formulas of a small CNN's batch, and the page of a network of two layers.

Each is printed in milliseconds of CPU time, and as a multiple of the forward and backward pass that it reads.
"""

import os

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import statistics
import tempfile
import time
from pathlib import Path

from tinygrad_mnist import Tensor, cross_entropy, data, graph, nn

ROUNDS = 25
digits = data.load("digits").train[:8]


def seconds(work):
    """The median over the rounds, after one that warms up."""
    work()
    taken = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def loss_of(model, images):
    """A batch's loss, with its graph."""
    return cross_entropy(model(Tensor(images, name="X")), digits.labels)


def report(title, read, model, images):
    """Print what a reading takes."""
    loss = loss_of(model, images)
    reading, step = seconds(lambda: read(loss)), seconds(lambda: loss_of(model, images).backward())
    print(f"{title:45} {1e3 * reading:6.1f} ms, {reading / step:4.0f} times the step")


rows = digits.inputs()
cnn, mlp = nn.network("1x28x28,4c3,mp2,8c3,mp2,10"), nn.MLP((784, 16, 10))
with tempfile.TemporaryDirectory() as folder:
    page = Path(folder) / "page.html"
    parameters = list(cnn.parameters())
    report("graph.explain, CNN", lambda loss: graph.explain(loss, parameters), cnn, rows.reshape(-1, 1, 28, 28))
    report("graph.explore, 784-16-10", lambda loss: graph.explore(loss, page), mlp, rows)
