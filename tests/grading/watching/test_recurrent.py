"""Recurrent networks, whose state goes from chunk to chunk of a sequence, where its gradient is cut on purpose."""

import pytest

from tests.grading.watching.runs import reported
from tinygrad_mnist import grade

LETTERS = """
text = "pack my box with five dozen jugs of dark cider " * 9
letters = sorted(set(text))
size, hidden, T = len(letters), 6, 5
number = {letter: i for i, letter in enumerate(letters)}
"""

CHARACTERS = """
Wxh, Whh = np.random.randn(hidden, size) * 0.1, np.random.randn(hidden, hidden) * 0.1
Why, bh, by = np.random.randn(size, hidden) * 0.1, np.zeros((hidden, 1)), np.zeros((size, 1))

def loss_function(inputs, targets, h_before):
    xs, hs, ps, loss = {}, {-1: np.copy(h_before)}, {}, 0
    for t in range(len(inputs)):
        xs[t] = np.zeros((size, 1))
        xs[t][inputs[t]] = 1
        hs[t] = np.tanh(np.dot(Wxh, xs[t]) + np.dot(Whh, hs[t - 1]) + bh)
        y = np.dot(Why, hs[t]) + by
        ps[t] = np.exp(y) / np.sum(np.exp(y))
        loss += -np.log(ps[t][targets[t], 0])
    dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
    dbh, dby, dhnext = np.zeros_like(bh), np.zeros_like(by), np.zeros_like(hs[0])
    for t in reversed(range(len(inputs))):
        dy = np.copy(ps[t])
        dy[targets[t]] -= 1
        dWhy += np.dot(dy, hs[t].T)
        dby += dy
        dh = np.dot(Why.T, dy) + dhnext
        dhraw = (1 - hs[t] * hs[t]) * dh
        dbh += dhraw
        dWxh += np.dot(dhraw, xs[t].T)
        dWhh += np.dot(dhraw, hs[t - 1].T)
        dhnext = np.dot(Whh.T, dhraw)
    return loss, dWxh, dWhh, dWhy, dbh, dby, hs[len(inputs) - 1]

at, smooth_loss = 0, 15.0
while True:
    if at == 0 or at + T + 1 >= len(text):
        at, h_before = 0, np.zeros((hidden, 1))
    inputs = [number[letter] for letter in text[at : at + T]]
    targets = [number[letter] for letter in text[at + 1 : at + T + 1]]
    loss, dWxh, dWhh, dWhy, dbh, dby, h_before = loss_function(inputs, targets, h_before)
    smooth_loss = smooth_loss * 0.999 + loss * 0.001
    for parameter, gradient in zip([Wxh, Whh, Why, bh, by], [dWxh, dWhh, dWhy, dbh, dby]):
        parameter += -0.1 * gradient
    at += T
"""

GATES = """
Wf, Wi, Wc, Wo = [np.random.randn(hidden, hidden + size) * 0.2 for _ in range(4)]
Wy = np.random.randn(size, hidden) * 0.2

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

h_before, c_before = np.zeros((hidden, 1)), np.zeros((hidden, 1))
for step in range(40):
    at = step * T
    h, c, z, f, i, g, o, ps, loss = {-1: h_before}, {-1: c_before}, {}, {}, {}, {}, {}, {}, 0
    for t in range(T):
        x = np.zeros((size, 1))
        x[number[text[at + t]]] = 1
        z[t] = np.vstack((h[t - 1], x))
        f[t], i[t] = sigmoid(Wf @ z[t]), sigmoid(Wi @ z[t])
        g[t], o[t] = np.tanh(Wc @ z[t]), sigmoid(Wo @ z[t])
        c[t] = f[t] * c[t - 1] + i[t] * g[t]
        h[t] = o[t] * np.tanh(c[t])
        e = np.exp(Wy @ h[t])
        ps[t] = e / e.sum()
        loss -= np.log(ps[t][number[text[at + t + 1]], 0])
    dWf, dWi, dWc, dWo, dWy = [np.zeros_like(W) for W in (Wf, Wi, Wc, Wo, Wy)]
    dhnext, dcnext = np.zeros((hidden, 1)), np.zeros((hidden, 1))
    for t in reversed(range(T)):
        dy = ps[t].copy()
        dy[number[text[at + t + 1]]] -= 1
        dWy += dy @ h[t].T
        dh = Wy.T @ dy + dhnext
        do = dh * np.tanh(c[t]) * o[t] * (1 - o[t])
        dc = dcnext + dh * o[t] * (1 - np.tanh(c[t]) ** 2)
        dg, di = dc * i[t] * (1 - g[t] ** 2), dc * g[t] * i[t] * (1 - i[t])
        df = dc * c[t - 1] * f[t] * (1 - f[t])
        for dW, d in ((dWf, df), (dWi, di), (dWc, dg), (dWo, do)):
            dW += d @ z[t].T
        dhnext = (Wf.T @ df + Wi.T @ di + Wc.T @ dg + Wo.T @ do)[:hidden]
        dcnext = f[t] * dc
    h_before, c_before = h[T - 1], c[T - 1]
    for W, dW in ((Wf, dWf), (Wi, dWi), (Wc, dWc), (Wo, dWo), (Wy, dWy)):
        W -= 0.1 * dW
"""

