import numpy as np


def init_params(n_in=784, n_hidden=64, n_out=10, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "W1": rng.standard_normal((n_hidden, n_in)) * np.sqrt(2 / n_in),
        "b1": np.zeros((n_hidden, 1)),
        "W2": rng.standard_normal((n_out, n_hidden)) * np.sqrt(2 / n_hidden),
        "b2": np.zeros((n_out, 1)),
    }


def relu(z):
    return z * (z > 0)


def softmax(z):
    z = z - np.max(z, axis=0)
    return np.exp(z) / np.sum(np.exp(z), axis=0)


def forward(X, params):
    """X: (784, m). Returns everything that backward needs."""
    z1 = params["W1"] @ X + params["b1"]
    a1 = relu(z1)
    z2 = params["W2"] @ a1 + params["b2"]
    a2 = softmax(z2)
    return {"z1": z1, "a1": a1, "z2": z2, "a2": a2}


def cross_entropy(a2, Y):
    return -np.sum(Y * np.log(a2 + 1e-9)) / Y.shape[1]


def backward(X, Y, cache, params):
    """Y: one-hot (10, m)"""
    m = X.shape[1]
    delta2 = (cache["a2"] - Y) / m
    delta1 = (params["W2"].T @ delta2) * (cache["z1"] > 0)
    return {
        "dW1": delta1 @ X.T,
        "db1": delta1.sum(axis=1, keepdims=True),
        "dW2": delta2 @ cache["a1"].T,
        "db2": delta2.sum(axis=1, keepdims=True),
    }


def update(params, grads, lr=0.1):
    return {k: params[k] - lr * grads["d" + k] for k in params}


def predict(X, params):
    return np.argmax(forward(X, params)["a2"], axis=0)
