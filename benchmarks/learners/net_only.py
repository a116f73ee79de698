"""net.py - import it from the notebook:

    from net import Net
    net = Net()
    for x, t in batches: net.forward(x); net.backward(t); net.step()
"""
import numpy as np


class Net:
    """784 - 64 - 64 - 10, tanh, softmax. Rows are examples, t is one hot."""

    def __init__(self, n_in=784, n_hidden=64, n_out=10, lr=0.1):
        self.lr = lr
        self.W1 = np.random.randn(n_in, n_hidden) / np.sqrt(n_in)
        self.W2 = np.random.randn(n_hidden, n_hidden) / np.sqrt(n_hidden)
        self.W3 = np.random.randn(n_hidden, n_out) / np.sqrt(n_hidden)
        self.b1 = np.zeros(n_hidden)
        self.b2 = np.zeros(n_hidden)
        self.b3 = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.h1 = np.tanh(x @ self.W1 + self.b1)
        self.h2 = np.tanh(self.h1 @ self.W2 + self.b2)
        s = self.h2 @ self.W3 + self.b3
        s = np.exp(s - np.max(s, axis=1, keepdims=True))
        self.y = s / np.sum(s, axis=1, keepdims=True)
        return self.y

    def loss(self, t):
        return -np.mean(np.sum(t * np.log(self.y + 1e-12), axis=1))

    def backward(self, t):
        N = len(t)
        d3 = (self.y - t) / N
        self.dW3 = self.h2.T @ d3
        self.db3 = d3.sum(axis=0)
        d2 = (d3 @ self.W3.T) * (1 - self.h2 ** 2)
        self.dW2 = self.h1.T @ d2
        self.db2 = d2.sum(axis=0)
        d1 = (d2 @ self.W2.T) * (1 - self.h1 ** 2)
        self.dW1 = self.x.T @ d1
        self.db1 = d1.sum(axis=0)

    def step(self):
        self.W1 -= self.lr * self.dW1
        self.b1 -= self.lr * self.db1
        self.W2 -= self.lr * self.dW2
        self.b2 -= self.lr * self.db2
        self.W3 -= self.lr * self.dW3
        self.b3 -= self.lr * self.db3

    def accuracy(self, x, labels):
        return (self.forward(x).argmax(axis=1) == labels).mean()