UNIT = """
class Unit:
    def __init__(self):
        self.Wz, self.Wc = np.random.randn(size, hidden) * 0.2, np.random.randn(size, hidden) * 0.2
        self.Uz, self.Uc = np.random.randn(hidden, hidden) * 0.2, np.random.randn(hidden, hidden) * 0.2
        self.V = np.random.randn(hidden, size) * 0.2
        self.state = np.zeros(hidden)

    def forward(self, xs):
        self.kept, h, outputs = [], self.state, []
        for x in xs:
            z = 1 / (1 + np.exp(-(x @ self.Wz + h @ self.Uz)))
            c = np.tanh(x @ self.Wc + h @ self.Uc)
            new = (1 - z) * h + z * c
            self.kept.append((x, h, z, c, new))
            h = new
            e = np.exp(h @ self.V)
            outputs.append(e / e.sum())
        self.state = h
        return outputs

    def backward(self, outputs, targets):
        gradients = {name: np.zeros_like(getattr(self, name)) for name in ("Wz", "Wc", "Uz", "Uc", "V")}
        dnext = np.zeros(hidden)
        for (x, h, z, c, new), p, t in reversed(list(zip(self.kept, outputs, targets))):
            d = p.copy()
            d[t] -= 1
            gradients["V"] += np.outer(new, d)
            dh = self.V @ d + dnext
            dc, dz = dh * z * (1 - c ** 2), dh * (c - h) * z * (1 - z)
            gradients["Wc"] += np.outer(x, dc)
            gradients["Uc"] += np.outer(h, dc)
            gradients["Wz"] += np.outer(x, dz)
            gradients["Uz"] += np.outer(h, dz)
            dnext = dh * (1 - z) + self.Uc @ dc + self.Uz @ dz
        for name, gradient in gradients.items():
            setattr(self, name, getattr(self, name) - 0.1 * gradient)

unit = Unit()
for at in range(0, 200, T):
    outputs = unit.forward(np.eye(size)[[number[letter] for letter in text[at : at + T]]])
    targets = [number[letter] for letter in text[at + 1 : at + T + 1]]
    loss = -sum(np.log(p[t]) for p, t in zip(outputs, targets))
    unit.backward(outputs, targets)
"""

