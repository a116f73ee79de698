"""A small "framework": layers know their forward and backward, the network only calls them in order."""
import gzip

import numpy as np


class Layer:
    def forward(self, x):
        raise NotImplementedError

    def backward(self, grad):
        raise NotImplementedError


class Dense(Layer):
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * np.sqrt(2 / n_in)
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class ReLU(Layer):
    def forward(self, x):
        self.x = x
        return np.maximum(0, x)

    def backward(self, grad):
        return grad * (self.x > 0)


class Softmax(Layer):
    def forward(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.out = e / e.sum(axis=1, keepdims=True)
        return self.out

    def backward(self, grad):
        # jacobian-vector product for every row
        dot = (grad * self.out).sum(axis=1, keepdims=True)
        return self.out * (grad - dot)


class CrossEntropy:
    def forward(self, p, y):
        return -np.sum(y * np.log(p + 1e-12)) / len(y)

    def backward(self, p, y):
        return -y / (p + 1e-12) / len(y)


class SGD:
    def __init__(self, lr):
        self.lr = lr

    def step(self, layers):
        for layer in layers:
            if isinstance(layer, Dense):
                layer.W -= self.lr * layer.dW
                layer.b -= self.lr * layer.db


class Network:
    def __init__(self, layers, loss, optimizer):
        self.layers = layers
        self.loss = loss
        self.optimizer = optimizer

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train_step(self, x, y):
        p = self.forward(x)
        loss = self.loss.forward(p, y)
        grad = self.loss.backward(p, y)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
        self.optimizer.step(self.layers)
        return loss


def load_images(path):
    with gzip.open(path, "rb") as f:
        data = np.frombuffer(f.read(), np.uint8, offset=16)
    return data.reshape(-1, 784) / 255


def load_labels(path):
    with gzip.open(path, "rb") as f:
        return np.frombuffer(f.read(), np.uint8, offset=8)


def main():
    x_train = load_images("data/train-images-idx3-ubyte.gz")
    y_train = load_labels("data/train-labels-idx1-ubyte.gz")
    x_test = load_images("data/t10k-images-idx3-ubyte.gz")
    y_test = load_labels("data/t10k-labels-idx1-ubyte.gz")
    targets = np.eye(10)[y_train]

    net = Network(
        [Dense(784, 128), ReLU(), Dense(128, 64), ReLU(), Dense(64, 10), Softmax()],
        loss=CrossEntropy(),
        optimizer=SGD(lr=0.1),
    )
    batch_size = 64
    for epoch in range(10):
        order = np.random.permutation(len(x_train))
        losses = []
        for start in range(0, len(order), batch_size):
            batch = order[start:start + batch_size]
            losses.append(net.train_step(x_train[batch], targets[batch]))
        acc = (net.forward(x_test).argmax(axis=1) == y_test).mean()
        print(f"epoch {epoch}: loss {np.mean(losses):.4f}, test accuracy {acc:.4f}")


if __name__ == "__main__":
    main()
