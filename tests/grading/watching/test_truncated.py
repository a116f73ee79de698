"""Recurrent networks whose gradients go back over some steps alone, as is usual, or over all."""

import pytest

from tests.grading.watching.runs import reported

SEQUENCES = """
import numpy as np

rng = np.random.default_rng(3)
sequences = [rng.integers(0, 6, size=rng.integers(8, 12)) for _ in range(40)]
U, V, W = rng.normal(size=(5, 6)) * 0.5, rng.normal(size=(6, 5)) * 0.5, rng.normal(size=(5, 5)) * 0.5
"""

BY_OUTPUT = """
class Net:
    def __init__(self, truncate=3):
        self.U, self.V, self.W, self.truncate = U, V, W, truncate

    def forward(self, x):
        s, o = np.zeros((len(x) + 1, 5)), np.zeros((len(x), 6))
        for t in np.arange(len(x)):
            s[t] = np.tanh(self.U[:, x[t]] + self.W.dot(s[t - 1]))
            e = np.exp(self.V.dot(s[t]))
            o[t] = e / e.sum()
        return o, s

    def loss(self, x, y):
        o, s = self.forward(x)
        return -np.sum(np.log(o[np.arange(len(y)), y]))

    def bptt(self, x, y):
        T = len(y)
        o, s = self.forward(x)
        dU, dV, dW = np.zeros(self.U.shape), np.zeros(self.V.shape), np.zeros(self.W.shape)
        delta_o = o
        delta_o[np.arange(len(y)), y] -= 1.0
        for t in np.arange(T)[::-1]:
            dV += np.outer(delta_o[t], s[t].T)
            delta_t = self.V.T.dot(delta_o[t]) * (1 - s[t] ** 2)
            for step in np.arange(max(0, t - self.truncate), t + 1)[::-1]:
                dW += np.outer(delta_t, s[step - 1])
                dU[:, x[step]] += delta_t
                delta_t = self.W.T.dot(delta_t) * (1 - s[step - 1] ** 2)
        return dU, dV, dW

net = Net()
for epoch in range(3):
    print(sum(net.loss(q[:-1], q[1:]) for q in sequences))
    for q in sequences:
        dU, dV, dW = net.bptt(q[:-1], q[1:])
        net.U -= 0.05 * dU
        net.V -= 0.05 * dV
        net.W -= 0.05 * dW
"""

THE_LAST = """
b, steps = np.zeros(5), 4
for q in sequences:
    x, y, T = np.eye(6)[q[:-1]], q[1:], len(q) - 1
    h, p, loss = {-1: np.zeros(5)}, {}, 0
    for t in range(T):
        h[t] = np.tanh(np.dot(U, x[t]) + np.dot(W, h[t - 1]) + b)
        e = np.exp(np.dot(V, h[t]))
        p[t] = e / e.sum()
        loss += -np.log(p[t][y[t]])
    dU, dV, dW, db, dh_next = np.zeros_like(U), np.zeros_like(V), np.zeros_like(W), np.zeros_like(b), np.zeros(5)
    for t in range(T - 1, max(-1, T - 1 - steps), -1):
        dy = p[t].copy()
        dy[y[t]] -= 1
        dV += np.outer(dy, h[t])
        draw = (V.T @ dy + dh_next) * (1 - h[t] ** 2)
        dU += np.outer(draw, x[t])
        dW += np.outer(draw, h[t - 1])
        db += draw
        dh_next = W.T @ draw
    U, V, W, b = U - 0.1 * dU, V - 0.1 * dV, W - 0.1 * dW, b - 0.1 * db
"""

ALL_OUTPUTS = THE_LAST.replace(
    "    for t in range(T - 1, max",
    "    for t in range(T):\n        dV += np.outer(p[t] - np.eye(6)[y[t]], h[t])\n    for t in range(T - 1, max",
).replace("        dV += np.outer(dy, h[t])\n", "")

ONE_OUTPUT = """
steps = 4
for q in sequences:
    x, h, T = np.eye(6)[q], [np.zeros((5, 1))], len(q) - 1
    for t in range(T):
        h.append(np.tanh(U @ x[t][:, None] + W @ h[-1]))
    e = np.exp(V @ h[-1])
    p, y = e / e.sum(), x[T][:, None]
    loss = -np.sum(y * np.log(p))
    dy = p - y
    dV, dU, dW = dy @ h[-1].T, np.zeros_like(U), np.zeros_like(W)
    dh = V.T @ dy
    for t in range(T, max(0, T - steps), -1):
        dz = dh * (1 - h[t] ** 2)
        dU += dz @ x[t - 1][None]
        dW += dz @ h[t - 1].T
        dh = W.T @ dz
    U, V, W = U - 0.1 * dU, V - 0.1 * dV, W - 0.1 * dW
"""

