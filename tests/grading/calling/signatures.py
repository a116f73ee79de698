"""Backward passes with the signatures that learners give them: each right, with a line to change and the mistake."""

HEAD = """
import numpy as np


def softmax(z, axis):
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def one_hot(y):
    T = np.zeros((y.size, 10))
    T[np.arange(y.size), y] = 1
    return T

"""

FORWARD = """
def forward_prop({0}):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(0, Z1)
    Z2 = W2.dot(A1) + b2
    A2 = softmax(Z2, 0)
    return {1}

"""
"""In columns."""

BACKWARD = """
    m = {0}.shape[1]
    dZ2 = A2 - Y
    dW2 = dZ2.dot(A1.T) / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = dZ1.dot(X.T) / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
"""

BODY = BACKWARD.format("X")

ROWS = """
    h = np.maximum(0, x @ w1 + b1)
    d2 = (softmax(h @ w2 + b2, 1) - y) / len(x)
    dw2, db2 = h.T @ d2, d2.sum(axis=0)
    d1 = (d2 @ w2.T) * (h > 0)
    dw1, db1 = x.T @ d1, d1.sum(axis=0)
"""

LAYERS = """
class Dense:
    def __init__(self, n_in, n_out):
        self.W = np.random.randn(n_in, n_out) * 0.1
        self.b = np.zeros(n_out)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        return grad @ self.W.T


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad):
        return grad * self.mask


class Model:
    def __init__(self):
        self.layers = [Dense(784, 128), ReLU(), Dense(128, 10)]

    def forward(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        self.probs = softmax(x, 1)
        return self.probs

    def backward(self, y):
        grad = (self.probs - y) / len(y)
        for layer in reversed(self.layers):
            grad = layer.backward(grad)
"""

ATTRIBUTES = """
class NeuralNetwork:
    def __init__(self, input_size, hidden_size, output_size, learning_rate=0.5):
        self.lr = learning_rate
        self.W1 = np.random.randn(hidden_size, input_size) * 0.01
        self.b1 = np.zeros((hidden_size, 1))
        self.W2 = np.random.randn(output_size, hidden_size) * 0.01
        self.b2 = np.zeros((output_size, 1))

    def forward(self, X):
        self.Z1 = self.W1 @ X + self.b1
        self.A1 = np.maximum(0, self.Z1)
        self.A2 = softmax(self.W2 @ self.A1 + self.b2, 0)
        return self.A2

    def backward(self, X, Y{0}):
        m = X.shape[1]
        dZ2 = self.A2 - Y
        {1}dW2 = dZ2 @ self.A1.T / m
        {1}db2 = dZ2.sum(axis=1, keepdims=True) / m
        dZ1 = self.W2.T @ dZ2 * (self.Z1 > 0)
        {1}dW1 = dZ1 @ X.T / m
        {1}db1 = dZ1.sum(axis=1, keepdims=True) / m
"""

UPDATE = """
        self.W1 -= {0} * dW1
        self.b1 -= {0} * db1
        self.W2 -= {0} * dW2
        self.b2 -= {0} * db2
"""

PARAMS = """
class TwoLayerNet:
    def __init__(self, input_size, hidden_size, output_size, std=1e-4):
        self.params = {}
        self.params['W1'] = std * np.random.randn(input_size, hidden_size)
        self.params['b1'] = np.zeros(hidden_size)
        self.params['W2'] = std * np.random.randn(hidden_size, output_size)
        self.params['b2'] = np.zeros(output_size)

    def forward(self, X):
        h = np.maximum(0, X.dot(self.params['W1']) + self.params['b1'])
        return h, softmax(h.dot(self.params['W2']) + self.params['b2'], 1)

    def gradient(self, X, y):
        h, p = self.forward(X)
        grads = {}
        d2 = (p - one_hot(y)) / len(X)
        grads['W2'] = h.T @ d2
        grads['b2'] = d2.sum(axis=0)
        d1 = d2 @ self.params['W2'].T * (h > 0)
        grads['W1'] = X.T @ d1
        grads['b1'] = d1.sum(axis=0)
        return grads
"""

