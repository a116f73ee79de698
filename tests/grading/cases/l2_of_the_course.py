"""Right for a penalty of λ/2m Σ W², λ being an argument with a default."""

import numpy as np


def gradients(X, Y, W1, b1, W2, b2, lambd=0.7):
    m = len(X)
    hidden = np.maximum(X @ W1.T + b1, 0)
    scores = hidden @ W2.T + b2
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = powers / powers.sum(axis=1, keepdims=True)
    error2 = probabilities - Y
    error1 = error2 @ W2 * (hidden > 0)
    dW1 = (error1.T @ X + lambd * W1) / m
    dW2 = (error2.T @ hidden + lambd * W2) / m
    return dW1, error1.mean(axis=0), dW2, error2.mean(axis=0)
