"""Right for sigmoid outputs with the log loss of each."""

import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def gradients(X, Y, W1, b1, W2, b2):
    m = len(X)
    hidden = np.maximum(X @ W1.T + b1, 0)
    error2 = sigmoid(hidden @ W2.T + b2) - Y
    error1 = error2 @ W2 * (hidden > 0)
    return error1.T @ X / m, error1.sum(axis=0) / m, error2.T @ hidden / m, error2.sum(axis=0) / m