NIELSEN = """
class Network:
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        self.zs, self.activations = [], [a]
        for i, (b, w) in enumerate(zip(self.biases, self.weights)):
            z = w @ self.activations[-1] + b
            self.zs.append(z)
            self.activations.append(softmax(z, 0) if i == len(self.weights) - 1 else np.maximum(z, 0))
        return self.activations[-1]

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        self.feedforward(x)
        m = x.shape[1]
        delta = self.activations[-1] - y
        for l in range(1, self.num_layers):
            nabla_b[-l] = delta.sum(axis=1, keepdims=True) / m
            nabla_w[-l] = delta @ self.activations[-l - 1].T / m
            if l < self.num_layers - 1:
                delta = self.weights[-l].T @ delta * (self.zs[-l - 1] > 0)
        return nabla_b, nabla_w
"""

COURSE = """
def linear_activation_forward(A_prev, W, b, activation):
    Z = W @ A_prev + b
    A = softmax(Z, 0) if activation == "softmax" else np.maximum(0, Z)
    return A, ((A_prev, W, b), Z)


def L_model_forward(X, parameters):
    caches, A, L = [], X, len(parameters) // 2
    for l in range(1, L + 1):
        A, cache = linear_activation_forward(
            A, parameters['W' + str(l)], parameters['b' + str(l)], "softmax" if l == L else "relu"
        )
        caches.append(cache)
    return A, caches


def L_model_backward(AL, Y, caches):
    grads, L, m = {}, len(caches), AL.shape[1]
    dZ = AL - Y
    for l in reversed(range(L)):
        (A_prev, W, b), Z = caches[l]
        grads["dW" + str(l + 1)] = dZ @ A_prev.T / m
        grads["db" + str(l + 1)] = np.sum(dZ, axis=1, keepdims=True) / m
        if l:
            dA = W.T @ dZ
            dZ = dA * (caches[l - 1][1] > 0)
    return grads
"""

DICTS = """
def forward_propagation(X, parameters):
    W1, b1, W2, b2 = (parameters[k] for k in ("W1", "b1", "W2", "b2"))
    Z1 = W1 @ X + b1
    A1 = np.maximum(0, Z1)
    Z2 = W2 @ A1 + b2
    A2 = softmax(Z2, 0)
    return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}


def backward_propagation({0}):
    W2, A1, A2, Z1 = parameters["W2"], cache["A1"], cache["A2"], cache["Z1"]
    m = X.shape[1]
    dZ2 = A2 - Y
    dW2 = dZ2 @ A1.T / m
    db2 = np.sum(dZ2, axis=1, keepdims=True) / m
    dZ1 = W2.T @ dZ2 * (Z1 > 0)
    dW1 = dZ1 @ X.T / m
    db1 = np.sum(dZ1, axis=1, keepdims=True) / m
    return {"dW1": dW1, "db1": db1, "dW2": dW2, "db2": db2}
"""

LISTS = """
class MLP:
    def __init__(self, layers=[784, 128, 10], alpha=0.01, activation="relu"):
        self.layers = layers
        self.alpha = alpha
        self.activation = activation
        self.W = [np.random.randn(a, b).astype(np.float32) * 0.1 for a, b in zip(layers[:-1], layers[1:])]
        self.b = [np.zeros((1, b), np.float32) for b in layers[1:]]

    def forward(self, X):
        self.A = [X]
        for i in range(len(self.W)):
            z = self.A[-1] @ self.W[i] + self.b[i]
            self.A.append(softmax(z, 1) if i == len(self.W) - 1 else np.maximum(0, z))
        return self.A[-1]

    def backward(self, X, y):
        m = y.shape[0]
        delta = self.A[-1].copy()
        delta[np.arange(m), y] -= 1
        delta /= m
        dWs, dbs = [], []
        for i in reversed(range(len(self.W))):
            dWs.insert(0, self.A[i].T @ delta)
            dbs.insert(0, delta.sum(axis=0, keepdims=True))
            if i:
                delta = (delta @ self.W[i].T) * (self.A[i] > 0)
"""

