"""All parameters in one vector, as optimizers of SciPy take them: the layers' parts are judged."""

import numpy as np
import pytest

from tests.grading.watching.runs import DATA, reported, watched
from tinygrad_mnist import grade

COST = """
def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def cost(theta, inputs, hidden, classes, X, Y, lam):
    Theta1 = theta[: hidden * (inputs + 1)].reshape(hidden, inputs + 1)
    Theta2 = theta[hidden * (inputs + 1) :].reshape(classes, hidden + 1)
    m = len(X)
    a1 = np.hstack([np.ones((m, 1)), X])
    z2 = a1 @ Theta1.T
    a2 = np.hstack([np.ones((m, 1)), sigmoid(z2)])
    h = sigmoid(a2 @ Theta2.T)
    J = np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h)) / m
    J += lam / (2 * m) * (np.sum(Theta1[:, 1:] ** 2) + np.sum(Theta2[:, 1:] ** 2))
    d3 = h - Y
    d2 = (d3 @ Theta2)[:, 1:] * sigmoid(z2) * (1 - sigmoid(z2))
    Theta1_grad = d2.T @ a1 / m
    Theta2_grad = d3.T @ a2 / m
    Theta1_grad[:, 1:] += lam / m * Theta1[:, 1:]
    Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]
    return J, np.concatenate([Theta1_grad.ravel(), Theta2_grad.ravel()])
"""
DESCENT = """
theta = rng.uniform(-0.5, 0.5, 5 * 7 + 4 * 6)
for step in range(20):
    J, gradient = cost(theta, 6, 5, 4, X, Y, 0.5)
    theta = theta - 0.1 * gradient
"""
MINIMIZED = """
import pandas as pd
from scipy.optimize import minimize

data = pd.read_csv("train.csv").values
X, Y = data[:, 1:] / 255, np.eye(10)[data[:, 0]]
theta = np.random.default_rng(0).uniform(-0.1, 0.1, 9 * 785 + 10 * 10)
result = minimize(cost, theta, args=(784, 9, 10, X, Y, 0.5), jac=True, method="METHOD", options={"maxiter": 50})
"""
SLOPE = " * sigmoid(z2) * (1 - sigmoid(z2))"


def test_the_parts_of_a_vector_are_judged_each_by_itself():
    report = reported(DATA + COST + DESCENT)
    assert report.passed, str(report)
    assert [p.name for p in report.parameters] == ["Theta1_grad", "Theta2_grad"]
    wrong = reported(DATA + COST.replace(SLOPE, "") + DESCENT)
    assert [p.right for p in wrong.parameters] == [False, True]
    assert [f.names for f in wrong.findings] == [("slope-missing",)]
    assert "d2 = (d3 @ Theta2)" in wrong.findings[0].places[0]


def test_a_vector_that_goes_uphill_is_named():
    report = reported(DATA + COST + DESCENT.replace("theta - 0.1", "theta + 0.1"))
    assert all(p.right for p in report.parameters)
    assert [(f.names, f.where) for f in report.findings] == [(("update-sign",), ("update of theta",))]
    assert not report.passed


def graded(folder, text):
    path = folder / "minimized.py"
    path.write_text(f"import numpy as np\n{text}", encoding="utf-8")
    return grade(path)


@pytest.mark.parametrize("method", ["CG", "TNC"])
def test_what_scipy_minimizes_is_judged_where_scipy_is_and_where_it_is_not(tmp_path, method):
    program = f"{COST}{MINIMIZED.replace('METHOD', method)}"
    report = graded(tmp_path, program)
    assert report.passed, str(report)
    assert [f.names for f in graded(tmp_path, program.replace(SLOPE, "")).findings] == [("slope-missing",)]


GLOBALS = """
from scipy.optimize import fmin_l_bfgs_b, fmin_cg, minimize
import pandas as pd
data = pd.read_csv("train.csv").values
X, Y, m = data[:, 1:] / 255, np.eye(10)[data[:, 0]], len(data)

def both(t):
    T1, T2 = t[: 9 * 785].reshape(9, 785), t[9 * 785 :].reshape(10, 10)
    a1 = np.column_stack([np.ones(m), X])
    a2 = np.column_stack([np.ones(m), 1 / (1 + np.exp(-a1 @ T1.T))])
    h = 1 / (1 + np.exp(-a2 @ T2.T))
    J = np.sum(-Y * np.log(h) - (1 - Y) * np.log(1 - h)) / m
    d3 = h - Y
    d2 = d3 @ T2[:, 1:] * a2[:, 1:] * (1 - a2[:, 1:])
    return J, np.concatenate([(d2.T @ a1 / m).ravel(), (d3.T @ a2 / m).ravel()])

start = np.random.default_rng(0).uniform(-0.1, 0.1, 9 * 785 + 100)
"""
MINIMIZERS = (
    "found = minimize(both, start, method='L-BFGS-B', jac=True)",
    "found = minimize(lambda t: both(t)[0], start, jac=lambda t: both(t)[1])",
    "found, low, facts = fmin_l_bfgs_b(both, start)",
    "found = fmin_cg(lambda t: both(t)[0], start, fprime=lambda t: both(t)[1])",
)


@pytest.mark.parametrize("minimizer", MINIMIZERS)
def test_the_steps_of_a_minimizer_are_seen_whatever_the_gradient_is_called(tmp_path, minimizer):
    program = f"{GLOBALS}{minimizer}\n"
    report = graded(tmp_path, program)
    assert report.passed, str(report)
    wrong = graded(tmp_path, program.replace(" * a2[:, 1:] * (1 - a2[:, 1:])", ""))
    assert not wrong.passed
    assert any("d2 = " in place for finding in wrong.findings for place in finding.places), str(wrong)


