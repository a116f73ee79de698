"""The error of the second hidden layer is carried on without the slope that belongs to it."""

import numpy as np


def gradients(X, Y, W1, b1, W2, b2, W3, b3):
    m = len(X)
    first = np.maximum(X @ W1.T + b1, 0)
    second = np.maximum(first @ W2.T + b2, 0)
    scores = second @ W3.T + b3
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    error3 = powers / powers.sum(axis=1, keepdims=True) - Y
    error2 = error3 @ W3
    error1 = error2 @ W2
    gradients = []
    for error, entering in ((error1 * (first > 0), X), (error2 * (second > 0), first), (error3, second)):
        gradients.append(error.T @ entering / m)
        gradients.append(error.mean(axis=0))
    return gradients
