"""Backpropagation by hand through a batch normalisation, each gradient checked, as in makemore part 4.

The forward pass is yours. The exercise says of each gradient whether it is right, and what is wrong with it.
"""

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, graph

rng = np.random.default_rng(0)
X, labels, m = Tensor(rng.standard_normal((8, 6)), name="X"), np.arange(8) % 3, 8
W1, gain, W2, b2 = (
    Tensor(rng.standard_normal(shape), requires_grad=True, name=name)
    for name, shape in (("W1", (5, 6)), ("gain", (5,)), ("W2", (3, 5)), ("b2", (3,)))
)


def named(name, value):
    """Values that have a name keep it in the exercise."""
    value.name = name
    return value


z1 = named("z1", X @ W1.T)
mean = named("mean", z1.mean(axis=0))
centred = named("centred", z1 - mean)
variance = named("variance", (centred**2).mean(axis=0))
scale = named("scale", (variance + 1e-5) ** -0.5)
raw = named("raw", centred * scale)
a1 = named("a1", (gain * raw).tanh())
loss = named("loss", cross_entropy(a1 @ W2.T + b2, labels))

exercise = graph.exercise(loss, title="A batch normalisation, backwards")
print(exercise)
X, W2, gain, raw, scale, centred, variance, a1 = (
    exercise.values[name] for name in ("X", "W2", "gain", "raw", "scale", "centred", "variance", "a1")
)

# the first gradients are as in every classifier
y_hat, y = exercise.values["y_hat"], exercise.values["y"]
dz2 = (y_hat - y) / m
da1 = dz2 @ W2
assert all(exercise.check(dz2=dz2, dW2=dz2.T @ a1, db2=dz2.sum(axis=0), da1=da1))

# the normalised values are scaled, and before that squashed
dn1 = da1 * (1 - a1**2)
draw = dn1 * gain
dscale = (draw * centred).sum(axis=0)
dvariance = dscale * -0.5 * (variance + 1e-5) ** -1.5
assert all(exercise.check(dn1=dn1, dgain=(dn1 * raw).sum(axis=0), draw=draw, dscale=dscale, dvariance=dvariance))

# centred is used twice, and who forgets one path is told which
forgotten = exercise.check("dcentred", draw * scale)
print(forgotten)
assert forgotten.kind == "path"
assert "is used in 2 places" in forgotten.text
dcentred = draw * scale + 2 * centred * dvariance / m
assert exercise.check("dcentred", dcentred)

# so is z1: by itself, and in its mean
dmean = -dcentred.sum(axis=0)
dz1 = dcentred + dmean / m
print(exercise.check(dmean=dmean, dz1=dz1, dW1=dz1.T @ X))
assert {"dmean", "dz1", "dW1"} <= exercise.right
