"""Programs in single numbers, without an array: each parameter is one number, and so is what it is compared with."""

import pytest

from tests.grading.watching.runs import reported

START = """
import math

xs = [0.1 * i for i in range(20)]
ys = [3 * x + 1 for x in xs]
w, b, rate = 0.0, 0.0, 0.05
"""

LINES = {
    "with a loss": """
for x, y in zip(xs, ys):
    out = w * x + b
    loss = (out - y) ** 2
    dw, db = 2 * (out - y) * x, 2 * (out - y)
    w, b = w - rate * dw, b - rate * db
""",
    "in one batch": """
for epoch in range(5):
    dw, db = 0.0, 0.0
    for x, y in zip(xs, ys):
        out = w * x + b
        dw += 2 / len(xs) * (out - y) * x
        db += 2 / len(xs) * (out - y)
    w -= rate * dw
    b -= rate * db
""",
    "a log loss": """
for x, y in zip(xs, [float(x > 1) for x in xs]):
    out = 1 / (1 + math.exp(-(w * x + b)))
    loss = -(y * math.log(out) + (1 - y) * math.log(1 - out))
    w -= rate * (out - y) * x
    b -= rate * (out - y)
""",
}

TWO_LAYERS = """
w1, b1, w2, b2 = 0.5, 0.2, 0.5, 0.2
for x, y in zip(xs[1:], ys[1:]):
    h = math.tanh(w1 * x + b1)
    out = 1 / (1 + math.exp(-(w2 * h + b2)))
    error = y - out
    loss = 0.5 * error ** 2
    delta2 = error * out * (1 - out)
    delta1 = delta2 * w2 * (1 - h * h)
    w2 += rate * delta2 * h
    b2 += rate * delta2
    w1 += rate * delta1 * x
    b1 += rate * delta1
"""


@pytest.mark.parametrize("name", LINES)
def test_a_line_through_points(name):
    report = reported(START + LINES[name])
    assert report.passed, str(report)
    assert len(report.parameters) == 2
    assert not reported(START + LINES[name].replace("(out - y) * x", "(out - y)")).passed


def test_numbers_that_begin_alike_are_several_parameters():
    report = reported(START + TWO_LAYERS)
    assert report.passed, str(report)
    assert len(report.parameters) == 4


MISTAKES = [
    (" * (1 - h * h)", ""),
    (" * out * (1 - out)", ""),
    ("delta2 * w2", "delta2 * w1"),
    ("delta2 * h", "delta2"),
    ("delta1 * x", "delta1"),
    ("b1 += rate", "b1 -= rate"),
]


@pytest.mark.parametrize(("right", "wrong"), MISTAKES)
def test_a_mistake_among_them_is_found(right, wrong):
    assert right in TWO_LAYERS
    report = reported(START + TWO_LAYERS.replace(right, wrong))
    assert report is not None
    assert not report.passed, str(report)


def test_where_no_loss_is_computed_of_one_number_there_is_none_that_would_not_fit():
    assert reported(START + TWO_LAYERS.replace("loss = 0.5 * error ** 2", "pass")) is None
