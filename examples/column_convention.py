"""The tutorials' 784-10-10, one example per column: Z = W @ X + b, its gradients by hand, and by autograd.

Z1 = W1 X + b1          A1 = relu(Z1)          Z2 = W2 A1 + b2          A2 = softmax(Z2)
dZ2 = A2 - Y            dW2 = dZ2 A1ᵀ / m      db2 = Σ_columns dZ2 / m
dZ1 = W2ᵀ dZ2 ⊙ (Z1 > 0)     dW1 = dZ1 Xᵀ / m      db1 = Σ_columns dZ1 / m
"""

import numpy as np

from tinygrad_mnist import Tensor, compare, cross_entropy, data, grad, manual, one_hot

train = data.load("digits").train[:100]
X, labels = train.inputs().astype(np.float64).T, train.labels  # 784 × m, one example per column
Y, m = one_hot(labels, 10, np.float64).T, len(labels)  # 10 × m


rng = np.random.default_rng(0)
W1 = Tensor(rng.standard_normal((10, 784)) * np.sqrt(2 / 784), requires_grad=True, name="W1")
b1 = Tensor(rng.standard_normal((10, 1)), requires_grad=True, name="b1")
W2 = Tensor(rng.standard_normal((10, 10)) * np.sqrt(2 / 10), requires_grad=True, name="W2")
b2 = Tensor(rng.standard_normal((10, 1)), requires_grad=True, name="b2")


def network(X):
    A1 = (W1 @ X + b1).relu()
    return W2 @ A1 + b2


# by autograd; the library's cross-entropy takes one example per row
loss = cross_entropy(network(X).T, labels)
by_autograd = [g.numpy() for g in grad(loss, [W1, b1, W2, b2])]


def by_hand(W1, b1, W2, b2):
    Z1 = W1 @ X + b1
    A1 = np.maximum(Z1, 0)
    A2 = manual.columns.softmax(W2 @ A1 + b2)
    dZ2 = A2 - Y
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    return dZ1 @ X.T / m, dZ1.mean(axis=1, keepdims=True), dZ2 @ A1.T / m, dZ2.mean(axis=1, keepdims=True)


for expected, found in zip(by_hand(W1.numpy(), b1.numpy(), W2.numpy(), b2.numpy()), by_autograd):
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)

# the same for any depth, node by node
network.weights, network.biases, network.activation = [W1, W2], [b1, b2], "relu"
comparison = compare(network, (X, labels), manual.columns)
print(comparison)
assert comparison.passed
