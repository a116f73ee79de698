"""Right for weights (in, out) and biases (1, out); copies of the parameters are updated in place."""

import numpy as np


def gradients(X, Y, W1, b1, W2, b2):
    W1, b1, W2, b2 = (parameter.copy() for parameter in (W1, b1, W2, b2))
    hidden = np.maximum(X @ W1 + b1, 0)
    scores = hidden @ W2 + b2
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    error2 = (powers / powers.sum(axis=1, keepdims=True) - Y) / len(X)
    error1 = error2 @ W2.T * (hidden > 0)
    dW1, db1 = X.T @ error1, error1.sum(axis=0, keepdims=True)
    dW2, db2 = hidden.T @ error2, error2.sum(axis=0, keepdims=True)
    b1 -= 0.1 * db1
    b2 -= 0.1 * db2
    return dW1, db1, dW2, db2
