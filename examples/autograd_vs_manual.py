"""Backprop by hand beside autograd, layer by layer: δ(l), ∂L/∂W(l) and ∂L/∂b(l) of 784-128-64-10 agree."""

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, data, grad, manual, one_hot

digits = data.load("digits")
X, labels = digits.train.inputs()[:64].astype(np.float64), digits.train.labels[:64]
m = len(X)

rng = np.random.default_rng(0)
sizes = [784, 128, 64, 10]
W = [rng.standard_normal((o, i)) * np.sqrt(2 / i) for i, o in zip(sizes, sizes[1:])]
b = [rng.standard_normal(o) for o in sizes[1:]]

# by hand: the textbook's formulas
run = manual.rows.forward(X, W, b, manual.relu)
by_hand = manual.rows.backward(run, one_hot(labels, 10, np.float64), W, manual.relu)

# by autograd: an expression, and one walk back through its graph
weights = [Tensor(w, requires_grad=True, name=f"W{l}") for l, w in enumerate(W, start=1)]
biases = [Tensor(c, requires_grad=True, name=f"b{l}") for l, c in enumerate(b, start=1)]
a, z = Tensor(X, name="X"), {}
for l in (1, 2, 3):
    z[l] = a @ weights[l - 1].T + biases[l - 1]
    a = z[l].relu()
loss = cross_entropy(z[3], labels)
gradients = iter(grad(loss, [*z.values(), *weights, *biases]))


def difference(found, expected):
    return np.abs(found - expected).max() / np.abs(expected).max()


print(f"loss: {loss.item():.12f} by autograd, {manual.rows.loss(run, one_hot(labels, 10), W):.12f} by hand")
for name, expected in [("δ", by_hand.delta), ("∂L/∂W", by_hand.dW), ("∂L/∂b", by_hand.db)]:
    for l in (1, 2, 3):
        found = next(gradients).numpy() * (m if name == "δ" else 1)  # δ(l) = m ∂L/∂z(l)
        error = difference(found, expected[l])
        print(f"{name}({l}) {found.shape!s:10} relative difference {error:.1e}")
        assert error < 1e-12
