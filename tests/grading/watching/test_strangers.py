"""Ways of writing that strangers' programs have: right ones pass, and a wrong line is found."""

import re

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

STRIDED = """
from numpy.lib.stride_tricks import as_strided

def windows(x):
    a, b, c, d = x.strides
    return as_strided(x, shape=(12, 4, 4, 3, 3, x.shape[3]), strides=(a, b, c, b, c, d))

images = (rng.random((12, 6, 6, 1)) > 0.7) * 1.0
K1, c1 = rng.normal(size=(3, 3, 1, 3)) * 0.3, np.zeros(3)
K2, c2 = rng.normal(size=(3, 3, 3, 4)) * 0.3, np.zeros(4)
for epoch in range(20):
    z = np.tensordot(windows(images), K1, 3) + c1
    a = np.pad(np.maximum(z, 0), ((0, 0), (1, 1), (1, 1), (0, 0)))
    s = (np.tensordot(windows(a), K2, 3) + c2).mean(axis=(1, 2))
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), labels]).mean()
    ds = np.broadcast_to(((p - Y) / 12 / 16)[:, None, None], (12, 4, 4, 4))
    dK2, dc2 = np.tensordot(windows(a), ds, ((0, 1, 2), (0, 1, 2))), ds.sum(axis=(0, 1, 2))
    da = np.zeros_like(a)
    for i in range(3):
        for j in range(3):
            da[:, i:i + 4, j:j + 4] += ds @ K2[i, j].T
    dz = da[:, 1:-1, 1:-1] * (z > 0)
    dK1, dc1 = np.tensordot(windows(images), dz, ((0, 1, 2), (0, 1, 2))), dz.sum(axis=(0, 1, 2))
    K1, c1, K2, c2 = K1 - 0.1 * dK1, c1 - 0.1 * dc1, K2 - 0.1 * dK2, c2 - 0.1 * dc2
"""
"""Windows by their steps in memory, of a value that is learned too."""

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

SIGNS = """
t = np.where(labels == 2, 1, -1)
w, b = rng.normal(size=6), 0.1
for epoch in range(20):
    z = X @ w + b
    loss = np.mean(np.log(1 + np.exp(-t * z)))
    g = -t / (1 + np.exp(t * z)) / 12
    w -= 0.5 * (X.T @ g)
    b -= 0.5 * g.sum()
"""
"""Labels of -1 and 1, and a bias that is one number."""

MARGIN = """
t = np.where(labels == 2, 1.0, -1.0)
w, b = np.zeros(6), 0.0
for epoch in range(20):
    margin = t * (X @ w + b)
    loss = np.maximum(0, 1 - margin).mean() + 0.5 * 1e-3 * w @ w
    active = margin < 1
    dw = -(t[active] @ X[active]) / 12 + 1e-3 * w
    db = -t[active].sum() / 12
    w -= 0.1 * dw
    b -= 0.1 * db
"""

TANH_OUTPUTS = """
T = 2 * Y - 1
W1, b1, W2, b2 = rng.normal(size=(6, 5)), np.zeros(5), rng.normal(size=(5, 4)), np.zeros(4)
for i in range(0, 12, 3):
    x, t = X[i:i + 3], T[i:i + 3]
    h = np.tanh(x @ W1 + b1)
    o = np.tanh(h @ W2 + b2)
    d2 = (o - t) * (1 - o ** 2)
    d1 = (d2 @ W2.T) * (1 - h ** 2)
    W2 -= 0.02 * h.T @ d2
    b2 -= 0.02 * d2.sum(axis=0)
    W1 -= 0.02 * x.T @ d1
    b1 -= 0.02 * d1.sum(axis=0)
"""

MARGINS = """
W1, b1, W2, b2 = rng.normal(size=(6, 9)), np.zeros(9), rng.normal(size=(9, 4)), np.zeros(4)
N = np.arange(12)
for epoch in range(20):
    h = np.maximum(0, X @ W1 + b1)
    s = h @ W2 + b2
    margins = np.maximum(0, s - s[N, labels].reshape(-1, 1) + 1)
    margins[N, labels] = 0
    loss = margins.sum() / 12
    ds = (margins > 0).astype(float)
    ds[N, labels] -= ds.sum(axis=1)
    ds /= 12
    dh = ds @ W2.T
    dh[h <= 0] = 0
    W2 -= 0.1 * (h.T @ ds)
    b2 -= 0.1 * ds.sum(axis=0)
    W1 -= 0.1 * (X.T @ dh)
    b1 -= 0.1 * dh.sum(axis=0)
"""
"""The hinge loss of several classes (Weston and Watkins 1999)."""