def test_a_package_s_modules_are_not_looked_for_in_a_folder_that_a_stand_in_says_is_there(tmp_path):
    """Any folder is said to be one while a program runs; what lies in it then can't be listed."""
    path = tmp_path / "imports.py"
    path.write_text(f"import wsgiref.util\nimport numpy as np\n{COST}{MINIMIZED.replace('METHOD', 'CG')}", "utf-8")
    assert grade(path).passed


@pytest.mark.parametrize(
    ("join", "other"),
    [
        ("np.c_[np.ones(12), X]", "np.hstack([np.ones((12, 1)), X])"),
        ("np.c_[np.ones((12, 1)), X]", "np.hstack([np.ones((12, 1)), X])"),
        ("np.r_[np.ones((1, 12)), X.T].T", "np.vstack([np.ones(12), X.T]).T"),
        ("np.array([np.r_[1.0, x] for x in X])", "np.hstack([np.ones((12, 1)), X])"),
    ],
)
def test_what_is_joined_by_an_index_is_followed_as_what_a_function_joins(join, other):
    both = f"{DATA}A, B = {join}, {other}\n"
    run = watched(both)
    np.testing.assert_array_equal(run.module.A, run.module.B)
    joined = COST.replace("np.hstack([np.ones((m, 1)), sigmoid(z2)])", "np.c_[np.ones(m), sigmoid(z2)]")
    assert joined != COST
    names = [p.name for p in reported(DATA + joined + DESCENT).parameters]
    assert names == ["Theta1_grad", "Theta2_grad"]


VIEWS = """
theta = rng.normal(size=6 * 5 + 5 * 4) * 0.5
grad = np.zeros_like(theta)
W1, W2 = [part.reshape(shape) for part, shape in zip(np.split(theta, [30]), ((6, 5), (5, 4)))]
gW1, gW2 = grad[:30].reshape(6, 5), grad[30:].reshape(5, 4)
for step in range(20):
    h = np.tanh(X @ W1)
    s = h @ W2
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), labels]).mean()
    d = (p - Y) / 12
    np.matmul(h.T, d, out=gW2)
    gW1[:] = X.T @ (d @ W2.T * (1 - h ** 2))
    theta -= 0.1 * grad
"""


def test_views_of_one_vector_that_are_taken_once_are_judged():
    report = reported(DATA + VIEWS)
    assert report.passed, report
    assert [p.name for p in report.parameters] == ["dW1", "dW2"]
    uphill = reported(DATA + VIEWS.replace("theta -=", "theta +="))
    assert [(f.names, f.where) for f in uphill.findings] == [(("update-sign",), ("update of theta",))]
    wrong = reported(DATA + VIEWS.replace("(1 - h ** 2)", "(1 - h)"))
    assert "gW1[:] = X.T" in wrong.findings[0].places[0]


def test_a_penalty_that_one_gradient_lacks_is_named_beside_a_column_of_ones():
    penalty = "    Theta2_grad[:, 1:] += lam / m * Theta2[:, 1:]\n"
    assert penalty in COST
    (finding,) = reported(DATA + COST.replace(penalty, "") + DESCENT).findings
    assert (finding.names, finding.where) == (("decay-missing",), ("∂L/∂Theta2",))
    assert "0.0417 times Theta2" in finding.what  # λ / m = 0.5 / 12


LAID_OUT = """
theta = rng.normal(size=6 * 5 + 5 * 4) * 0.5
for step in range(20):
    W1, W2 = theta[:30].TAKEN, theta[30:].reshape(5, 4)
    h = np.tanh(X @ W1)
    s = h @ W2
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), labels]).mean()
    d = (p - Y) / 12
    G2 = h.T @ d
    G1 = X.T @ (d @ W2.T * (1 - h ** 2))
    theta = theta - 0.1 * np.concatenate([G1.LAID, G2.ravel()])
"""
BY_ROWS, BY_COLUMNS = ("reshape(6, 5)", "ravel()"), ("reshape(5, 6).T", "T.ravel()")
IN_FORTRAN_S_ORDER = ("reshape((6, 5), order='F')", "ravel(order='F')")


@pytest.mark.parametrize("taken", [BY_ROWS, BY_COLUMNS, IN_FORTRAN_S_ORDER])
@pytest.mark.parametrize("laid", [BY_ROWS, BY_COLUMNS, IN_FORTRAN_S_ORDER])
def test_a_gradient_is_laid_out_in_the_order_in_which_its_parameter_is_taken(taken, laid):
    report = reported(DATA + LAID_OUT.replace("TAKEN", taken[0]).replace("LAID", laid[1]))
    assert report.passed == ((taken is BY_ROWS) == (laid is BY_ROWS)), str(report)
    assert [f.names for f in report.findings] == ([] if report.passed else [("unrolled-turned",)])
    assert len(report.parameters) == 2


def test_parts_of_a_split_are_of_what_was_split():
    tape = watched("import numpy as np\na, at = np.arange(8.0), np.array([1, 3, 4])\nparts = np.split(a, at)").tape
    parts = [n for n in tape.nodes if n.op == "split"]
    assert len(parts) == 4
    assert all(n.operands[0].names == ["a"] for n in parts)
