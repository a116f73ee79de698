"""Times distorting a batch of 64 beside the training step it feeds: 784-800-10, float32, one thread.

The two take turns in rounds; what counts is the ratio of their medians in one run.
"""

import os

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import argparse
import statistics
import time

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, data
from tinygrad_mnist.data.augment import Distortion

BATCH, LR, STEPS = 64, np.float32(0.01), 20

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--rounds", type=int, default=15)
rounds = parser.parse_args().rounds

digits = data.load("digits").train
X, Y = digits.inputs()[:BATCH], digits.labels[:BATCH]
rng = np.random.default_rng(0)
sizes = [(800, 784), (800,), (10, 800), (10,)]
W1, b1, W2, b2 = (Tensor(rng.standard_normal(s).astype(np.float32) / 28, requires_grad=True) for s in sizes)


def training_step():
    loss = cross_entropy((X @ W1.T + b1).relu() @ W2.T + b2, Y)
    loss.backward()
    for p in (W1, b1, W2, b2):
        p.data -= LR * p.grad.data
        p.grad = None


affine = Distortion(shift=1, rotate=12, scale=0.1, shear=10)
elastic = Distortion(elastic=34)
both = Distortion(shift=1, rotate=12, scale=0.1, shear=10, elastic=34)
tasks = {
    "training step": training_step,
    "affine": lambda: affine(X, rng),
    "elastic": lambda: elastic(X, rng),
    "affine and elastic": lambda: both(X, rng),
}
seconds = {name: [] for name in tasks}
for round_number in range(-2, rounds):  # the first two warm up
    for name, task in tasks.items():
        start = time.perf_counter()
        for _ in range(STEPS):
            task()
        if round_number >= 0:
            seconds[name].append((time.perf_counter() - start) / STEPS)
medians = {name: statistics.median(values) for name, values in seconds.items()}
for name, median in medians.items():
    print(f"{name:18}  {1e3 * median:.2f} ms  ratio to the step {median / medians['training step']:.2f}")