NORMALIZED = """
W1, g, b, W2 = rng.normal(size=(6, 5)), np.ones(5), np.zeros(5), rng.normal(size=(5, 4))
for epoch in range(20):
    h = X @ W1
    sd = np.sqrt(h.var(axis=0) + 1e-5)
    n = (h - h.mean(axis=0)) / sd
    a = np.maximum(g * n + b, 0)
    z = a @ W2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    do = (d @ W2.T) * (a > 0)
    dn = do * g
    dg, db = (do * n).sum(axis=0), do.sum(axis=0)
    dh = (dn - dn.mean(axis=0) - n * (dn * n).mean(axis=0)) / sd
    W1 -= 0.1 * (X.T @ dh); W2 -= 0.1 * (a.T @ d); g -= 0.1 * dg; b -= 0.1 * db
"""

DROPOUT = """
W1, b1, W2, b2 = rng.normal(size=(6, 9)), np.zeros(9), rng.normal(size=(9, 4)), np.zeros(4)
for epoch in range(20):
    z1 = X @ W1 + b1
    kept = rng.random(z1.shape) < 0.8
    a1 = np.maximum(z1, 0) * kept / 0.8
    z2 = a1 @ W2 + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    d2 = e / e.sum(axis=1, keepdims=True) - Y
    d1 = (d2 @ W2.T) * kept / 0.8 * (z1 > 0)
    W2 -= 0.1 * (a1.T @ d2) / 12
    b2 -= 0.1 * d2.sum(axis=0) / 12
    W1 -= 0.1 * (X.T @ d1) / 12
    b1 -= 0.1 * d1.sum(axis=0) / 12
"""

SPARSE = """
W1, b1, W2, b2 = rng.normal(size=(6, 9)), np.zeros(9), rng.normal(size=(9, 4)), np.zeros(4)
for epoch in range(20):
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), labels]).mean() + 1e-2 * (np.abs(W1).sum() + np.abs(W2).sum())
    d = (p - Y) / 12
    dh = d @ W2.T * (1 - h ** 2)
    dW2 = h.T @ d + 1e-2 * np.sign(W2)
    dW1 = X.T @ dh + 1e-2 * np.sign(W1)
    W1 -= 0.1 * dW1
    b1 -= 0.1 * dh.sum(axis=0)
    W2 -= 0.1 * dW2
    b2 -= 0.1 * d.sum(axis=0)
"""

SMOOTHED = """
T = Y * 0.9 + 0.025
W, b = rng.normal(size=(6, 4)), np.zeros(4)
for epoch in range(20):
    z = X @ W + b
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    print(-(T * np.log(p)).sum(axis=1).mean())
    d = (p - T) / 12
    W -= 0.1 * (X.T @ d)
    b -= 0.1 * d.sum(axis=0)
"""

RESIDUAL = """
W1, Wr, W2 = rng.normal(size=(6, 5)), rng.normal(size=(5, 5)), rng.normal(size=(5, 4))
for epoch in range(20):
    h0 = np.maximum(0, X @ W1)
    zr = h0 @ Wr
    h1 = h0 + np.maximum(0, zr)
    s = h1 @ W2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    ds = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    dh1 = ds @ W2.T
    dzr = dh1 * (zr > 0)
    dh0 = dh1 + dzr @ Wr.T
    dz0 = dh0 * (h0 > 0)
    W1 -= 0.1 * (X.T @ dz0); Wr -= 0.1 * (h0.T @ dzr); W2 -= 0.1 * (h1.T @ ds)
"""

PENALIZED = """
A, t = np.hstack([np.ones((12, 1)), X]), (labels == 2).astype(float)
theta, lam, m = rng.normal(size=7), 1.0, 12
for epoch in range(20):
    h = 1 / (1 + np.exp(-A @ theta))
    J = -np.mean(t * np.log(h) + (1 - t) * np.log(1 - h)) + lam / (2 * m) * np.sum(theta[1:] ** 2)
    grad = A.T @ (h - t) / m
    grad[1:] += lam / m * theta[1:]
    theta = theta - 0.5 * grad
"""

LEAKY = """
single = np.float32
X, Y = X.astype(single), Y.astype(single)
shapes = (6, 9), (9,), (9, 4), (4,)
W1, b1, W2, b2 = [rng.normal(size=shape).astype(single) for shape in shapes]
for epoch in range(20):
    z = X @ W1 + b1
    h = np.where(z > 0, z, single(0.1) * z)
    s = h @ W2 + b2
    e = np.exp(s - s.max(axis=1, keepdims=True))
    d2 = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    d1 = (d2 @ W2.T) * np.where(z > 0, single(1), single(0.1))
    W2 -= 0.1 * (h.T @ d2)
    b2 -= 0.1 * d2.sum(axis=0)
    W1 -= 0.1 * (X.T @ d1)
    b1 -= 0.1 * d1.sum(axis=0)
"""

