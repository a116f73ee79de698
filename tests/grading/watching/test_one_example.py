"""One example at a time, whose label is a whole number that nothing is recorded of but where it was an index."""

import pytest

from tests.grading.watching.runs import DATA, PARAMETERS, reported

PROGRAM = f"""
W1, b1, W2, b2 = {PARAMETERS}
X = X - 0.5
for x, label in PAIRS:
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    e = np.exp(z2 - z2.max())
    p = e / e.sum()
    loss = -np.log(p[label])
    ERROR
    dW2, db2 = np.outer(a1, d2), d2
    d1 = W2 @ d2 * (z1 > 0)
    dW1, db1 = np.outer(x, d1), d1
    W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2
"""
PAIRS = {
    "taken from an array": "zip(X, labels)",
    "picked": "[(X[i], labels[i]) for i in range(12)]",
    "numbers of Python": "zip(X, labels.tolist())",
}
ERRORS = {
    "a copy, one less": "d2 = p.copy(); d2[label] -= 1",
    "the outputs themselves, one less": "d2 = p; d2[label] -= 1.0",
    "stored": "d2 = p.copy(); d2[label] = p[label] - 1",
    "stored again": "d2 = np.array(p); d2[label] = d2[label] - 1",
    "a loop": "d2 = np.zeros(4)\n    for k in range(4):\n        d2[k] = p[k] - (1 if k == label else 0)",
    "a list of numbers": "d2 = np.array([p[k] - 1 if k == label else p[k] for k in range(4)])",
    "a row of a table": "d2 = p - np.eye(4)[label]",
    "compared": "d2 = p - (np.arange(4) == label)",
}


def program(pairs, error):
    return DATA + PROGRAM.replace("PAIRS", PAIRS[pairs]).replace("ERROR", ERRORS[error])


@pytest.mark.parametrize("pairs", PAIRS)
@pytest.mark.parametrize("error", ERRORS)
def test_right_gradients_pass_however_the_label_is_taken_away(pairs, error):
    report = reported(program(pairs, error))
    assert report.passed, str(report)
    assert "softmax outputs, cross-entropy" in report.settings


@pytest.mark.parametrize("error", ERRORS)
def test_a_mistake_behind_it_is_named(error):
    (finding,) = reported(program("taken from an array", error).replace(" * (z1 > 0)", "")).findings
    assert finding.names == ("slope-missing",)
    assert "d1 = W2 @ d2" in finding.places[0]


@pytest.mark.parametrize("error", ["a copy, one less", "stored", "a loop", "a list of numbers"])
def test_a_label_that_is_added_is_named(error):
    (finding,) = reported(program("numbers of Python", error).replace("- 1", "+ 1").replace("-= 1", "+= 1")
                          .replace("- (1", "+ (1")).findings  # fmt: skip
    assert finding.names == ("error-labels-added",), str(finding)


def test_what_is_one_less_for_another_reason_is_no_label():
    text = program("taken from an array", "a row of a table").replace("z1 = ", "x = np.array(x); x[0] -= 1\n    z1 = ")
    assert reported(text).passed


BY_ROWS = """dW1, dW2 = [], []
    for neuron in a1:
        dW2.append(d2 * neuron)
    for pixel in x:
        dW1.append(d1 * pixel)
    dW1, db1, dW2, db2 = np.array(dW1), d1, np.array(dW2), d2
"""


@pytest.mark.parametrize(("slope", "names"), [(" * (z1 > 0)", []), ("", [("slope-missing",)])])
def test_a_gradient_that_a_list_of_rows_becomes_is_no_row(slope, names):
    text = program("taken from an array", "a row of a table").replace("dW2, db2 = np.outer(a1, d2), d2", "pass")
    text = text.replace("dW1, db1 = np.outer(x, d1), d1\n", BY_ROWS)
    report = reported(text.replace(" * (z1 > 0)", slope))
    assert [finding.names for finding in report.findings] == names, str(report)
    assert len(report.parameters) == 4


@pytest.mark.parametrize(("step", "passes"), [("w - 0.1 * step", True), ("w + 0.1 * step", False)])
def test_a_logistic_regression_on_single_numbers(step, passes):
    found = reported(f"""{DATA}
t = (labels > 1).astype(float)
w = rng.normal(size=6) * 0.1
for epoch in range(3):
    for i, x in enumerate(X):
        y = 1 / (1 + np.exp(-np.dot(x, w)))
        step = (y * (1 - t[i]) - t[i] * (1 - y)) * x
        w = {step}
""")
    assert found.passed == passes, found


def test_a_logistic_regression_whose_derivative_has_the_complement_of_the_labels():
    text = f"""{DATA}
t = (labels > 1).astype(float)
w = rng.normal(size=6) * 0.1
for epoch in range(10):
    y = 1 / (1 + np.exp(-X @ w))
    step = X.T @ (y * (1 - t) - t * (1 - y)) / 12
    w = w - 0.1 * step
"""
    assert reported(text).passed
    assert not reported(text.replace("w - 0.1", "w + 0.1")).passed


@pytest.mark.parametrize("wrong", ["", "y[1] * (1 - y[1])"])
def test_numbers_of_units_in_an_array_that_goes_through_functions_of_math(wrong):
    program = f"""{DATA}
import math
inputs, t = np.array([[1, 0, 0], [1, 0, 1], [1, 1, 0], [1, 1, 1]]), np.array([0, 1, 1, 0])
w1, w2, w3 = rng.normal(size=3), rng.normal(size=3), rng.normal(size=3)
y, e = np.zeros(3), np.zeros(3)
for epoch in range(10):
    for i in range(4):
        y[0] = 1 / (1 + math.exp(-np.dot(inputs[i], w1)))
        y[1] = 1 / (1 + math.exp(-np.dot(inputs[i], w2)))
        y[2] = 1 / (1 + math.exp(-(w3[0] + np.dot(w3[1:3], y[0:2]))))
        e[2] = (y[2] - t[i]) * y[2] * (1 - y[2])
        e[1] = e[2] * w3[2] * y[1] * (1 - y[1])
        e[0] = e[2] * w3[1] * y[0] * (1 - y[0])
        w3[0] -= 0.5 * e[2]
        w3[1] -= 0.5 * e[2] * y[0]
        w3[2] -= 0.5 * e[2] * y[1]
        for k in range(3):
            w2[k] -= 0.5 * e[1] * inputs[i][k]
            w1[k] -= 0.5 * e[0] * inputs[i][k]
"""
    report = reported(program.replace(wrong, "1") if wrong else program)
    assert [p.right for p in report.parameters] == [True, not wrong, True], report
    assert report.passed == (not wrong)