IN_A_DICT = """
class NN:
    def __init__(self, n_x, n_h, n_y):
        self.params = {
            "W1": np.random.randn(n_h, n_x), "b1": np.zeros((n_h, 1)),
            "W2": np.random.randn(n_y, n_h), "b2": np.zeros((n_y, 1)),
        }
        self.cache = {}

    def forward(self, X):
        self.cache["A0"] = X
        self.cache["Z1"] = self.params["W1"] @ X + self.params["b1"]
        self.cache["A1"] = np.maximum(0, self.cache["Z1"])
        self.cache["A2"] = softmax(self.params["W2"] @ self.cache["A1"] + self.params["b2"], 0)
        return self.cache["A2"]

    def backward(self, Y):
        c, m = self.cache, Y.shape[1]
        g = {}
        dZ2 = c["A2"] - Y
        g["dW2"], g["db2"] = dZ2 @ c["A1"].T / m, dZ2.sum(1, keepdims=True) / m
        dZ1 = self.params["W2"].T @ dZ2 * (c["Z1"] > 0)
        g["dW1"], g["db1"] = dZ1 @ c["A0"].T / m, dZ1.sum(1, keepdims=True) / m
        self.grads = g
"""

HARD_CODED = """
class NN:
    def __init__(self):
        self.W1 = np.random.rand(128, 784) - 0.5
        self.b1 = np.random.rand(128, 1) - 0.5
        self.W2 = np.random.rand(10, 128) - 0.5
        self.b2 = np.random.rand(10, 1) - 0.5

    def forward(self, X):
        Z1 = self.W1 @ X + self.b1
        A1 = np.maximum(0, Z1)
        return Z1, A1, softmax(self.W2 @ A1 + self.b2, 0)

    def backprop(self, X, Y):
        Z1, A1, A2 = self.forward(X)
        m = X.shape[1]
        dZ2 = A2 - one_hot(Y).T
        dZ1 = self.W2.T @ dZ2 * (Z1 > 0)
        return dZ1 @ X.T / m, dZ1.sum(1, keepdims=True) / m, dZ2 @ A1.T / m, dZ2.sum(1, keepdims=True) / m
"""

THREE = """
def forward(X, W1, b1, W2, b2, W3, b3):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    a2 = np.maximum(z2, 0)
    probs = softmax(a2 @ W3 + b3, 1)
    return probs, (z1, a1, z2, a2)


def backward(X, y, probs, cache, W2, W3):
    z1, a1, z2, a2 = cache
    n = X.shape[0]
    d3 = probs.copy()
    d3[range(n), y] -= 1
    d3 /= n
    d2 = d3 @ W3.T * (z2 > 0)
    d1 = d2 @ W2.T * (z1 > 0)
    grads = {"W3": a2.T @ d3, "b3": d3.sum(0), "W2": a1.T @ d2, "b2": d2.sum(0), "W1": X.T @ d1, "b1": d1.sum(0)}
    return grads
"""

ONE_EXAMPLE = """
class Network:
    def __init__(self, sizes):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = np.maximum(np.dot(w, a) + b, 0)
        return a

    def backprop(self, x, y):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        activation = x
        activations = [x]
        zs = []
        for b, w in zip(self.biases, self.weights):
            z = np.dot(w, activation) + b
            zs.append(z)
            activation = np.maximum(z, 0)
            activations.append(activation)
        delta = softmax(zs[-1], 0) - y
        nabla_b[-1] = delta
        nabla_w[-1] = np.dot(delta, activations[-2].transpose())
        for l in range(2, self.num_layers):
            z = zs[-l]
            delta = np.dot(self.weights[-l + 1].transpose(), delta) * (z > 0)
            nabla_b[-l] = delta
            nabla_w[-l] = np.dot(delta, activations[-l - 1].transpose())
        return (nabla_b, nabla_w)
"""

VECTORS = """
def gradients(x, y, W1, b1, W2, b2):
    z1 = W1 @ x + b1
    h = np.maximum(z1, 0)
    s = W2 @ h + b2
    d = softmax(s, 0)
    d[y] -= 1
    d1 = W2.T @ d * (z1 > 0)
    return np.outer(d1, x), d1, np.outer(d, h), d
"""

