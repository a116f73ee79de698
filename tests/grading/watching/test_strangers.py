"""Ways of writing that strangers' programs have: right ones pass, and a wrong line is found."""

import pytest

from tests.grading.watching.runs import DATA, reported

CONVOLUTION = """
from numpy.lib.stride_tricks import sliding_window_view
images = (rng.random((12, 6, 6)) > 0.7) * 1.0
K, c, W = rng.normal(size=(9, 3)) * 0.3, np.zeros(3), rng.normal(size=(48, 4)) * 0.1
for epoch in range(20):
    patches = sliding_window_view(images, (3, 3), axis=(1, 2)).reshape(12, 16, 9)
    z = patches @ K + c
    a = np.maximum(z, 0)
    s = a.reshape(12, -1) @ W
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), labels]).mean()
    d = (p - Y) / 12
    dz = (d @ W.T).reshape(a.shape) * (z > 0)
    dW = a.reshape(12, -1).T @ d
    dK = patches.reshape(-1, 9).T @ dz.reshape(-1, 3)
    dc = dz.sum(axis=(0, 1))
    W -= 0.1 * dW
    K -= 0.1 * dK
    c -= 0.1 * dc
"""
"""Black pixels and biases of 0: many z are 0, where max(0, z) has either slope."""

ERROR_PASSED_ON = """
class Layer:
    def __init__(self, inputs, outputs):
        self.weights, self.bias = rng.normal(size=(inputs, outputs)), rng.normal(size=(1, outputs))
    def forward(self, x):
        self.input = x
        return x @ self.weights + self.bias
    def backward(self, output_error, learning_rate):
        input_error = output_error @ self.weights.T
        self.weights -= learning_rate * self.input.T @ output_error
        self.bias -= learning_rate * output_error
        return input_error

class Tanh:
    def forward(self, x):
        self.input = x
        return np.tanh(x)
    def backward(self, output_error, learning_rate):
        return (1 - np.tanh(self.input) ** 2) * output_error

layers = [Layer(6, 5), Tanh(), Layer(5, 4), Tanh()]
for i in range(12):
    out = X[i:i + 1]
    for layer in layers:
        out = layer.forward(out)
    error = 2 * (out - Y[i:i + 1]) / 4
    for layer in reversed(layers):
        error = layer.backward(error, 0.1)
"""

LISTED_SUMS = """
W = [rng.normal(size=(5, 6)), rng.normal(size=(4, 5))]
B = [rng.normal(size=(5, 1)), rng.normal(size=(4, 1))]
for start in range(0, 12, 6):
    dW, dB = [np.zeros_like(w) for w in W], [np.zeros_like(b) for b in B]
    for x, y in zip(X[start:start + 6, :, None], Y[start:start + 6, :, None]):
        a1 = np.tanh(W[0] @ x + B[0])
        e = np.exp(W[1] @ a1 + B[1])
        d2 = e / e.sum() - y
        d1 = (W[1].T @ d2) * (1 - a1 ** 2)
        dW[1] += d2 @ a1.T
        dB[1] += d2
        dW[0] += d1 @ x.T
        dB[0] += d1
    for l in (0, 1):
        W[l] -= 0.05 / 6 * dW[l]
        B[l] -= 0.05 / 6 * dB[l]
"""

CLIPPED = """
W, b = rng.normal(size=(6, 4)), np.zeros(4)
for epoch in range(20):
    z = X @ W + b
    e = np.exp(z - z.max(axis=1, keepdims=True))
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    grads = [X.T @ d, d.sum(axis=0)]
    norm = np.sqrt(sum(np.sum(g ** 2) for g in grads))
    scale = min(1.0, 5 / (norm + 1e-6))
    for p, g in zip([W, b], grads):
        p -= 0.5 * scale * g
"""

