"""Right; a class that keeps its parameters and what its forward pass made."""

import numpy as np


class Network:
    def __init__(self, inputs, hidden, outputs):
        self.W1, self.b1 = 0.1 * np.random.randn(inputs, hidden), np.zeros((1, hidden))
        self.W2, self.b2 = 0.1 * np.random.randn(hidden, outputs), np.zeros((1, outputs))

    def forward(self, X):
        self.hidden = np.maximum(0, X.dot(self.W1) + self.b1)
        scores = self.hidden.dot(self.W2) + self.b2
        powers = np.exp(scores - np.max(scores, axis=1, keepdims=True))
        self.probabilities = powers / np.sum(powers, axis=1, keepdims=True)
        return self.probabilities

    def backward(self, X, Y):
        error2 = (self.probabilities - Y) / X.shape[0]
        error1 = error2.dot(self.W2.T) * (self.hidden > 0)
        dW2, db2 = self.hidden.T.dot(error2), error2.sum(axis=0, keepdims=True)
        return X.T.dot(error1), error1.sum(axis=0, keepdims=True), dW2, db2
