"""A learner's program beside autograd of its own forward pass, node by node."""

import json

import pytest

from tinygrad_mnist.cli import app
from tinygrad_mnist.grading.watching.beside import WIDTH, Beside
from tinygrad_mnist.grading.watching.comparison import compare_program

DATA = """
import numpy as np
from tensorflow.keras.datasets import mnist

(X, y), _ = mnist.load_data()
X, y = X[:60].reshape(60, 784) / 255.0, y[:60]
rng = np.random.default_rng(1)
"""

VIDEO = """
X = X.T
W1, b1 = rng.normal(0, 0.05, (12, 784)), np.zeros((12, 1))
W2, b2 = rng.normal(0, 0.3, (10, 12)), np.zeros((10, 1))
for i in range(100):
    Z1 = W1.dot(X) + b1
    A1 = np.maximum(Z1, 0)
    Z2 = W2.dot(A1) + b2
    A2 = np.exp(Z2) / sum(np.exp(Z2))
    one_hot_Y = np.zeros((y.size, 10))
    one_hot_Y[np.arange(y.size), y] = 1
    one_hot_Y = one_hot_Y.T
    dZ2 = A2 - one_hot_Y
    dW2 = 1 / 60 * dZ2.dot(A1.T)
    db2 = 1 / 60 * np.sum(dZ2, axis=1, keepdims=True)
    dZ1 = W2.T.dot(dZ2) * (Z1 > 0)
    dW1 = 1 / 60 * dZ1.dot(X.T)
    db1 = 1 / 60 * np.sum(
        dZ1, axis=1, keepdims=True)
    W1, b1 = W1 - 0.1 * dW1, b1 - 0.1 * db1
    W2, b2 = W2 - 0.1 * dW2, b2 - 0.1 * db2
"""

RESIDUAL = """
Y = np.eye(10)[y]
W1, b1 = rng.normal(0, 0.05, (784, 12)), np.zeros(12)
W2, b2 = rng.normal(0, 0.3, (12, 12)), np.zeros(12)
W3, b3 = rng.normal(0, 0.3, (12, 10)), np.zeros(10)

def relu(z):
    return np.maximum(0, z)

def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)

for step in range(100):
    h1 = relu(X @ W1 + b1)
    z2 = h1 @ W2 + b2
    h2 = h1 + relu(z2)
    z3 = h2 @ W3 + b3
    p = softmax(z3)
    loss = -np.mean(np.sum(Y * np.log(p), axis=1))
    dz3 = (p - Y) / len(X)
    dW3, db3 = h2.T @ dz3, dz3.sum(axis=0)
    dh2 = dz3 @ W3.T
    dz2 = dh2 * (z2 > 0)
    dW2, db2 = h1.T @ dz2, dz2.sum(axis=0)
    dh1 = dz2 @ W2.T + dh2
    dz1 = dh1 * (h1 > 0)
    dW1, db1 = X.T @ dz1, dz1.sum(axis=0)
    for parameter, gradient in zip((W1, b1, W2, b2, W3, b3), (dW1, db1, dW2, db2, dW3, db3)):
        parameter -= 0.1 * gradient
"""

LOOP = """
Y = np.eye(10)[y]
sizes = [784, 14, 12, 10]
weights = [rng.normal(0, 0.1, pair) for pair in zip(sizes[:-1], sizes[1:])]
for step in range(100):
    a, kept, sums = X, [X], []
    for W in weights:
        z = a @ W
        a = np.tanh(z) if W.shape[1] != 10 else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
        sums.append(z)
        kept.append(a)
    delta = (kept[-1] - Y) / 60
    for l in (2, 1, 0):
        grad = kept[l].T @ delta
        if l:
            delta = (delta @ weights[l].T) * (1 - kept[l] ** 2)
        weights[l] = weights[l] - 0.1 * grad
"""


def beside(folder, program, *changes):
    file = folder / "program.py"
    for old, new in changes:
        assert program.count(old) == 1
        program = program.replace(old, new)
    file.write_text(DATA + program, encoding="utf-8")
    return compare_program(file, 60)


def rows(found):
    return {row.name: row for row in found.rows}


def test_a_right_program_in_the_order_of_the_way_back(tmp_path):
    found = beside(tmp_path, VIDEO)
    assert found.passed
    assert list(rows(found)) == ["Z2", "W2", "b2", "Z1", "W1", "b1"]
    assert [row.verdict for row in found.rows] == ["m times", "equal", "equal"] * 2
    assert rows(found)["Z2"].formula == "∂L/∂Z2 = (A2 − one_hot_Y) / m"
    assert rows(found)["Z1"].formula == "∂L/∂Z1 = (W2ᵀ ∂L/∂Z2) ⊙ relu'(Z1)"
    assert rows(found)["W1"].formula == "∂L/∂W1 = ∂L/∂Z1 Xᵀ"
    assert rows(found)["b1"].own == "1 / 60 * np.sum( dZ1, axis=1, keepdims=True)"
    assert "A2 = softmax_rows(Z2)" in found.where or "A2 = softmax(Z2)" in found.where


