"""Programs of learners, each the example of a kind of mistake or of network, and what is said of it."""

import pytest

from tests.each import each
from tests.grading.programs import compiled
from tinygrad_mnist import grade

SETUP = """
import numpy as np


def gradients(X, Y, W1, b1, W2, b2):
    m = len(X)
    a1 = np.maximum(X @ W1.T + b1, 0)
    z2 = a1 @ W2.T + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    y = e / e.sum(axis=1, keepdims=True)
    d2 = y - Y
    d1 = (d2 @ W2) * (a1 > 0)
    dW1, db1, dW2, db2 = d1.T @ X / m, d1.sum(axis=0) / m, d2.T @ a1 / m, d2.sum(axis=0) / m
    return dW1, db1, dW2, db2
"""

THREE_LAYERS = """
import numpy as np


def gradients(X, Y, W1, b1, W2, b2, W3, b3):
    m = len(X)
    a1 = np.maximum(X @ W1.T + b1, 0)
    a2 = np.maximum(a1 @ W2.T + b2, 0)
    z3 = a2 @ W3.T + b3
    e = np.exp(z3 - z3.max(axis=1, keepdims=True))
    d3 = e / e.sum(axis=1, keepdims=True) - Y
    error2 = d3 @ W3
    error1 = error2 @ W2
    d2, d1 = error2 * (a2 > 0), error1 * (a1 > 0)
    pairs = ((d1, X), (d2, a1), (d3, a2))
    return [g for d, a in pairs for g in (d.T @ a / m, d.sum(axis=0) / m)]
"""

ONE_BY_ONE = """
import numpy as np


def gradients(X, Y, W1, b1, W2, b2):
    total = [np.zeros_like(p) for p in (W1, b1, W2, b2)]
    for x, y in zip(X, Y):
        a1 = np.maximum(W1 @ x + b1, 0)
        z2 = W2 @ a1 + b2
        e = np.exp(z2 - z2.max())
        d2 = e / e.sum() - y
        stepped = W2 - 0.3 * np.outer(d2, a1)
        d1 = stepped.T @ d2 * (a1 > 0)
        for t, g in zip(total, (np.outer(d1, x), d1, np.outer(d2, a1), d2)):
            t += g / len(X)
    return total
"""


def changed(*pairs, program=SETUP):
    for old, new in pairs:
        assert old in program
        program = program.replace(old, new)
    return compiled(program)


SIGMOID = ("np.maximum(X @ W1.T + b1, 0)", "1 / (1 + np.exp(-(X @ W1.T + b1)))"), ("(a1 > 0)", "a1 * (1 - a1)")
TANH = ("np.maximum(X @ W1.T + b1, 0)", "np.tanh(X @ W1.T + b1)"), ("(a1 > 0)", "(1 - a1**2)")
SIGMOID_OUTPUTS = (("    y = e / e.sum(axis=1, keepdims=True)", "    y = 1 / (1 + np.exp(-z2))"),)
SQUARED = (("d2 = y - Y", "d2 = (y - Y) * y * (1 - y)"),)
COURSE = ("d1.T @ X / m", "(d1.T @ X + 0.7 * W1) / m"), ("d2.T @ a1 / m", "(d2.T @ a1 + 0.7 * W2) / m")


@each(
    ("changes", "settings", "judged_as"),
    [
        ((*SIGMOID, *SIGMOID_OUTPUTS, *SQUARED), {}, "sigmoid, sigmoid outputs, squared error ½ Σ (ŷ - y)²"),
        (SIGMOID_OUTPUTS, {}, "relu, sigmoid outputs, log loss -Σ (y log ŷ + (1 - y) log (1 - ŷ))"),
        ((*TANH, *SIGMOID_OUTPUTS), {}, "tanh, sigmoid outputs, log loss -Σ (y log ŷ + (1 - y) log (1 - ŷ))"),
        (TANH, {}, "tanh"),
        (COURSE, {"l2": 0.7}, "relu, λ = 0.7 in (λ/2m) Σ W²"),
        (COURSE, {}, "relu, λ = 0.7 in (λ/2m) Σ W²"),
        ((("d1.T @ X / m", "d1.T @ X / m + 0.2 * W1"), ("@ a1 / m", "@ a1 / m + 0.2 * W2")), {"l2": 0.1},
         "relu, λ = 0.1 in λ Σ W²"),
    ],
)  # fmt: skip
def test_what_is_right_for_the_network_that_it_is_passes(changes, settings, judged_as):
    report = grade(changed(*changes), **settings)
    assert report.passed, str(report)
    assert report.settings.endswith(f"one-hot labels, {judged_as}")


