"""Gradients that are added up number by number, over the examples, in loops of Python."""

import pytest

from tests.grading.watching.runs import named, recorded, reported

START = """
import numpy as np

rng = np.random.default_rng(5)
X, T = rng.random((5, 3)), np.eye(2)[[0, 1, 1, 0, 1]]
W, b = rng.normal(size=(3, 2)), np.zeros(2)

def softmax(z):
    return np.exp(z - z.max()) / np.exp(z - z.max()).sum()
"""

EACH_NUMBER = """
for epoch in range(9):
    grad_W, grad_b = np.zeros((3, 2)), np.zeros(2)
    for x, t in zip(X, T):
        delta = softmax(x @ W + b) - t
        for i in range(3):
            for k in range(2):
                grad_W[i, k] += delta[k] * x[i]
        for k in range(2):
            grad_b[k] += delta[k]
    for i in range(3):
        for k in range(2):
            W[i, k] -= 0.1 * grad_W[i, k] / 5
    for k in range(2):
        b[k] -= 0.1 * grad_b[k] / 5
"""
MOMENTUM = """
vW, vb = np.zeros((3, 2)), np.zeros(2)
for epoch in range(9):
    grad_W, grad_b = np.zeros((3, 2)), np.zeros(2)
    for x, t in zip(X, T):
        delta = softmax(x @ W + b) - t
        for k in range(2):
            for i in range(3):
                grad_W[i][k] += delta[k] * x[i]
            grad_b[k] += delta[k]
    for k in range(2):
        for i in range(3):
            vW[i, k] = 0.9 * vW[i, k] - 0.1 * grad_W[i, k]
            W[i, k] += vW[i, k]
        vb[k] = 0.9 * vb[k] - 0.1 * grad_b[k]
        b[k] += vb[k]
"""
IN_A_DICT = """
parameters = {"W": W, "b": b}
for epoch in range(9):
    grads = {name: np.zeros_like(value) for name, value in parameters.items()}
    for x, t in zip(X, T):
        p = softmax(x @ parameters["W"] + parameters["b"])
        for k in range(2):
            d = p[k] - t[k]
            grads["b"][k] += d
            for i in range(3):
                grads["W"][i, k] += d * x[i]
    for name in parameters:
        parameters[name] -= 0.1 * grads[name]
"""
STYLES = [EACH_NUMBER, MOMENTUM, IN_A_DICT]


@pytest.mark.parametrize("style", STYLES)
def test_a_running_sum_is_the_gradient_and_neither_what_is_added_nor_a_velocity(style):
    report = reported(START + style)
    assert report.passed, str(report)
    assert len(report.parameters) == 2


MISTAKES = [
    (EACH_NUMBER, "delta[k] * x[i]", "delta[k]", "dW1"),
    (EACH_NUMBER, "grad_b[k] += delta[k]", "grad_b[k] = delta[k]", "db1"),
    (EACH_NUMBER, "grad_W[i, k] += delta", "grad_W[i, k] -= delta", "dW1"),
    (MOMENTUM, "delta[k] * x[i]", "delta[k] * x[i - 1]", "dW1"),
    (IN_A_DICT, "d * x[i]", "d * x[i] * p[k]", "dW1"),
    (IN_A_DICT, '["b"][k] += d', '["b"][k] += d * d', "db1"),
]


@pytest.mark.parametrize(("style", "right", "wrong", "gradient"), MISTAKES)
def test_a_wrong_number_in_it_is_found(style, right, wrong, gradient):
    assert right in style
    report = reported(START + style.replace(right, wrong))
    assert not report.passed, str(report)
    assert [p.right for p in report.parameters].count(True) == 1, str(report)
    assert report.findings


def test_a_sum_of_what_is_made_on_the_way_is_one_as_it_was_in_older_versions_of_numpy():
    tape, scope = recorded("total = np.sum(x * x for x in np.arange(3.0))")
    assert scope["total"] == 5
    assert named(tape, "total")[0].op == "sum"