GATED = """
Wz, Wc = rng.normal(size=(5, 11)) * 0.5, rng.normal(size=(5, 11)) * 0.5
for q in sequences:
    X, T, h, kept = np.eye(6)[q], len(q) - 1, np.zeros(5), []
    for t in range(T):
        v = np.concatenate([h, X[t]])
        z = 1 / (1 + np.exp(-Wz @ v))
        c = np.tanh(Wc @ np.concatenate([z * h, X[t]]))
        kept.append((v, z, c, h))
        h = (1 - z) * h + z * c
    e = np.exp(V @ h)
    p = e / e.sum()
    loss = -np.log(p[q[T]])
    d = p - X[T]
    dV, dWz, dWc, dh = np.outer(d, h), np.zeros_like(Wz), np.zeros_like(Wc), V.T @ d
    for t in range(T - 1, T - 4, -1):
        v, z, c, before = kept[t]
        dc = dh * z * (1 - c ** 2)
        back = Wc[:, :5].T @ dc
        dz = (dh * (c - before) + back * before) * z * (1 - z)
        dWc += np.outer(dc, np.concatenate([z * before, X[t]]))
        dWz += np.outer(dz, v)
        dh = dh * (1 - z) + back * z + Wz[:, :5].T @ dz
    V, Wz, Wc = V - 0.1 * dV, Wz - 0.1 * dWz, Wc - 0.1 * dWc
"""

KINDS = {
    "by output": (BY_OUTPUT, "each error is carried back over 3 steps, and no further"),
    "over one step": (BY_OUTPUT.replace("truncate=3", "truncate=1"), "each error is carried back over one step"),
    "the last steps": (THE_LAST, "the last 4 steps alone are gone back through"),
    "all outputs": (ALL_OUTPUTS, "the chain is cut before the last 4 steps"),
    "one output": (ONE_OUTPUT, "each error is carried back over 3 steps, and no further"),
    "gated": (GATED, "each error is carried back over 2 steps, and no further"),
}


@pytest.mark.parametrize("name", KINDS)
def test_a_chain_that_is_cut_after_some_steps_is_right_and_said_to_be_cut(name):
    body, words = KINDS[name]
    report = reported(SEQUENCES + body)
    assert report.passed, str(report)
    assert len(report.notes) == 1
    assert report.notes[0].startswith("truncated backpropagation through time: ")
    assert words in report.notes[0]


@pytest.mark.parametrize(
    "body",
    [
        BY_OUTPUT.replace("truncate=3", "truncate=99"),
        THE_LAST.replace("steps = np.zeros(5), 4", "steps = np.zeros(5), 99"),
    ],
)
def test_of_one_that_is_not_cut_nothing_is_said(body):
    report = reported(SEQUENCES + body)
    assert report.passed, str(report)
    assert not report.notes


MISTAKES = [  # and, of a loop that is wrong, the lines of the sums in it
    ("by output", "self.W.T.dot(delta_t) * (1 - s[step - 1] ** 2)", "self.W.T.dot(delta_t)"),
    ("by output", "self.W.T.dot(delta_t)", "self.W.dot(delta_t)"),
    ("by output", "np.outer(delta_t, s[step - 1])", "np.outer(delta_t, s[step])"),
    ("by output", "dU[:, x[step]]", "dU[:, x[t]]"),
    ("by output", "self.V.T.dot(delta_o[t]) * (1 - s[t] ** 2)", "self.V.T.dot(delta_o[t])"),
    ("the last steps", "(V.T @ dy + dh_next) * (1 - h[t] ** 2)", "(V.T @ dy + dh_next) * (1 - h[t])"),
    ("the last steps", "dh_next = W.T @ draw", "dh_next = W @ draw"),
    ("the last steps", "(V.T @ dy + dh_next)", "(V.T @ dy)"),
    ("the last steps", "steps = np.zeros(5), 4", "steps = np.zeros(5), 1", "dU +=", "dW +=", "db +="),
    ("the last steps", "max(-1, T - 1 - steps)", "0", "dU +=", "dW +=", "db +="),
    ("one output", "max(0, T - steps)", "1", "dU +="),
    ("all outputs", "db += draw", "db = draw"),
    ("one output", "dh = W.T @ dz", "dh = W @ dz"),
    ("one output", "dz @ h[t - 1].T", "dz @ h[t].T"),
    ("gated", "dh * (1 - z) + back * z + Wz", "back * z + Wz"),
    ("gated", "back * before)", "0)"),
]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_before_the_cut_is_one_and_no_right_line_is_named(mistake):
    name, right, wrong, *others = mistake
    body = KINDS[name][0]
    assert right in body
    report = reported(SEQUENCES + body.replace(right, wrong))
    assert not report.passed
    for finding in report.findings:
        for place in finding.places:
            assert any(part in place for part in others or [wrong]), str(report)
    assert others or report.findings or right == "db += draw"  # draw is a derivative, if not that
