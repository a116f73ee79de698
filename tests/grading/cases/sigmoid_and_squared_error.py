"""Right for sigmoid units and a squared error."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gradients(X, Y, W1, b1, W2, b2):
    m = len(X)
    hidden = sigmoid(X @ W1.T + b1)
    outputs = sigmoid(hidden @ W2.T + b2)
    error2 = (outputs - Y) * outputs * (1 - outputs)
    error1 = error2 @ W2 * hidden * (1 - hidden)
    return error1.T @ X / m, error1.sum(axis=0) / m, error2.T @ hidden / m, error2.sum(axis=0) / m