@pytest.mark.parametrize(
    ("change", "first", "verdict"),
    [
        (("* (Z1 > 0)", "* (A1 > 0.1)"), "Z1", "differs by"),
        ((" * (Z1 > 0)", ""), "Z1", "differs: it is ∂L/∂A1"),
        (("dW2 = 1 / 60 *", "dW2 = "), "W2", "m times"),
        (("np.sum(dZ2, axis=1, keepdims=True)", "np.sum(dZ2)"), "b2", "differs: a number"),
    ],
)
def test_the_first_that_differs(tmp_path, change, first, verdict):
    found = beside(tmp_path, VIDEO, change)
    assert rows(found)[first].verdict.startswith(verdict)
    before = list(rows(found)).index(first)
    assert [row.equal for row in found.rows[: before + 1]] == [True] * before + [False]


def test_a_sign_that_leads_uphill(tmp_path):
    found = beside(tmp_path, VIDEO, ("A2 - one_hot_Y", "one_hot_Y - A2"))
    assert not any(row.equal for row in found.rows)
    assert rows(found)["Z2"].verdict == "minus m times"
    assert "uphill" in found.notes[0]
    added = VIDEO.replace("- 0.1 *", "+ 0.1 *")
    assert beside(tmp_path, added, ("A2 - one_hot_Y", "one_hot_Y - A2")).passed


def test_a_path_that_is_forgotten(tmp_path):
    assert beside(tmp_path, RESIDUAL).passed
    found = beside(tmp_path, RESIDUAL, ("dh1 = dz2 @ W2.T + dh2", "dh1 = dz2 @ W2.T"))
    wrong = [row.name for row in found.rows if not row.equal]
    assert wrong == ["h1", "z", "W1", "b1"]
    h1 = rows(found)["h1"]
    assert (h1.called, h1.own) == ("dh1", "dz2 @ W2.T")
    assert h1.formula == "∂L/∂h1 = ∂L/∂h2 + δ2 W2ᵀ"
    assert h1.difference > 0.01
    assert found.verdict == "4 of 11 differ from autograd, h1 first"


def test_values_of_one_name_in_a_loop_are_numbered(tmp_path):
    found = beside(tmp_path, LOOP)
    assert found.passed
    assert [name for name in rows(found) if name.startswith("z")] == ["z3", "z2", "z1"]
    wrong = beside(tmp_path, LOOP, ("(1 - kept[l] ** 2)", "kept[l]"))
    assert next(row.name for row in wrong.rows if not row.equal) == "z2"
    assert rows(wrong)["z2"].own == "(delta @ weights[l].T) * kept[l]"


def test_sums_without_a_name_have_the_textbooks_and_a_delta_is_theirs(tmp_path):
    right = """
w1, c1 = rng.normal(0, 0.05, (784, 12)), np.zeros(12)
w2, c2 = rng.normal(0, 0.3, (12, 10)), np.zeros(10)
t = np.eye(10)[y]
for step in range(100):
    a1 = 1 / (1 + np.exp(-(X @ w1 + c1)))
    a2 = 1 / (1 + np.exp(-(a1 @ w2 + c2)))
    E = 0.5 * np.mean(np.sum((a2 - t) ** 2, axis=1))
    e2 = (a2 - t) * a2 * (1 - a2) / len(X)
    e1 = e2 @ w2.T * a1 * (1 - a1)
    gw2, gc2, gw1, gc1 = a1.T @ e2, e2.sum(0), X.T @ e1, e1.sum(0)
    w1, c1, w2, c2 = w1 - 0.1 * gw1, c1 - 0.1 * gc1, w2 - 0.1 * gw2, c2 - 0.1 * gc2
"""
    found = beside(tmp_path, right)
    assert found.passed
    assert [(row.name, row.called) for row in found.rows if row.name[0] == "z"] == [("z2", "e2"), ("z1", "e1")]
    found = beside(tmp_path, right.replace("* a1 * (1 - a1)", "* (X @ w1 + c1) * (1 - (X @ w1 + c1))"))
    first = next(row for row in found.rows if not row.equal)
    assert (first.name, first.called) == ("z1", "e1")
    assert first.formula.startswith("δ1 = ∂L/∂z1 = ")


def test_what_cannot_be_followed_is_compared_by_differences(tmp_path):
    curve = "np.vectorize(lambda z: max(z, 0.0))(Z1)"
    found = beside(tmp_path, VIDEO, ("np.maximum(Z1, 0)", curve))
    assert "central differences" in found.notes[0]
    assert not any(row.formula for row in found.rows)
    assert {row.name: row.verdict for row in found.rows} == dict.fromkeys(["W2", "b2", "W1", "b1"], "equal")


def test_nothing_that_is_trained(tmp_path):
    found = beside(tmp_path, "raise ValueError('no network yet')")
    assert not found.passed
    assert "no training was seen" in found.problem
    assert "no network yet" in found.problem


def test_it_is_shown_in_80_columns_and_comes_back_from_json(tmp_path):
    found = beside(tmp_path, RESIDUAL)
    assert max(map(len, str(found).splitlines())) <= WIDTH
    assert Beside.from_dict(json.loads(found.to_json())) == found


def test_the_command(tmp_path, capsys):
    file = tmp_path / "program.py"
    file.write_text(DATA + VIDEO, encoding="utf-8")
    assert app.app(["compare", str(file), "--json", "-"], standalone_mode=False) == 0
    assert json.loads(capsys.readouterr().out)["rows"][0]["name"] == "Z2"
    file.write_text(DATA + VIDEO.replace("dW1 = 1 / 60 * dZ1.dot(X.T)", "dW1 = -dZ1.dot(X.T) ** 3"), encoding="utf-8")
    assert app.app(["compare", str(file)], standalone_mode=False) == 1
    assert capsys.readouterr().out.strip().endswith("1 of 6 differ from autograd, W1 first")
