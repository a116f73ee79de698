"""One example after the other, and W2 is updated before the error goes back through it."""

import numpy as np


def gradients(X, Y, W1, b1, W2, b2):
    sums = [np.zeros_like(parameter) for parameter in (W1, b1, W2, b2)]
    for x, y in zip(X, Y):
        updated = W2.copy()
        hidden = np.maximum(W1 @ x + b1, 0)
        scores = updated @ hidden + b2
        powers = np.exp(scores - scores.max())
        error2 = powers / powers.sum() - y
        updated -= 0.1 * np.outer(error2, hidden)
        error1 = updated.T @ error2 * (hidden > 0)
        for total, gradient in zip(sums, (np.outer(error1, x), error1, np.outer(error2, hidden), error2)):
            total += gradient / len(X)
    return sums
