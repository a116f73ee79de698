"""A network as a plain expression, trained on real digits: no layers, no optimizer, nothing hidden."""

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, data, nn, no_grad

digits = data.load("digits")
X, Y = digits.train.inputs(), digits.train.labels

rng = np.random.default_rng(0)
W1 = Tensor(rng.standard_normal((64, 784)) * np.sqrt(2 / 784), requires_grad=True, name="W1", dtype=np.float32)
b1 = Tensor(np.zeros(64), requires_grad=True, name="b1", dtype=np.float32)
W2 = Tensor(rng.standard_normal((10, 64)) * np.sqrt(2 / 64), requires_grad=True, name="W2", dtype=np.float32)
b2 = Tensor(np.zeros(10), requires_grad=True, name="b2", dtype=np.float32)


def network(x):
    return (x @ W1.T + b1).leaky_relu(0.01) @ W2.T + b2


for epoch in range(1, 16):
    for x, y in data.batches(X, Y, batch_size=32, seed=0, epoch=epoch):
        loss = cross_entropy(network(x), y)
        loss.backward()
        for p in (W1, b1, W2, b2):
            p.data -= 0.1 * p.grad.data
            p.grad = None

with no_grad():
    score = nn.accuracy(network(digits.test.inputs()), digits.test.labels)
print(f"loss {loss:.4f}, {score:.1%} of {len(digits.test)} unseen digits read rightly")

assert score > 0.85