STACKED = """
layers = [[rng.normal(size=shape) * 0.3 for shape in ((n, 8), (8, 8), (8,))] for n in (1, 8, 8)]
V = rng.normal(size=(8, 1))
for epoch in range(9):
    wave = np.sin(np.arange(epoch, epoch + 10, 0.2)).reshape(-1, 1)
    x, kept = wave[:-1], []
    for U, W, b in layers:
        h, before = np.zeros((len(x), 8)), np.zeros(8)
        for t in range(len(x)):
            before = np.tanh(x[t] @ U + before @ W + b)
            h[t] = before
        kept.append((x, h))
        x = h
    difference = x @ V - wave[1:]
    print("loss", np.sum(difference ** 2) / 2)
    dV, d = x.T @ difference, difference @ V.T
    for layer, (x, h) in reversed(list(zip(layers, kept))):
        U, W, b = layer
        dU, dW, db, dz, dx = np.zeros_like(U), np.zeros_like(W), np.zeros_like(b), np.zeros(8), np.zeros_like(x)
        for t in reversed(range(len(x))):
            dz = (d[t] + dz @ W.T) * (1 - h[t] ** 2)
            dU += np.outer(x[t], dz)
            dW += np.outer(h[t - 1], dz) if t else 0
            db += dz
            dx[t] = dz @ U.T
        layer[0], layer[1], layer[2], d = U - 0.001 * dU, W - 0.001 * dW, b - 0.001 * db, dx
    V = V - 0.001 * dV
"""


def program(body):
    return f"import numpy as np\n{LETTERS}{body}"


@pytest.mark.parametrize(("body", "count"), [(CHARACTERS, 5), (GATES, 5), (UNIT, 5)])
def test_a_state_that_is_carried_is_no_parameter_and_a_constant_of_its_chunk(body, count):
    report = reported(program(body))
    assert report.passed, str(report)
    assert len(report.parameters) == count
    assert not report.notes


def test_a_long_sequence_through_several_layers_is_judged():
    report = reported(f"import numpy as np\nrng = np.random.default_rng(0)\n{STACKED}")
    assert report.passed, str(report)
    assert len(report.parameters) == 10


def test_where_it_is_tried_before_it_is_trained_its_memory_is_no_parameter():
    tried = """
for at in range(0, 60, T):
    h, c = np.zeros((hidden, 1)), np.zeros((hidden, 1))
    for t in range(T):
        x = np.eye(size)[number[text[at + t]]][:, None]
        z = np.vstack((h, x))
        c = sigmoid(Wf @ z) * c + sigmoid(Wi @ z) * np.tanh(Wc @ z)
        h = sigmoid(Wo @ z) * np.tanh(c)

h_before, c_before"""
    report = reported(program(GATES.replace("\nh_before, c_before", tried, 1)))
    assert report.passed, str(report)
    assert len(report.parameters) == 5


MISTAKES = [
    (CHARACTERS, "(1 - hs[t] * hs[t]) * dh", "dh"),
    (CHARACTERS, "np.dot(Whh.T, dhraw)", "np.dot(Whh, dhraw)"),
    (CHARACTERS, " + dhnext", ""),
    (CHARACTERS, "dhraw, hs[t - 1].T", "dhraw, hs[t].T"),
    (GATES, "dcnext = f[t] * dc", "dcnext = dc"),
    (GATES, "dc = dcnext + dh", "dc = dh"),
    (UNIT, "dnext = dh * (1 - z) +", "dnext ="),
    (UNIT, "np.outer(h, dz)", "np.outer(new, dz)"),
]


@pytest.mark.parametrize(("body", "right", "wrong"), MISTAKES)
def test_a_mistake_in_one_is_found_beside_right_outputs(body, right, wrong):
    assert right in body
    report = reported(program(body.replace(right, wrong)))
    assert not report.passed
    assert report.findings
    assert any(p.right for p in report.parameters)


def test_a_gradient_that_is_put_in_the_place_of_those_before_it_is_the_share_of_one_use():
    report = reported(program(CHARACTERS.replace("dbh += dhraw", "dbh = dhraw")))
    assert sum(not p.right for p in report.parameters) == 1
    assert [(f.where, f.what) for f in report.findings] == [(("∂L/∂bh",), "the share of one of its 5 uses alone")]


def test_a_text_that_is_not_there_is_given(tmp_path):
    path = tmp_path / "letters.py"
    text = '"pack my box with five dozen jugs of dark cider " * 9'
    read = program(CHARACTERS).replace(text, 'open("input.txt").read()')
    path.write_text(read, encoding="utf-8")
    assert grade(path).passed