AUTOENCODER = """
W, b, c = rng.normal(size=(6, 3)), np.zeros(3), np.zeros(6)
for epoch in range(20):
    h = 1 / (1 + np.exp(-(X @ W + b)))
    r = np.tanh(h @ W.T + c)
    loss = 0.5 * np.sum((r - X) ** 2) / 12
    dr = (r - X) * (1 - r ** 2) / 12
    dh = (dr @ W) * h * (1 - h)
    W -= 0.1 * (X.T @ dh + dr.T @ h)
    b -= 0.1 * dh.sum(axis=0)
    c -= 0.1 * dr.sum(axis=0)
"""
"""What is compared with the output is what enters; one matrix is two layers'."""

REGRESSION = """
t = 3 * X[:, 0] - X[:, 1] + 0.1 * rng.normal(size=12)
W1, b1, w2, b2 = rng.normal(size=(6, 5)), np.zeros(5), rng.normal(size=5), 0.5
for epoch in range(20):
    h = np.maximum(0, X @ W1 + b1)
    y = h @ w2 + b2
    mse = ((y - t) ** 2).mean()
    back = 2 * (y - t) / 12
    through = np.outer(back, w2) * (h > 0)
    w2 -= 0.1 * h.T @ back
    b2 -= 0.1 * back.sum()
    W1 -= 0.1 * X.T @ through
    b1 -= 0.1 * through.sum(axis=0)
"""

LOOPS = """
images = np.sin(np.arange(12 * 36.0)).reshape(12, 6, 6)
filters, W, b = rng.normal(size=(2, 3, 3)) / 9, rng.normal(size=(8, 4)), np.zeros(4)
for image, label in zip(images, labels):
    out = np.zeros((4, 4, 2))
    for i in range(4):
        for j in range(4):
            out[i, j] = np.sum(image[i:i + 3, j:j + 3] * filters, axis=(1, 2))
    pooled = np.zeros((2, 2, 2))
    for i in range(2):
        for j in range(2):
            pooled[i, j] = np.amax(out[2 * i:2 * i + 2, 2 * j:2 * j + 2], axis=(0, 1))
    a = pooled.flatten()
    p = np.exp(a @ W + b)
    p = p / p.sum()
    loss = -np.log(p[label])
    d = p.copy()
    d[label] -= 1
    da = (W @ d).reshape(2, 2, 2)
    W -= 0.01 * np.outer(a, d)
    b -= 0.01 * d
    dout = np.zeros((4, 4, 2))
    for i in range(2):
        for j in range(2):
            window = out[2 * i:2 * i + 2, 2 * j:2 * j + 2]
            for k in range(2):
                at = np.unravel_index(window[:, :, k].argmax(), (2, 2))
                dout[2 * i + at[0], 2 * j + at[1], k] = da[i, j, k]
    dfilters = np.zeros_like(filters)
    for i in range(4):
        for j in range(4):
            for k in range(2):
                dfilters[k] += dout[i, j, k] * image[i:i + 3, j:j + 3]
    filters -= 0.01 * dfilters
"""

