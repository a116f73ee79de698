"""A training that is only defined is called; a cell that raises stops no notebook; modules beside have their lines."""

import json

import pytest

from tests.grading.programs import graded

BODY = """
        for epoch in range(epochs):
            h = np.tanh(X @ self.W1 + self.b1)
            z = h @ self.W2 + self.b2
            e = np.exp(z - z.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            d2 = (p - TARGET) / len(X)
            d1 = d2 @ self.W2.T * (1 - h**2)
            self.W2 -= lr * h.T @ d2
            self.b2 -= lr * d2.sum(axis=0)
            self.W1 -= lr * X.T @ d1
            self.b1 -= lr * d1.sum(axis=0)
"""

CLASS = (
    """
import numpy as np
class Net:
    def __init__(self, n_in=784, n_hidden=20, n_out=10):
        self.W1, self.b1 = np.random.randn(n_in, n_hidden) * 0.05, np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out) * 0.3, np.zeros(n_out)
    def fit(self, X, y, epochs=10, lr=0.1, X_val=None, y_val=None):"""
    + BODY
)

FUNCTION = """
import numpy as np
def train(x_train, y_train, iterations, alpha):
    W, b = np.random.randn(10, 784) * 0.05, np.zeros((10, 1))
    for i in range(iterations):
        z = W @ x_train + b
        e = np.exp(z - z.max(axis=0))
        dz = e / e.sum(axis=0) - y_train
        W = W - alpha * dz @ x_train.T / x_train.shape[1]
        b = b - alpha * SUM / x_train.shape[1]
    return W, b
"""

PROGRAMS = {
    "a class with one-hot labels": CLASS.replace("TARGET", "y"),
    "a class with labels as numbers": CLASS.replace("TARGET", "np.eye(10)[y]"),
    "a function with columns": FUNCTION.replace("SUM", "dz.sum(axis=1, keepdims=True)"),
}


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_training_that_is_only_defined_is_called(tmp_path, kind):
    report = graded(tmp_path, PROGRAMS[kind])
    assert report.passed, str(report)
    assert "784-" in report.settings


def test_a_mistake_in_it_is_named_at_its_line(tmp_path):
    (finding,) = graded(tmp_path, FUNCTION.replace("SUM", "np.sum(dz)")).findings
    assert finding.names == ("bias-all-axes",)
    assert finding.places == ("line 10: b = b - alpha * np.sum(dz) / x_train.shape[1]",)


TRAINING = """
X = np.random.rand(64, 784)
Y = np.eye(10)[np.arange(64) % 10]
net = Net()
net.fit(X, Y)
"""


def notebook(*cells):
    return json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells], "metadata": {}})


def test_a_cell_that_raises_does_not_stop_a_notebook(tmp_path):
    text = notebook(CLASS.replace("TARGET", "y"), "1 / 0", TRAINING, "raise ValueError")
    report = graded(tmp_path, text, "mine.ipynb")
    assert report.passed, str(report)


def test_a_cell_that_raises_before_any_training_is_named(tmp_path):
    text = notebook(CLASS.replace("TARGET", "y"), TRAINING.replace("64, 784", "64, 783"), "'the end'")
    report = graded(tmp_path, text, "mine.ipynb")
    assert not report.passed
    assert "cell 1, line 9" in str(report), str(report)


def test_lines_of_a_module_beside_are_its_own(tmp_path):
    (tmp_path / "net.py").write_text(CLASS.replace("TARGET", "y").replace("* (1 - h**2)", ""), encoding="utf-8")
    (finding,) = graded(tmp_path, "import numpy as np\nfrom net import Net\n" + TRAINING).findings
    assert finding.names == ("slope-missing",)
    assert finding.places[0].startswith("net.py, line "), finding.places
    assert "d1 = d2 @ self.W2.T" in finding.places[0]


def test_functions_beside_packages_that_are_not_here_are_called(tmp_path):
    text = "import keras\nfrom tqdm import tqdm\n" + FUNCTION.replace("def train", "def gradients").replace(
        "x_train, y_train, iterations, alpha", "X, Y, W1, b1, W2, b2"
    )
    report = graded(tmp_path, text)
    assert "keras" not in str(report).partition("note:")[0], str(report)


COST = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def nn_cost_function(nn_params, input_layer_size, hidden_layer_size, num_labels, X, y, lambda_):
    split = hidden_layer_size * (input_layer_size + 1)
    Theta1 = nn_params[:split].reshape(hidden_layer_size, input_layer_size + 1)
    Theta2 = nn_params[split:].reshape(num_labels, hidden_layer_size + 1)
    m = X.shape[0]
    a1 = np.c_[np.ones(m), X]
    a2 = np.c_[np.ones(m), sigmoid(a1 @ Theta1.T)]
    h = sigmoid(a2 @ Theta2.T)
    Y = np.eye(num_labels)[y]
    J = np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h)) / m
    d3 = h - Y
    d2 = (d3 @ Theta2 * a2 * (1 - a2))[:, 1:]
    Theta1_grad = d2.T @ a1 / m
    Theta2_grad = d3.T @ a2 / m
    return J, np.concatenate([Theta1_grad.ravel(), Theta2_grad.ravel()])
"""


def test_a_cost_of_one_vector_is_descended(tmp_path):
    report = graded(tmp_path, COST)
    assert report.passed, str(report)
    assert [p.name for p in report.parameters] == ["Theta1_grad", "Theta2_grad"]
    wrong = graded(tmp_path, COST.replace("d2.T @ a1 / m", "d2.T @ a1"))
    assert [p.right for p in wrong.parameters] == [False, True], str(wrong)
    assert [f.names for f in wrong.findings] == [("weight-mean-missing",)], str(wrong)
