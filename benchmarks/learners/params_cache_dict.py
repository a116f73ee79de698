"""MLP for MNIST, numpy only. Columns are examples."""
import numpy as np
from sklearn.datasets import fetch_openml
from sklearn.model_selection import train_test_split


class MLP:
    def __init__(self, n_x, n_h, n_y, seed=1):
        rng = np.random.RandomState(seed)
        self.params = {
            "W1": rng.randn(n_h, n_x) * np.sqrt(1 / n_x),
            "b1": np.zeros((n_h, 1)),
            "W2": rng.randn(n_y, n_h) * np.sqrt(1 / n_h),
            "b2": np.zeros((n_y, 1)),
        }

    @staticmethod
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    @staticmethod
    def softmax(z):
        e = np.exp(z - z.max(axis=0, keepdims=True))
        return e / e.sum(axis=0, keepdims=True)

    def forward_pass(self, x):
        params = self.params
        cache = {"A0": x}
        cache["Z1"] = np.dot(params["W1"], cache["A0"]) + params["b1"]
        cache["A1"] = self.sigmoid(cache["Z1"])
        cache["Z2"] = np.dot(params["W2"], cache["A1"]) + params["b2"]
        cache["A2"] = self.softmax(cache["Z2"])
        return cache["A2"], cache

    def backward_pass(self, y, cache):
        params = self.params
        m = y.shape[1]
        grads = {}

        error = (cache["A2"] - y) / m
        grads["W2"] = np.dot(error, cache["A1"].T)
        grads["b2"] = np.sum(error, axis=1, keepdims=True)

        error = np.dot(params["W2"].T, error) * cache["A1"] * (1 - cache["A1"])
        grads["W1"] = np.dot(error, cache["A0"].T)
        grads["b1"] = np.sum(error, axis=1, keepdims=True)

        return grads

    def update(self, grads, l_rate):
        for key in self.params:
            self.params[key] -= l_rate * grads[key]

    def cost(self, y, output):
        return -np.mean(np.sum(y * np.log(output), axis=0))

    def accuracy(self, x, y):
        output, _ = self.forward_pass(x)
        return np.mean(np.argmax(output, axis=0) == np.argmax(y, axis=0))


def one_hot(labels):
    Y = np.zeros((10, labels.size))
    Y[labels, np.arange(labels.size)] = 1
    return Y


mnist = fetch_openml("mnist_784", version=1, return_X_y=False)
X = np.array(mnist["data"], dtype=np.float64) / 255
y = np.array(mnist["target"]).astype(int)
x_train, x_val, y_train, y_val = train_test_split(X, y, test_size=0.15, random_state=42)
x_train, x_val = x_train.T, x_val.T
y_train, y_val = one_hot(y_train), one_hot(y_val)

net = MLP(784, 10, 10)
for epoch in range(200):
    output, cache = net.forward_pass(x_train)
    grads = net.backward_pass(y_train, cache)
    net.update(grads, l_rate=1.0)
    if epoch % 10 == 0:
        print("epoch", epoch, "cost", net.cost(y_train, output), "val acc", net.accuracy(x_val, y_val))