UPDATED = """
    parameters["W1"] = parameters["W1"] - learning_rate * dW1
    parameters["b1"] = parameters["b1"] - learning_rate * db1
    parameters["W2"] = parameters["W2"] - learning_rate * dW2
    parameters["b2"] = parameters["b2"] - learning_rate * db2
    return parameters
"""

STEP = """
    W1 = W1 - learning_rate * dW1
    b1 = b1 - learning_rate * db1
    W2 = W2 - learning_rate * dW2
    b2 = b2 - learning_rate * db2
    return W1, b1, W2, b2
"""

STEPS = """        for i in range(len(self.W)):
            self.W[i] -= self.alpha * dWs[i]
            self.b[i] -= self.alpha * dbs[i]
"""

IN_DICTS = DICTS.replace("{0}", "X, Y, parameters, cache, learning_rate=1.2").split('    return {"dW1')[0] + UPDATED

RETURN = "    return dW1, db1, dW2, db2\n"
FLAT = "W1, b1, W2, b2"
SLOPE = (" * (Z1 > 0)", "", "slope-missing")
ALL_AXES = ("np.sum(dZ2, axis=1, keepdims=True)", "np.sum(dZ2)", "bias-all-axes")
MEAN = ("dW1 = dZ1.dot(X.T) / m", "dW1 = dZ1.dot(X.T)", "weight-mean-missing")
SIGN = ("dZ2 = A2 - Y", "dZ2 = Y - A2", "error-sign")
OWN = ("dZ2.dot(A1.T)", "dZ2.dot(Z1.T)", "entering-z")
ROWS_SLOPE = (" * (h > 0)", "", "slope-missing")
ROWS_MEAN = (" / len(x)", "", "error-sum")


def columns(takes, made, given, returns=RETURN, between="", body=BODY):
    """A forward pass with these parameters and values, and a backward pass that takes them."""
    return HEAD + FORWARD.format(takes, made) + f"\ndef backward_prop({given}):\n{between}{body}{returns}"


EVERYTHING = "Z1, A1, Z2, A2"
ALONE = f"\n    Z1 = W1.dot(X) + b1\n    A1 = np.maximum(0, Z1)\n    A2 = softmax(W2.dot(A1) + b2, 0)\n{BODY}"


def alone(given, returns=RETURN, body=ALONE, name="backprop"):
    """A backward pass that has a forward pass in it."""
    return HEAD + f"\ndef {name}({given}):\n{body}{returns}"


