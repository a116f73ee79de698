"""Perceptrons whose update hangs on a Python `if`, by their own criterion."""

import pytest

from tests.grading.watching.runs import DATA, reported

STYLES = {
    "agreement": """
t, w, b = np.where(X[:, 0] > X[:, 1], 1, -1), np.zeros(6), 0
for epoch in range(5):
    for x, y in zip(X, t):
        if y * (np.dot(w, x) + b) <= 0:
            w += 0.1 * y * x
            b += 0.1 * y
""",
    "prediction": """
def predict(x):
    return 1 if x @ w + b >= 0 else 0

t, w, b = (X[:, 0] > X[:, 1]).astype(int), np.zeros(6), 0.0
for epoch in range(5):
    for x, target in zip(X, t):
        prediction = predict(x)
        if prediction != target:
            w = w + 0.1 * (target - prediction) * x
            b = b + 0.1 * (target - prediction)
""",
    "error": """
class Perceptron:
    def __init__(self):
        self.weights, self.bias = np.zeros(6), 0.0

    def fit(self, X, t):
        for epoch in range(5):
            for i, x in enumerate(X):
                z = np.dot(x, self.weights) + self.bias
                update = 0.1 * (t[i] - (1 if z > 0 else 0))
                self.weights += update * x
                self.bias += update

Perceptron().fit(X, (X[:, 0] > X[:, 1]).astype(int))
""",
    "sign": """
t, w = np.where(X[:, 0] > X[:, 1], 1, -1), np.zeros((6, 1))
for epoch in range(5):
    for i in range(12):
        x = X[i].reshape(6, 1)
        if np.sign(w.T @ x)[0, 0] != t[i]:
            w = w + t[i] * x
""",
    "one vector": """
t, w = (X[:, 0] > X[:, 1]).astype(int), np.zeros(7)
for epoch in range(5):
    for i in range(12):
        x = np.insert(X[i], 0, 1)
        error = t[i] - (1 if w @ x >= 0 else 0)
        w = w + 0.1 * error * x
""",
    "bias first": """
t, w = np.where(X[:, 0] > X[:, 1], 1, 0), np.zeros(7)
for epoch in range(5):
    for x, target in zip(X, t):
        chosen = 1 if np.dot(x, w[1:]) + w[0] > 0 else 0
        w[1:] += 0.1 * (target - chosen) * x
        w[0] += 0.1 * (target - chosen)
""",
}

MISTAKES = [
    ("agreement", "0.1 * y * x", "0.1 * y * X[0]"),
    ("prediction", "(target - prediction) * x", "target * x"),
    ("error", "update * x", "update * X[0]"),
    ("sign", "t[i] * x", "x / t[i - 1]"),
    ("one vector", "error * x", "error * (x > 0.5)"),
]


@pytest.mark.parametrize("style", STYLES)
def test_a_rule_that_decides_in_python_goes_along_the_perceptron_s_criterion(style):
    report = reported(DATA + STYLES[style])
    assert report.passed, str(report)
    assert report.settings.startswith("the perceptron's criterion")
    assert len(report.parameters) == 1 + (style in ("agreement", "prediction", "error"))


@pytest.mark.parametrize(("style", "right", "wrong"), MISTAKES)
def test_another_step_than_the_example_s_is_wrong(style, right, wrong):
    assert right in STYLES[style]
    report = reported(DATA + STYLES[style].replace(right, wrong))
    assert not report.passed, str(report)
    assert report.findings[0].places


@pytest.mark.parametrize(
    ("style", "right", "wrong", "where"),
    [
        ("agreement", "w += 0.1", "w -= 0.1", "update of w"),
        ("agreement", "b += 0.1", "b -= 0.1", "update of b"),
        ("sign", "w + t", "w - t", "update of w"),
        ("error", "bias += update", "bias -= update", "update of self.bias"),
    ],
)
def test_a_step_the_other_way_is_named(style, right, wrong, where):
    report = reported(DATA + STYLES[style].replace(right, wrong))
    assert [(f.names, f.where) for f in report.findings] == [(("update-sign",), (where,))]


@pytest.mark.parametrize(
    "text",
    [
        STYLES["agreement"].replace("<= 0", "< 1"),
        STYLES["agreement"].replace("0.1 * y * x", "0.1 * x"),
        STYLES["agreement"].replace("+= 0.1 * y * x", "-= 0.1 * (0.01 * w - y * x)"),
        """
t, w = [0, 1, 1, 1], np.zeros(6)
for epoch in range(9):
    for x, target in zip(X, t):
        z = np.dot(w, x)
        w += 0.1 * (target - (1 if z > 0.5 else 0)) * x
""",
    ],
)
def test_of_a_margin_and_of_what_the_record_does_not_tell_there_is_no_verdict(text):
    assert reported(DATA + text) is None


def test_a_bias_that_begins_as_a_whole_number_is_judged_and_a_counter_stays_one():
    text = f"""{DATA}
t, w, bias, b = (X[:, 0] > X[:, 1]).astype(float), np.zeros(6), 0, 0
bias = 0
b = 0
for epoch in range(20):
    b += 1
    rows = X[:b + 11]
    p = 1 / (1 + np.exp(-(rows @ w + bias)))
    w -= 0.1 * rows.T @ (p - t) / 12
    bias -= 0.1 * np.mean(p - t)
"""
    report = reported(text)
    assert report.passed, str(report)
    assert len(report.parameters) == 2
    assert not reported(text.replace("bias -=", "bias +=")).passed