RIGHT = {
    "autoencoder": AUTOENCODER,
    "regression": REGRESSION,
    "loops over windows": LOOPS,
    "convolution": CONVOLUTION,
    "convolution, the other slope": CONVOLUTION.replace("(z > 0)", "(z >= 0)"),
    "windows by strides": STRIDED,
    "the error is passed on": ERROR_PASSED_ON,
    "sums in lists": LISTED_SUMS,
    "clipped by a norm": CLIPPED,
    "the rate first": THREE_LAYERS,
    "the rate first, a number": THREE_LAYERS.replace("lr *", "0.02 *"),
    "labels of -1 and 1": SIGNS,
    "a margin": MARGIN,
    "tanh outputs": TANH_OUTPUTS,
    "margins": MARGINS,
    "normalized": NORMALIZED,
    "dropout": DROPOUT,
    "sparse": SPARSE,
    "smoothed": SMOOTHED,
    "residual": RESIDUAL,
    "penalized": PENALIZED,
    "leaky": LEAKY,
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_program_passes(name):
    report = reported(DATA + RIGHT[name])
    assert report.passed, report


TWO_LAYERS = """
params = {K1: rng.normal(size=(6, 5)), K2: np.zeros(5), K3: rng.normal(size=(5, 4)), K4: np.zeros(4)}
BEFORE
for epoch in range(20):
    h = np.tanh(X @ params[K1] + params[K2])
    s = h @ params[K3] + params[K4]
    e = np.exp(s - s.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), labels]).mean()
    d = (p - Y) / 12
    dh = d @ params[K3].T * (1 - h ** 2)
    UPDATES
"""
NAMES = "'W1'", "'b1'", "'W2'", "'b2'"
GRADIENTS = "X.T @ dh", "dh.sum(axis=0)", "h.T @ d", "d.sum(axis=0)"


def updated(line, before="pass", keys=NAMES):
    """A program with a line for each parameter, in which KEY is its key, and GRADIENT what its gradient is made of."""
    return updated_by(
        [line.replace("GRADIENT", g).replace("KEY", key) for key, g in zip(keys, GRADIENTS, strict=True)], before, keys
    )


def updated_by(lines, before="pass", keys=NAMES):
    """A program with these lines in place of updates."""
    text = TWO_LAYERS.replace("BEFORE", before).replace("UPDATES", "\n    ".join(lines))
    for i, key in enumerate(keys, 1):
        text = text.replace(f"K{i}", key)
    return text


IN_A_DICT = f"grads = {{{', '.join(f'{key}: {g}' for key, g in zip(NAMES, GRADIENTS, strict=True))}}}"
FROM_A_DICT = "for k in params: params[k] -= 0.3 * grads[k]"

ADAM = (
    "def adam(name, p, g):\n    m, v = state.setdefault(name, [np.zeros_like(p), np.zeros_like(p)])\n"
    "    m *= 0.9; m += 0.1 * g\n    v *= 0.99; v += 0.01 * g ** 2\n"
    "    delta = 0.002 * (m / (1 - 0.9 ** t)) / (np.sqrt(v / (1 - 0.99 ** t)) + 1e-8)\n    return p - delta\n"
    "state, t = {}, 0"
)
CLOSURES = """
def layer(i, o):
    W, b, kept = rng.normal(size=(i, o)), np.zeros(o), {}
    def forward(x):
        kept["x"] = x
        return x @ W + b
    def backward(d, lr):
        nonlocal W, b
        back = d @ W.T
        W = W - lr * kept["x"].T @ d
        b = b - lr * d.sum(axis=0)
        return back
    return forward, backward
(f1, b1), (f2, b2) = layer(6, 5), layer(5, 4)
for epoch in range(20):
    h = np.tanh(f1(X))
    s = f2(h)
    e = np.exp(s - s.max(axis=1, keepdims=True))
    b1(b2((e / e.sum(axis=1, keepdims=True) - Y) / 12, 0.3) * (1 - h ** 2), 0.3)
"""
BATCHES_ADDED_UP = """
W = rng.normal(size=(6, 4))
for epoch in range(20):
    dW = np.zeros_like(W)
    for j in range(0, 12, 3):
        s = X[j:j + 3] @ W
        d = np.exp(s - np.log(np.exp(s).sum(axis=1, keepdims=True)))
        d[np.arange(3), labels[j:j + 3]] -= 1
        dW += X[j:j + 3].T @ d
    dW /= 12
    W -= 0.1 * dW
"""
RECURRENT = """
W, b, V = rng.normal(size=(2 + 4, 16)) * 0.5, np.zeros(16), rng.normal(size=(4, 4))
sigmoid = lambda z: 1 / (1 + np.exp(-z))
series = X.reshape(12, 3, 2)
for epoch in range(20):
    h, c, kept = np.zeros((12, 4)), np.zeros((12, 4)), []
    for t in range(3):
        joined = np.hstack([series[:, t], h])
        a = joined @ W + b
        i, f, o, g = sigmoid(a[:, :4]), sigmoid(a[:, 4:8]), sigmoid(a[:, 8:12]), np.tanh(a[:, 12:])
        before = c
        c = f * c + i * g
        h = o * np.tanh(c)
        kept.append((joined, i, f, o, g, before, c))
    p = np.exp(h @ V)
    p = p / p.sum(axis=1, keepdims=True)
    d = (p - Y) / 12
    dV = h.T @ d
    dh, dc, dW, db = d @ V.T, 0, np.zeros_like(W), np.zeros_like(b)
    for joined, i, f, o, g, before, c in kept[::-1]:
        dc = dc + dh * o * (1 - np.tanh(c) ** 2)
        da = np.hstack([
            dc * g * i * (1 - i), dc * before * f * (1 - f), dh * np.tanh(c) * o * (1 - o), dc * i * (1 - g ** 2)
        ])
        dW += joined.T @ da
        db += da.sum(axis=0)
        dh = (da @ W.T)[:, 2:]
        dc = dc * f
    W -= 0.5 * dW; b -= 0.5 * db; V -= 0.5 * dV
"""
"""An LSTM (Hochreiter and Schmidhuber 1997): its state is made from the one before, and is no parameter."""


def recurrent_in_a_dict():
    """The same with its parameters in a dict, and with a forget gate that begins open."""
    program = RECURRENT.replace("for epoch", "params = {'W': W, 'b': b, 'V': V}; params['b'][4:8] = 1\nfor epoch")
    for used in ("joined @ W + b", "h @ V", "d @ V.T", "da @ W.T"):
        program = program.replace(used, re.sub(r"\b[WVb]\b", lambda name: f"params['{name[0]}']", used))
    moved = "for k, g in (('W', dW), ('b', db), ('V', dV)): params[k] -= 0.5 * g"
    return program.replace("W -= 0.5 * dW; b -= 0.5 * db; V -= 0.5 * dV", moved)


SPARSE_CODES = AUTOENCODER.replace(
    "0.5 * np.sum((r - X) ** 2) / 12", "-np.sum(T * np.log(r) + (1 - T) * np.log(1 - r))"
)
SPARSE_CODES = (
    "T = np.array(X)\n" + SPARSE_CODES.replace("np.tanh(h @ W.T + c)", "1 / (1 + np.exp(-(h @ W.T + c)))")
    .replace("- r))", "- r)) + 0.5 * np.sum(h ** 2)").replace("(r - X) * (1 - r ** 2) / 12", "r - T")
    .replace("(dr @ W)", "(dr @ W + h)").replace("0.1 *", "0.01 *")
)  # fmt: skip
ONE_BY_ONE = """
W, b = rng.normal(size=(6, 4)), np.zeros(4)
for x, label in [(X[i], int(labels[i])) for i in range(12)]:
    s = x @ W + b
    p = np.exp(s) / np.exp(s).sum()
    loss = -np.log(p[label]) + 1e-2 * np.abs(W).sum()
    t = np.zeros(4); t[label] = 1
    d = p - t
    dW = np.outer(x, d) + 1e-2 * np.sign(W)
    W -= 0.05 * dW; b -= 0.05 * d
"""
WINDOWS_AT_KINKS = """
from numpy.lib.stride_tricks import sliding_window_view
images = (rng.random((12, 6, 6)) > 0.7) * 1.0
K, c, W = rng.normal(size=(4, 3, 3)) * 0.3, np.zeros(4), rng.normal(size=(64, 4)) * 0.1
for epoch in range(20):
    windows = sliding_window_view(images, (3, 3), axis=(1, 2))
    z = np.einsum('bxyij,oij->boxy', windows, K) + c[:, None, None]
    h = sliding_window_view(np.maximum(z, 0), (1, 1), axis=(2, 3))[..., 0, 0].reshape(12, -1)
    p = np.exp(h @ W)
    p = p / p.sum(axis=1, keepdims=True)
    d = (p - Y) / 12
    dz = (d @ W.T).reshape(z.shape) * (z > 0)
    dK, dc = np.einsum('boxy,bxyij->oij', dz, windows), dz.sum(axis=(0, 2, 3))
    W -= 0.1 * (h.T @ d); K -= 0.1 * dK; c -= 0.1 * dc
"""
"""Biases of 0 and windows of black: differences on both sides of a kink are no derivative."""

MATRICES = """
A, T, m = np.matrix(np.hstack([np.ones((12, 1)), X])), np.matrix(Y), 12
W1, W2 = np.matrix(rng.normal(size=(5, 7))), np.matrix(rng.normal(size=(4, 6)))
for epoch in range(20):
    z = A * W1.T
    a = np.hstack([np.ones((m, 1)), 1 / (1 + np.exp(-z))])
    h = 1 / (1 + np.exp(-a * W2.T))
    J = np.sum(np.multiply(-T, np.log(h)) - np.multiply(1 - T, np.log(1 - h))) / m
    J += 0.5 / m * (np.sum(np.power(W1[:, 1:], 2)) + np.sum(np.power(W2[:, 1:], 2)))
    d = h - T
    dz = np.multiply(d * W2[:, 1:], np.multiply(a[:, 1:], 1 - a[:, 1:]))
    dW1 = dz.T * A / m + 1 / m * np.hstack([np.zeros((5, 1)), W1[:, 1:]])
    dW2 = d.T * a / m + 1 / m * np.hstack([np.zeros((4, 1)), W2[:, 1:]])
    W1, W2 = W1 - 0.8 * dW1, W2 - 0.8 * dW2
"""
"""np.matrix, whose * is a product, as courses had it."""

ALSO_RIGHT = {
    "matrices": MATRICES,
    "closures": CLOSURES,
    "batches added up": BATCHES_ADDED_UP,
    "recurrent": RECURRENT,
    "recurrent, one gate open": RECURRENT.replace("for epoch", "b[4:8] = 1\nfor epoch"),
    "recurrent, in a dict": recurrent_in_a_dict(),
    "sparse codes": SPARSE_CODES,
    "one by one": ONE_BY_ONE,
    "windows at kinks": WINDOWS_AT_KINKS,
    "stored in place": updated("params[KEY][:] = params[KEY] - 0.3 * (GRADIENT)"),
    "stored in place, the rate first": updated("params[KEY][...] = params[KEY] - lr * GRADIENT", "lr = 0.3"),
    "Adam of a function": updated("t += KEY == 'W1'; params[KEY] = adam(KEY, params[KEY], GRADIENT)", ADAM),
    "clipped": updated_by(
        [IN_A_DICT, "grads = {k: np.clip(g, -0.01, 0.01) for k, g in grads.items()}", FROM_A_DICT]
    ),
    "shortened": updated_by(
        [
            IN_A_DICT,
            "norm = np.sqrt(sum((g ** 2).sum() for g in grads.values()))",
            "if norm > 0.1: grads = {k: g * (0.1 / norm) for k, g in grads.items()}",
            FROM_A_DICT,
        ]
    ),
    "whole numbers as keys": updated(
        "params[KEY] = step(params[KEY], GRADIENT)", "def step(p, g): return p - 0.3 * g", ("1", "2", "3", "4")
    ),
    "tuples as keys": updated(
        "params[KEY] = params[KEY] - 0.3 * (GRADIENT)", keys=("('W', 1)", "('b', 1)", "('W', 2)", "('b', 2)")
    ),
    "globals": updated("globals()[KEY] = globals()[KEY] - 0.3 * (GRADIENT)", "globals().update(params)")
    .replace("params['W1']", "W1").replace("params['b1']", "b1")
    .replace("params['W2']", "W2").replace("params['b2']", "b2"),
}  # fmt: skip


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_so_does_one_that_keeps_its_parameters_otherwise(name):
    report = reported(DATA + ALSO_RIGHT[name])
    assert report.passed, report
    assert len(report.parameters) > 1 or name == "batches added up"


@pytest.mark.parametrize("name", ALSO_RIGHT)
def test_and_a_wrong_one_of_these_does_not(name):
    breaking = {
        "d.sum(axis=0)": "-d.sum(axis=0)",
        "dW += X": "dW -= X",
        "(dr @ W + h)": "(dr @ W - h)",
        "1e-2 * np.sign": "-1e-2 * np.sign",
        "dz.sum(axis=(0, 2, 3))": "2 * dz.sum(axis=(0, 2, 3))",
        "db += da": "db = da",
        "dz.T * A / m": "dz.T * A",
    }
    program = ALSO_RIGHT[name]
    line = next(line for line in breaking if line in program)
    assert not reported(DATA + program.replace(line, breaking[line])).passed


WRONG = {
    "a filter's bias": (CONVOLUTION, "dc = dz.sum(axis=(0, 1))", "dc = -7 * dz.sum(axis=(0, 1))", "dc"),
    "a filter behind strides": (STRIDED, "(windows(images), dz,", "(windows(images[::-1]), dz,", "dK1"),
    "a filter": (CONVOLUTION, ".T @ dz.reshape", ".T[::-1] @ dz.reshape", "dK"),
    "one update without 1/m": (THREE_LAYERS, "dZ3.sum(axis=0) / 12", "dZ3.sum(axis=0)", "db3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_wrong_gradient_is_the_one_that_is_called_wrong(name):
    program, line, broken, gradient = WRONG[name]
    report = reported(DATA + program.replace(line, broken))
    assert [p.name for p in report.parameters if not p.right] == [gradient]
    assert report.findings


SLIPPED = {
    "a logistic loss": (SIGNS, "np.exp(t * z)) / 12", "np.exp(-t * z)) / 12", (), ["g = "]),
    "hinge": (MARGINS, "ds.sum(axis=1)", "1", (), ["ds = ", "ds[", "ds /="]),
    "scale and shift": (
        NORMALIZED,
        "dg, db = (do * n).sum(axis=0), do",
        "db, dg = (do * n).sum(axis=0), do",
        (),
        ["db, dg"],
    ),
    "slope beside L1": (SPARSE, "(1 - h ** 2)", "(1 - h)", ("slope-part",), ["dh = "]),
    "smoothed": (SMOOTHED, "(p - T)", "(p - 0.9 * T)", (), ["d = "]),
    "residual": (RESIDUAL, "Wr.T", "Wr", ("carried-untransposed",), ["dh0 = "]),
    "penalty": (PENALIZED, "grad[1:] += lam / m * theta[1:]", "grad += lam / m * theta", (), ["grad +="]),
    "the other use of a matrix": (AUTOENCODER, "X.T @ dh + dr.T @ h", "X.T @ dh", (), ["W -= "]),
    "regression": (REGRESSION, "2 * (y - t) / 12", "2 * (y - t) / 12 * y", (), ["back = "]),
    "a sum over windows": (LOOPS, "dfilters[k] +=", "dfilters[k] =", (), ["dfilters[k] ="]),
    "leaky": (LEAKY, "single(1), single(0.1)", "single(1), single(0.01)", ("slope-other",), ["d1 = "]),
}
"""A program, what is wrong in it, the mistake's names, and how the lines begin that are named."""


@pytest.mark.parametrize("name", SLIPPED)
def test_a_mistake_is_found_in_its_own_lines(name):
    program, line, broken, names, places = SLIPPED[name]
    assert program.count(line) == 1
    report = reported(DATA + program.replace(line, broken))
    (finding,) = report.findings
    assert finding.names == names, report
    assert [place.partition(": ")[2][: len(begins)] for place, begins in zip(finding.places, places)] == places, report
    assert len(finding.places) == len(places)


def test_what_is_always_one_beside_the_inputs_is_no_bias_that_is_never_updated():
    text = f"""{DATA}
W1, W2, bias = rng.normal(size=(7, 3)), rng.normal(size=(4, 4)), np.ones((12, 1))
for epoch in range(10):
    A = np.hstack([X, bias])
    h = 1 / (1 + np.exp(-A @ W1))
    B = np.hstack([h, bias])
    y = 1 / (1 + np.exp(-B @ W2))
    d2 = (y - Y) * y * (1 - y)
    d1 = d2 @ W2[:3].T * h * (1 - h)
    W2 -= 0.1 * B.T @ d2
    W1 -= 0.1 * A.T @ d1
"""
    assert reported(text).passed
    resting = reported(text.replace("-B @ W2", "-(B @ W2 + bias)"))
    assert [finding.names for finding in resting.findings] == [("update-missing",)]


def test_arrays_without_elements_and_lengths_that_are_round_numbers_are_no_obstacle():
    text = DATA + RIGHT["regression"].replace(
        "\nt = ",
        """
losses = np.array([])
def encoded(x, max_len=5000):
    return x + np.zeros((max_len, 1))[100]
X = encoded(X)
t = """,
    ).replace("    back = ", "    losses = np.append(losses, mse)\n    back = ")
    report = reported(text)
    assert report.passed, report


PROJECTED = """
eig_values, w = np.linalg.eigh(np.cov(X.T))
Z, W, b = X @ w[:, :4], rng.normal(size=(4, 4)), np.zeros(4)
for epoch in range(20):
    e = np.exp(Z @ W + b)
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    W -= 0.1 * Z.T @ d
    b -= 0.1 * d.sum(axis=0)
"""


def test_a_projection_of_the_inputs_has_nothing_to_learn():
    assert reported(DATA + PROJECTED).passed
    drawn = PROJECTED.replace("np.linalg.eigh(np.cov(X.T))", "0, rng.normal(size=(6, 6))").replace("w[:, :4]", "w")
    resting = reported(DATA + drawn.replace("(4, 4)", "(6, 4)"))
    assert [finding.names for finding in resting.findings] == [("update-missing",)]


def test_a_bias_for_each_example_is_judged():
    report = reported(f"""{DATA}
W1, b1, W2, b2 = rng.normal(size=(6, 5)), np.zeros((12, 1)), rng.normal(size=(5, 4)), np.zeros((12, 1))
for epoch in range(10):
    h = np.tanh(X @ W1 + b1)
    e = np.exp(h @ W2 + b2)
    d2 = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    d1 = d2 @ W2.T * (1 - h ** 2)
    W2, b2 = W2 - 0.1 * h.T @ d2, b2 - 0.1 * d2.sum(axis=1, keepdims=True)
    W1, b1 = W1 - 0.1 * X.T @ d1, b1 + 0.1 * d1.sum(axis=1, keepdims=True)
""")
    (finding,) = report.findings
    assert finding.names == ("update-sign",), report


def test_what_is_scaled_is_the_lower_layer_and_not_the_one_next_to_the_loss():
    report = reported(DATA + DROPOUT.replace("kept / 0.8 * (z1", "kept * 0.8 * (z1"))
    assert [p.name for p in report.parameters if not p.right] == ["dW1", "db1"], report
    assert all("0.64 times" in finding.what for finding in report.findings), report


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


ZEROING = "p.grad[:] = 0", "p.grad.fill(0)", "p.grad *= 0", "p.grad = np.zeros_like(p.grad)"


@pytest.mark.parametrize("is_right", [True, False])
@pytest.mark.parametrize("zeroing", ZEROING)
def test_gradients_that_are_zeroed_before_the_update_move_nothing(zeroing, is_right):
    lines = [f"for p in params: {zeroing}", "pass"]
    before, after = lines if is_right else lines[::-1]
    report = reported(DATA + ZEROED.replace("BEFORE", before).replace("AFTER", after))
    assert report.passed is is_right, report
    assert all(p.right for p in report.parameters)
    assert [finding.names for finding in report.findings] == ([] if is_right else [("update-zeroed",)])
    assert all(zeroing in place for finding in report.findings for place in finding.places)


IN_LAYERS = """
class Dense:
    def __init__(self, i, o):
        self.w, self.b = rng.normal(size=(i, o)), np.zeros(o)
    def forward(self, x):
        self.x = x
        return x @ self.w + self.b
    def backward(self, grad):
        dw, db = self.x.T @ grad, grad.sum(axis=0)
        back = grad @ self.w.T
        self.w -= 0.1 * dw
        self.b -= 0.1 * db
        return back
layers = [Dense(6, 5), Dense(5, 4)]
for epoch in range(20):
    a = np.tanh(layers[0].forward(X))
    z = layers[1].forward(a)
    e = np.exp(z - z.max(axis=1, keepdims=True))
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    layers[0].backward(layers[1].backward(d) * (1 - a ** 2))
"""


def test_what_raises_before_the_lower_layers_have_learned_has_not_passed():
    assert reported(DATA + IN_LAYERS).passed
    report = reported(DATA + IN_LAYERS.replace("return back", "return bakc"))
    assert not report.passed
    assert "bakc" in report.problems[0].message
    after = reported(DATA + IN_LAYERS + "    print(accuracy)\n")
    assert after.passed, after


NEURONS = f"""{DATA}
class Neuron:
    def __init__(self, inputs):
        self.weights, self.bias = rng.normal(size=inputs), rng.normal()

layers = [[Neuron(6) for _ in range(5)], [Neuron(5) for _ in range(4)]]

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

for epoch in range(5):
    a = [X]
    for layer in layers:
        weights = np.array([neuron.weights for neuron in layer])
        a.append(sigmoid(a[-1] @ weights.T + np.array([neuron.bias for neuron in layer])))
    delta = 2 * (a[2] - Y) / len(Y) * a[2] * (1 - a[2])
    for i in (1, 0):
        weights = np.array([neuron.weights for neuron in layers[i]])
        dW, db = delta.T @ a[i], delta.sum(axis=0)
        delta = delta @ weights * a[i] * (1 - a[i])
        UPDATE
"""
PUT_BACK = {
    "one by one": """
        for k, neuron in enumerate(layers[i]):
            neuron.weights = neuron.weights - 0.5 * dW[k]
            neuron.bias -= 0.5 * db[k]
""",
    "rows of new arrays": """
        new = weights - 0.5 * dW
        biases = np.array([neuron.bias for neuron in layers[i]]) - 0.5 * db
        for k, neuron in enumerate(layers[i]):
            neuron.weights, neuron.bias = new[k], biases[k]
""",
    "rows of one that is changed in place": """
        weights -= 0.5 * dW
        biases = np.stack([neuron.bias for neuron in layers[i]])
        biases -= 0.5 * db
        for neuron, row, bias in zip(layers[i], weights, biases):
            neuron.weights, neuron.bias = row, bias
""",
}


@pytest.mark.parametrize("way", PUT_BACK)
def test_units_are_objects_whose_weights_are_put_together_and_back(way):
    text = NEURONS.replace("        UPDATE\n", PUT_BACK[way][1:])
    report = reported(text)
    assert report.passed, report
    assert not report.notes, report.notes
    assert len(report.parameters) == (18 if way == "one by one" else 4)
    wrong = reported(text.replace("delta @ weights *", "delta @ weights[::-1] *"))
    assert not wrong.passed
    assert "delta" in str(wrong.findings), wrong