@pytest.mark.parametrize(
    ("changes", "names", "what"),
    [
        ((("d1 = (d2 @ W2) * (a1 > 0)", "d1 = np.maximum(d2 @ W2, 0)"),), ("carried-activated",), "on its way back"),
        ((("m = len(X)", "m = 60000"),), ("error-constant",), "by a constant (60000)"),
        ((("m = len(X)", "m = 100"),), ("error-constant",), "by a constant (100)"),
        ((("d1.sum(axis=0) / m", "dW1.sum(axis=1)"), ("d2.sum(axis=0) / m", "dW2.sum(axis=1)"),
          ("dW1, db1, dW2, db2 = d1.T @ X / m, dW1.sum(axis=1), d2.T @ a1 / m, dW2.sum(axis=1)",
           "dW1, dW2 = d1.T @ X / m, d2.T @ a1 / m; db1, db2 = dW1.sum(axis=1), dW2.sum(axis=1)")),
         ("bias-from-weights",), "summed over its inputs"),
        ((("    e = np.exp(z2 - z2.max(axis=1, keepdims=True))\n", "    e = np.exp(z2)\n"),
          ("e / e.sum(axis=1, keepdims=True)", "e / sum(e)")), ("softmax-axis",), "wrong axis"),
        ((("z2.max(axis=1, keepdims=True)", "np.max(z2)"),), ("softmax-array-max",), "maximum of the whole array"),
        ((*TANH, ("(1 - a1**2)", "(1 - a1**2) / m")), ("weight-mean-twice", "bias-mean-twice"), "1/m twice"),
        ((*SIGMOID, ("a1 * (1 - a1)", "(1 / (1 + np.exp(-a1))) * (1 - 1 / (1 + np.exp(-a1)))")), ("slope-activated",),
         "at a(1)"),
        ((*TANH, ("(1 - a1**2)", "(1 - np.tanh(a1) ** 2)")), ("slope-activated",), "at a(1)"),
        ((*TANH, ("(1 - a1**2)", "(1 - (X @ W1.T + b1) ** 2)")), ("slope-unactivated",), "z(1) in the formula"),
        ((*SIGMOID, *SIGMOID_OUTPUTS, ("d2 = y - Y", "s = 1 / (1 + np.exp(-y)); d2 = (y - Y) * s * (1 - s)")),
         ("error-activated",), "taken at ŷ"),
        ((*SIGMOID, *SIGMOID_OUTPUTS, *SQUARED, ("d2 @ W2", "d2 @ W2.T")), ("carried-untransposed",), "wrong way"),
        ((("return dW1, db1, dW2, db2", "return [np.clip(g, -0.01, 0.01) for g in (dW1, db1, dW2, db2)]"),),
         ("weight-clipped", "bias-clipped"), "clipped (0.01)"),
        ((("return dW1, db1, dW2, db2", "return [0.1 * g for g in (dW1, db1, dW2, db2)]"),), ("error-scaled",),
         "a constant times what it should be (0.1)"),
        ((("return dW1, db1, dW2, db2", "return -dW1, db1, dW2, db2"),), ("weight-sign",), "sign turned"),
        ((("db2 = d1.T", "db2 = d1.T"), ("d1.sum(axis=0) / m", "d1.max(axis=0) / m")), ("bias-max",), "the largest"),
((("d2 = y - Y", "d2 = (y - Y) / Y.shape[1]"),), ("error-scaled",), "(0.1)"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_finding(changes, names, what):
    report = grade(changed(*changes), depth=2)
    assert not report.passed
    assert [finding.names for finding in report.findings] == [names], str(report)
    assert what in report.findings[0].what


def test_an_error_carried_on_without_its_slope_is_named_where_it_arrives():
    (finding,) = grade(compiled(THREE_LAYERS)).findings
    assert finding.names == ("carried-without-slope",)
    assert finding.where == ("δ(1)",)
    assert "without f'(z(2))" in finding.what


def test_weights_that_are_updated_with_each_example_are_named_with_the_rate():
    (finding,) = grade(compiled(ONE_BY_ONE)).findings
    assert finding.names == ("carried-updated-each",)
    assert "a learning rate of 0.3" in finding.what


def test_biases_that_are_left_out_are_said_to_be():
    report = grade(changed(("return dW1, db1, dW2, db2", "return dW1, 0 * db1, dW2, 0 * db2")))
    assert [finding.names for finding in report.findings] == [(), ()]
    assert all("is the bias left out?" in finding.what for finding in report.findings)


def test_what_is_right_but_for_nan_is_no_difference():
    report = grade(changed(("z2.max(axis=1, keepdims=True)", "np.max(z2)")))
    assert {p.verdict for p in report.parameters} == {"NaN"}
