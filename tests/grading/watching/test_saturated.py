"""Where units are saturated, slopes round to 0: what the numbers do not tell is said, and is no mistake."""

import pytest

from tests.grading.watching.runs import DATA, reported

PIXELS = """
import numpy as np

rng = np.random.default_rng(0)
X, Y = rng.integers(0, 256, (20, 30)), np.eye(3)[rng.integers(0, 3, 20)]

def sigmoid(z):
    return 1 / (1 + np.exp(-z))
"""
TWO_LAYERS = """
W1, b1, W2, b2 = rng.uniform(size=(30, 6)), np.zeros(6), rng.normal(size=(6, 3)), np.zeros(3)
for step in range(9):
    a1 = sigmoid(X @ W1 + b1)
    a2 = OUTPUT(a1 @ W2 + b2)
    d2 = (a2 - Y) * SLOPE
    d1 = d2 @ W2.T * a1 * (1 - a1)
    dW2, db2, dW1, db1 = a1.T @ d2 / 20, d2.sum(axis=0) / 20, X.T @ d1 / 20, d1.sum(axis=0) / 20
    W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2
"""
OF_SIGMOIDS = TWO_LAYERS.replace("OUTPUT", "sigmoid").replace("SLOPE", "a2 * (1 - a2)")
OF_ANOTHER = TWO_LAYERS.replace("OUTPUT", "np.sin").replace("SLOPE", "np.cos(a1 @ W2 + b2)")
ONE_UNIT = """
t, w, b = Y[:, 0], rng.uniform(size=30), 0.0
for step in range(9):
    p = sigmoid(X @ w + b)
    dw, db = X.T @ (p - t) / 20, np.mean(p - t)
    w, b = w - 0.001 * dw, b - 0.001 * db
"""


@pytest.mark.parametrize("network", [OF_SIGMOIDS, OF_ANOTHER])
def test_of_gradients_that_are_0_it_is_said_that_nothing_is_told(network):
    report = reported(PIXELS + network)
    assert report.passed, str(report)
    assert any("dW1 and db1: 0, as it should be" in note for note in report.notes), str(report)
    wrong = reported(PIXELS + network.replace("@ W2.T * a1 * (1 - a1)", "@ W2.T"))
    assert [p.right for p in wrong.parameters if p.name in ("dW1", "db1")] == [False, False]


def test_log_loss_of_outputs_that_round_to_1_is_that_of_what_the_sigmoid_is_taken_of():
    report = reported(PIXELS + ONE_UNIT)
    assert report.passed, str(report)
    assert report.settings.startswith("log loss")
    assert not reported(PIXELS + ONE_UNIT.replace("X.T @ (p - t)", "X.T @ (p - t) ** 2 * 3")).passed
    assert not reported(PIXELS + ONE_UNIT.replace("X.T @ (p - t)", "X.T @ (p + t)")).passed


def test_what_is_0_as_it_should_be_is_right_beside_what_is_wrong():
    report = reported(f"""{DATA}
U, W, V = rng.normal(size=(6, 5)), rng.normal(size=(5, 5)), rng.normal(size=(5, 4))
for epoch in range(5):
    z = X @ U
    h = (np.exp(z) - np.exp(-z)) / (np.exp(z) - np.exp(-z))
    k = np.sin(h @ W)
    e = np.exp(k @ V)
    p = e / e.sum(axis=1, keepdims=True)
    d = np.exp(p - Y)
    dV = k.T @ d
    dk = d @ V.T * np.sin(h @ W)
    dW = h.T @ dk
    dU = X.T @ (dk @ W.T * (1 - h ** 2))
    U, W, V = U - 0.1 * dU, W - 0.1 * dW, V - 0.1 * dV
""")
    assert {p.name: p.verdict for p in report.parameters} == {"dU": "right", "dW": "WRONG", "dV": "WRONG"}, str(report)
    assert "rounding" not in str(report)
    assert any(note.startswith("dU: 0, as it should be") for note in report.notes)
