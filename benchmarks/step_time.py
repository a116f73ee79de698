"""Times one training step of 784-128-64-10 (batch 64, float32, one thread): tensors beside the same by hand.

The two take turns in rounds; what counts is the ratio of their medians in one run.
"""

import os

os.environ |= dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import statistics
import time
from itertools import pairwise

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy

SIZES, BATCH, LR, SLOPE = [784, 128, 64, 10], 64, np.float32(0.05), np.float32(0.01)
ROUNDS, STEPS = 15, 60

rng = np.random.default_rng(0)
X = rng.random((32, BATCH, SIZES[0]), dtype=np.float32)
Y = rng.integers(0, SIZES[-1], (32, BATCH))
W0 = [(rng.standard_normal((i, o)) * np.sqrt(2 / i)).astype(np.float32) for i, o in pairwise(SIZES)]
b0 = [np.zeros(o, np.float32) for o in SIZES[1:]]


def with_tensors():
    """The step as an expression and its backward."""
    W = [Tensor(w, requires_grad=True) for w in W0]
    b = [Tensor(c, requires_grad=True) for c in b0]

    def step(k):
        a = X[k % 32]
        for layer, (w, c) in enumerate(zip(W, b, strict=True), start=1):
            a = a @ w + c
            if layer < len(W):
                a = a.leaky_relu(0.01)
        loss = cross_entropy(a, Y[k % 32])
        loss.backward()
        for p in W + b:
            p.data -= LR * p.grad.data
            p.grad = None
        return loss.item()

    return step


def by_hand():
    """The same formulas in plain NumPy, as one writes them down."""
    W, b = [w.copy() for w in W0], [c.copy() for c in b0]

    def step(k):
        a, z = [X[k % 32]], []
        for layer, (w, c) in enumerate(zip(W, b, strict=True), start=1):
            z.append(a[-1] @ w + c)
            if layer < len(W):
                a.append(np.where(z[-1] > 0, z[-1], SLOPE * z[-1]))
        e = np.exp(z[-1] - z[-1].max(axis=1, keepdims=True))
        delta = e / e.sum(axis=1, keepdims=True)
        rows = np.arange(BATCH)
        loss = -np.log(delta[rows, Y[k % 32]]).mean()
        delta[rows, Y[k % 32]] -= 1
        delta /= BATCH
        for layer in reversed(range(len(W))):
            dW, db = a[layer].T @ delta, delta.sum(axis=0)
            if layer:
                delta = (delta @ W[layer].T) * np.where(z[layer - 1] > 0, np.float32(1), SLOPE)
            W[layer] -= LR * dW
            b[layer] -= LR * db
        return float(loss)

    return step


steps = {"tensors": with_tensors(), "by hand": by_hand()}
losses = {name: [step(k) for k in range(10)][-1] for name, step in steps.items()}
np.testing.assert_allclose(losses["tensors"], losses["by hand"], rtol=1e-5)

seconds = {name: [] for name in steps}
for _ in range(ROUNDS):
    for name, step in steps.items():
        start = time.perf_counter()
        for k in range(STEPS):
            step(k)
        seconds[name].append((time.perf_counter() - start) / STEPS)
medians = {name: statistics.median(values) for name, values in seconds.items()}
for name, median in medians.items():
    print(f"{name:8} {1e3 * median:.3f} ms per step")
print(f"ratio    {medians['tensors'] / medians['by hand']:.2f}")
