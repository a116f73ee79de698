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

SEVERAL = {
    "classes": """
W = np.zeros((4, 6))
for i in list(range(12)) * 3:
    guess = np.argmax(W @ X[i])
    if guess != labels[i]:
        W[labels[i]] += X[i]
        W[guess] -= X[i]
""",
    "classes with biases": """
class Perceptron:
    def __init__(self):
        self.weights, self.bias = np.zeros((4, 6)), np.zeros(4)

    def predict(self, x):
        return np.argmax(np.dot(self.weights, x) + self.bias)

    def fit(self, X, y):
        for epoch in range(5):
            for x, target in zip(X, y):
                chosen = self.predict(x)
                if chosen == target:
                    continue
                self.weights[target] += 0.1 * x
                self.bias[target] += 0.1
                self.weights[chosen] -= 0.1 * x
                self.bias[chosen] -= 0.1

Perceptron().fit(X, labels)
""",
    "columns and one-hot labels": """
W = np.zeros((6, 4))
for i in list(range(12)) * 3:
    chosen, target = np.argmax(X[i].dot(W)), np.argmax(Y[i])
    if not chosen == target:
        W[:, target] = W[:, target] + X[i]
        W[:, chosen] = W[:, chosen] - X[i]
""",
    "classes, averaged": """
W, total, n = np.zeros((4, 6)), np.zeros((4, 6)), 0
for i in list(range(12)) * 3:
    guess = np.argmax(W @ X[i])
    if guess != labels[i]:
        W[labels[i]] += X[i]
        W[guess] -= X[i]
    total += W
    n += 1
averaged = total / n
""",
    "averaged": """
t = np.where(X[:, 0] > X[:, 1], 1, -1)
w, b, u, beta, c = np.zeros(6), 0.0, np.zeros(6), 0.0, 1
for epoch in range(5):
    for x, y in zip(X, t):
        if y * (np.dot(w, x) + b) <= 0:
            w += y * x
            b += y
            u += y * c * x
            beta += y * c
        c += 1
w_averaged, b_averaged = w - u / c, b - beta / c
""",
}
STYLES |= SEVERAL
WITH_BIASES = "agreement", "prediction", "error", "classes with biases", "averaged"

MISTAKES = [
    ("classes", "W[guess] -= X[i]", "W[guess] -= X[0]"),
    ("classes", "W[guess] -= X[i]", "pass"),
    ("classes", "W[labels[i]] += X[i]", "W[labels[i]] -= X[i]"),
    ("classes with biases", "self.bias[chosen] -= 0.1", "self.bias[chosen] += 0.1"),
    ("columns and one-hot labels", "W[:, target] + X[i]", "W[:, target] + X[i] * (X[i] > 0.5)"),
    ("classes, averaged", "W[guess] -= X[i]", "W[guess] += X[i]"),
    ("averaged", "w += y * x", "w += y * X[0]"),
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
    assert len(report.parameters) == 1 + (style in WITH_BIASES)


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
