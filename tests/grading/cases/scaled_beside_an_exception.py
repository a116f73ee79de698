"""dW2 is three times too large, and batches without the last class stop it."""

import numpy as np


def one_hot(labels):
    encoded = np.zeros((labels.size, labels.max() + 1))
    encoded[np.arange(labels.size), labels] = 1
    return encoded


def gradients(X, labels, W1, b1, W2, b2):
    m = len(X)
    hidden = np.maximum(X @ W1.T + b1, 0)
    scores = hidden @ W2.T + b2
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    Y = one_hot(labels)
    error2 = probabilities - Y
    error1 = error2 @ W2 * (hidden > 0)
    return error1.T @ X / m, error1.mean(axis=0), 3 * error2.T @ hidden / m, error2.mean(axis=0)
