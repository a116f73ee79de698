"""Many bugs still learn: 784-10-10 trained once right and once with each known mistake, its test accuracy beside
what the grader says.

`python examples/bug_gallery.py --data FOLDER` takes MNIST; without, the embedded digits are enough.
"""

import argparse
from functools import cache

import numpy as np

from tinygrad_mnist import data, manual
from tinygrad_mnist.grading import MISTAKES, diagnose, probes_for
from tinygrad_mnist.grading.textbook import derivation
from tinygrad_mnist.grading.textbook.findings import symbol
from tinygrad_mnist.grading.textbook.mistakes import Placement, lines

SIZES, RATE, L2, BATCH = (784, 10, 10), 0.1, 1e-4, 50


def train(dataset, mistakes, epochs):
    """Mini-batch gradient descent with columns as examples, as the tutorials write it; gives W, b and how it ended."""
    rng = np.random.default_rng(0)
    W = [rng.standard_normal((o, i)) * np.sqrt(2 / i) for i, o in zip(SIZES, SIZES[1:])]
    b = [np.zeros((o, 1)) for o in SIZES[1:]]
    X, labels = inputs(dataset.name), dataset.train.labels
    for epoch in range(1, epochs + 1):
        for x, y in data.batches(X, labels, batch_size=BATCH, seed=0, epoch=epoch):
            net = derivation.run(x.T, np.eye(10)[y].T, W, b, manual.relu, L2)
            gradients = derivation.derive(net, lines(mistakes))
            W = [w - RATE * gradients.dW[l] for l, w in enumerate(W, start=1)]
            b = [c - RATE * gradients.db[l] for l, c in enumerate(b, start=1)]
    return W, b


@cache
def inputs(name):
    return loaded.train.inputs().astype(np.float64)


def accuracy(dataset, mistakes, epochs):
    """The share of test images read rightly; None where the mistake's shapes stop the training."""
    try:
        W, b = train(dataset, mistakes, epochs)
        X = dataset.test.inputs().T
        z = W[1] @ np.maximum(W[0] @ X + b[0], 0) + b[1]
    except ValueError:
        return None
    return float(np.mean(np.argmax(z, axis=0) == dataset.test.labels)) if np.isfinite(z).all() else float("nan")


def verdict(mistakes):
    """What the grader calls these mistakes."""
    probes = probes_for(2, manual.relu, L2)
    found = probes.derive(lines(mistakes))
    return ", ".join(name for finding in diagnose(found, probes) for name in finding.names) or "right"


def places(mistake):
    """In every layer that it can be made in; then in each alone."""
    net = probes_for(2, manual.relu, L2).nets[0]
    number = 0.01 if mistake.family else None
    every = [Placement(mistake, l, value=number) for l in (2, 1) if mistake.fits(net, l)]
    return [every, *([p] for p in every if len(every) > 1)]


parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("--data", default="digits", help="auto, mnist, digits, or a folder in MNIST's format")
parser.add_argument("--epochs", type=int, default=10)
options = parser.parse_args()
loaded = data.load(options.data)

right = accuracy(loaded, [], options.epochs)
print(f"{loaded.name}, {options.epochs} epochs\n")
print("| in | mistake | test accuracy | the grader says |")
print("|---|---|---|---|")
print(f"| | none | {right:.1%} | {verdict([])} |")
working = named = total = 0
with np.errstate(all="ignore"):
    for mistake in MISTAKES:
        choices = [placed for placed in places(mistake) if placed]
        if not choices:
            continue
        scored = [(placed, accuracy(loaded, placed, options.epochs)) for placed in choices[:1]]
        if scored[0][1] is None:
            scored += [(placed, accuracy(loaded, placed, options.epochs)) for placed in choices[1:]]
        placed, score = next(((p, s) for p, s in scored if s is not None), scored[0])
        said = verdict(placed)
        total += 1
        named += mistake.name in said.split(", ")
        working += score is not None and score > right - 0.05
        shown = "stops: shapes" if score is None else "NaN" if np.isnan(score) else f"{score:.1%}"
        where = ", ".join(symbol(mistake.slot, p.layer) for p in placed)
        print(f"| {where} | {mistake.title} | {shown} | {said} |")
print(f"\n{working} of {total} mistakes come within 5 points of the right one; the grader names {named} of them all.")

assert verdict([]) == "right"
assert named == total
assert working > 5