SIGNATURES = {
    "cached": (columns(f"{FLAT}, X", EVERYTHING, f"{EVERYTHING}, W1, W2, X, Y"), SLOPE),
    "only what is used": (columns(f"{FLAT}, X", EVERYTHING, "X, Y, Z1, A1, A2, W2"), ALL_AXES),
    "with m": (
        columns(f"X, {FLAT}", "Z1, A1, A2", "X, Y, Z1, A1, A2, W2, m", body=BODY.replace("m = X.shape[1]", "pass")),
        MEAN,
    ),
    "with a rate that is not used": (columns(f"X, {FLAT}", "Z1, A1, A2", "Z1, A1, A2, W2, X, Y, lr=0.1"), SIGN),
    "y_hat": (columns(f"X, {FLAT}", "Z1, A1, A2", "X, Y, y_hat, Z1, A1, W2", between="    A2 = y_hat\n"), SLOPE),
    "mask of A1": (
        columns(f"X, {FLAT}", "A1, A2", "X, Y, A1, A2, W2", body=BODY.replace("(Z1 > 0)", "(A1 > 0)")),
        (" * (A1 > 0)", "", "slope-missing"),
    ),
    "no forward in the file": (
        HEAD + f"\ndef backward(X, Y, A1, A2, W2):\n{BODY.replace('(Z1 > 0)', '(A1 > 0)')}{RETURN}",
        SIGN,
    ),
    "labels as integers": (
        columns(f"{FLAT}, X", EVERYTHING, f"{EVERYTHING}, W1, W2, X, y", between="    Y = one_hot(y).T\n"),
        SLOPE,
    ),
    "cache tuple": (
        columns(f"X, {FLAT}", f"A2, ({EVERYTHING})", "X, Y, cache, W2", between=f"    {EVERYTHING} = cache\n"),
        OWN,
    ),
    "cache by another name": (
        columns(f"X, {FLAT}", "A2, saved", "X, Y, saved, W2", between="    Z1, A1, A2 = saved\n").replace(
            "    return A2, saved", "    saved = Z1, A1, A2\n    return A2, saved"
        ),
        ALL_AXES,
    ),
    "cache alone": (
        columns(f"X, {FLAT}", "cache", "cache, Y, W2", between="    X, Z1, A1, A2 = cache\n").replace(
            "    return cache", "    cache = (X, Z1, A1, A2)\n    return cache"
        ),
        MEAN,
    ),
    "dicts": (HEAD + DICTS.replace("{0}", "X, Y, cache, parameters"), (" * (Z1 > 0)", "", "slope-missing")),
    "dicts the other way": (HEAD + DICTS.replace("{0}", "parameters, cache, X, Y"), ALL_AXES),
    "the course's layers": (HEAD + COURSE, (" * (caches[l - 1][1] > 0)", "", "slope-missing")),
    "parameters in a dict": (
        alone("X, Y, params", body="    W1, b1, W2, b2 = (params[k] for k in ('W1', 'b1', 'W2', 'b2'))\n" + ALONE),
        SIGN,
    ),
    "parameters first, by small names": (
        alone(
            "parameters, X, Y", body="    W1, b1, W2, b2 = [parameters[k] for k in ('w1', 'b1', 'w2', 'b2')]\n" + ALONE
        ),
        OWN,
    ),
    "parameters in a tuple": (alone("X, Y, params", body="    W1, b1, W2, b2 = params\n" + ALONE), MEAN),
    "parameters in a list, weights first": (alone("X, Y, params", body="    W1, W2, b1, b2 = params\n" + ALONE), SLOPE),
    "parameters layer by layer": (alone("X, Y, params", body="    (W1, b1), (W2, b2) = params\n" + ALONE), ALL_AXES),
    "dicts of layers": (
        alone(
            "X, Y, layers_params", body="    (W1, b1), (W2, b2) = [(p['W'], p['b']) for p in layers_params]\n" + ALONE
        ).replace("layers_params", "model"),
        SIGN,
    ),
    "weights and biases": (
        alone(
            "x, y, weights, biases",
            "    return [dw1, dw2], [db1, db2]\n",
            "    (w1, w2), (b1, b2) = weights, biases\n" + ROWS,
        ),
        ROWS_SLOPE,
    ),
    "parameters first": (alone(f"{FLAT}, X, Y", name="compute_gradients"), ALL_AXES),
    "keywords alone": (alone(f"X, Y, *, {FLAT}"), SLOPE),
    "defaults between": (alone(f"X, Y, verbose=False, *, {FLAT}, eps=1e-8", name="back_propagation"), MEAN),
    "hidden and output": (
        alone(
            "X, y, w_hidden, b_hidden, w_output, b_output",
            "    return dw1, db1, dw2, db2\n",
            "    x, w1, b1, w2, b2 = X, w_hidden, b_hidden, w_output, b_output\n" + ROWS,
        ),
        ROWS_MEAN,
    ),
    "layers from 0": (
        alone(
            "X, Y, W0, b0, W1, b1",
            "    return dw1, db1, dw2, db2\n",
            "    x, y, w1, b1, w2, b2 = X, Y, W0, b0, W1, b1\n" + ROWS,
        ),
        ROWS_SLOPE,
    ),
    "last layer first": (alone(f"X, Y, {FLAT}", "    return dW2, db2, dW1, db1\n"), SIGN),
    "among other values": (alone(f"X, Y, {FLAT}", "    return dZ2, dW2, db2, dZ1, dW1, db1\n"), ALL_AXES),
    "loss and a dict": (
        alone(
            f"X, Y, {FLAT}",
            "    grads = {'W1': dW1, 'b1': db1, 'W2': dW2, 'b2': db2}\n    return -np.log(A2[Y == 1]).mean(), grads\n",
        ),
        MEAN,
    ),
    "by other names": (
        alone(f"X, Y, {FLAT}", "    return {'grad_W1': dW1, 'grad_b1': db1, 'grad_W2': dW2, 'grad_b2': db2}\n"),
        SLOPE,
    ),
    "updated and returned": (alone(f"X, Y, {FLAT}, learning_rate", STEP), ALL_AXES),
    "every dW transposed": (alone(f"X, Y, {FLAT}", "    return dW1.T, db1, dW2.T, db2\n"), SLOPE),
    "attributes for gradients": (HEAD + ATTRIBUTES.format("", "self."), ("self.A2 - Y", "Y - self.A2", "error-sign")),
    "update inside": (
        HEAD + ATTRIBUTES.format("", "") + UPDATE.format("self.lr"),
        (" * (self.Z1 > 0)", "", "slope-missing"),
    ),
    "update inside by an argument": (
        HEAD
        + ATTRIBUTES.format(", output, learning_rate", "").replace("dZ2 = self.A2 - Y", "dZ2 = output - Y")
        + UPDATE.format("learning_rate"),
        ("dZ2.sum(axis=1, keepdims=True)", "dZ2.sum()", "bias-all-axes"),
    ),
    "self.params": (HEAD + PARAMS, (" / len(X)", "", "error-sum")),
    "a list of sizes": (HEAD + NIELSEN, (" * (self.zs[-l - 1] > 0)", "", "slope-missing")),
    "layers": (HEAD + LAYERS, ("return grad * self.mask", "return grad", "slope-missing")),
    "three layers": (HEAD + THREE, ("a1.T @ d2", "a2.T @ d2", "entering-own")),
    "parameters after a step": (HEAD + IN_DICTS, SLOPE),
    "a dict after a step in place": (HEAD + IN_DICTS.replace("    return parameters\n", ""), ALL_AXES),
    "dicts from 0": (
        HEAD
        + DICTS.replace("{0}", "X, Y, cache, parameters")
        .replace('"W1", "b1", "W2", "b2"', '"W0", "b0", "W1", "b1"')
        .replace('parameters["W2"]', 'parameters["W1"]'),
        SIGN,
    ),
    "lists of gradients": (HEAD + LISTS + "        return dWs, dbs\n", ("delta /= m", "pass", "error-sum")),
    "pairs of gradients from behind": (
        HEAD + LISTS + "        return list(zip(dWs[::-1], dbs[::-1]))\n",
        (" * (self.A[i] > 0)", "", "slope-missing"),
    ),
    "a dict of lists": (
        HEAD + LISTS + "        return {'weights': dWs, 'biases': dbs}\n",
        ("delta.sum(axis=0, keepdims=True)", "delta.sum()", "bias-all-axes"),
    ),
    "lists updated inside": (HEAD + LISTS + STEPS, (" * (self.A[i] > 0)", "", "slope-missing")),
    "an attribute that is a dict": (HEAD + IN_A_DICT, (' * (c["Z1"] > 0)', "", "slope-missing")),
    "sizes written into the class": (HEAD + HARD_CODED, ("dZ2 @ A1.T / m", "dZ2 @ A1.T", "weight-mean-missing")),
    "a method with a loss": (
        HEAD
        + PARAMS.replace("def gradient(self, X, y)", "def loss(self, X, y=None, reg=0.0)").replace(
            "return grads", "return 0.0, grads"
        ),
        (" * (h > 0)", "", "slope-missing"),
    ),
    "one example": (HEAD + ONE_EXAMPLE, (" * (z > 0)", "", "slope-missing")),
    "a vector": (HEAD + VECTORS, ("np.outer(d, h)", "np.outer(d, z1)", "entering-z")),
    "a name that says nothing": (alone(f"X, Y, {FLAT}, num_examples, lr, verbose", name="learn_once"), ALL_AXES),
    "a penalty by default": (
        alone(f"X, Y, {FLAT}, reg=0.1", "    dW1 = dW1 + reg * W1\n    dW2 = dW2 + reg * W2\n" + RETURN),
        ("dW2 + reg * W2", "dW2 + 2 * reg * W2", "decay-doubled"),
    ),
}
"""A program, and a line of it with what becomes of it and the name of that mistake."""
