"""A softmax for columns, without a shift, in a program with rows."""

import numpy as np


def gradients(X, Y, W1, b1, W2, b2):
    m = len(X)
    hidden = np.maximum(X @ W1.T + b1, 0)
    scores = hidden @ W2.T + b2
    probabilities = np.exp(scores) / sum(np.exp(scores))
    error2 = probabilities - Y
    error1 = error2 @ W2 * (hidden > 0)
    return error1.T @ X / m, error1.sum(axis=0) / m, error2.T @ hidden / m, error2.sum(axis=0) / m