THREE_LAYERS = """
W1, W2, W3 = rng.normal(size=(6, 8)), rng.normal(size=(8, 8)), rng.normal(size=(8, 4))
b1, b2, b3 = np.zeros(8), np.zeros(8), np.zeros(4)
lr = 0.5
for epoch in range(20):
    A1 = np.maximum(X @ W1 + b1, 0)
    A2 = np.tanh(A1 @ W2 + b2)
    A3 = 1 / (1 + np.exp(-(A2 @ W3 + b3)))
    dZ3 = A3 - Y
    dZ2 = (dZ3 @ W3.T) * (1 - A2 ** 2)
    dZ1 = (dZ2 @ W2.T) * (A1 > 0)
    W3 -= lr * A2.T @ dZ3 / 12
    b3 -= lr * dZ3.sum(axis=0) / 12
    W2 -= lr * A1.T @ dZ2 / 12
    b2 -= lr * dZ2.sum(axis=0) / 12
    W1 -= lr * X.T @ dZ1 / 12
    b1 -= lr * dZ1.sum(axis=0) / 12
"""
"""The rate comes first: (lr · A2ᵀ) dZ3."""

RIGHT = {
    "convolution": CONVOLUTION,
    "convolution, the other slope": CONVOLUTION.replace("(z > 0)", "(z >= 0)"),
    "the error is passed on": ERROR_PASSED_ON,
    "sums in lists": LISTED_SUMS,
    "clipped by a norm": CLIPPED,
    "the rate first": THREE_LAYERS,
    "the rate first, a number": THREE_LAYERS.replace("lr *", "0.02 *"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_passes(name):
    report = reported(DATA + RIGHT[name])
    assert report.passed, report


WRONG = {
    "a filter's bias": (CONVOLUTION, "dc = dz.sum(axis=(0, 1))", "dc = -7 * dz.sum(axis=(0, 1))", "dc"),
    "a filter": (CONVOLUTION, ".T @ dz.reshape", ".T[::-1] @ dz.reshape", "dK"),
    "one update without 1/m": (THREE_LAYERS, "dZ3.sum(axis=0) / 12", "dZ3.sum(axis=0)", "db3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_gradient_is_the_one_that_is_called_wrong(name):
    program, line, broken, gradient = WRONG[name]
    report = reported(DATA + program.replace(line, broken))
    assert [p.name for p in report.parameters if not p.right] == [gradient]
    assert report.findings


def test_all_steps_of_a_convolution_uphill_are_named():
    report = reported(DATA + CONVOLUTION.replace("d = (p - Y) / 12", "d = (Y - p) / 12"))
    assert not report.passed
    assert any({"update-sign", "error-sign"} & {*finding.names} for finding in report.findings)


ZEROED = """
class Parameter:
    def __init__(self, data):
        self.data, self.grad = data, np.zeros_like(data)
class Linear:
    def __init__(self, i, o):
        self.W, self.b = Parameter(rng.normal(size=(i, o))), Parameter(rng.normal(size=o))
    def forward(self, x):
        self.x = x
        return x @ self.W.data + self.b.data
    def backward(self, g):
        self.W.grad += self.x.T @ g
        self.b.grad += g.sum(axis=0)
        return g @ self.W.data.T
l1, l2 = Linear(6, 5), Linear(5, 4)
params = [l1.W, l1.b, l2.W, l2.b]
for epoch in range(20):
    h = np.tanh(l1.forward(X))
    z = l2.forward(h)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    BEFORE
    l1.backward(l2.backward(d) * (1 - h ** 2))
    AFTER
    for p in params:
        p.data -= 0.1 * p.grad
"""


@pytest.mark.parametrize("is_right", [True, False])
def test_gradients_that_are_zeroed_before_the_update_move_nothing(is_right):
    lines = ["for p in params: p.grad[:] = 0", "pass"]
    before, after = lines if is_right else lines[::-1]
    report = reported(DATA + ZEROED.replace("BEFORE", before).replace("AFTER", after))
    assert report.passed is is_right, report
    assert [finding.names for finding in report.findings] == ([] if is_right else [("update-missing",)])
