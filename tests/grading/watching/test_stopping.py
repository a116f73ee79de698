"""Programs whose shapes don't fit on the way back, before anything was updated: the line and the mistake in it."""

import pytest

from tests.grading.watching.runs import DATA, reported

BY_LAYER = f"""{DATA}
class Network:
    def __init__(self, *sizes):
        self.L = len(sizes) - 1
        self.W, self.b = {{}}, {{}}
        for l in range(1, len(sizes)):
            self.W[l] = rng.normal(size=(sizes[l], sizes[l - 1]))
            self.b[l] = np.zeros((sizes[l], 1))

    def forward(self, X):
        self.A, self.Z = {{0: X}}, {{}}
        for l in range(1, self.L + 1):
            self.Z[l] = self.W[l] @ self.A[l - 1] + self.b[l]
            self.A[l] = np.tanh(self.Z[l]) if l < self.L else self.softmax(self.Z[l])
        return self.A[self.L]

    def softmax(self, Z):
        e = np.exp(Z - Z.max(axis=0))
        return e / e.sum(axis=0)

    def backward(self, Y):
        gradients = {{}}
        delta = (self.A[self.L] - Y) / Y.shape[1]
        for l in range(self.L, 0, -1):
            gradients["dW" + str(l)] = delta @ self.A[l - 1].T
            gradients["db" + str(l)] = delta.sum(axis=1, keepdims=True)
            if l > 1:
                carried = self.W[l].T @ delta
                delta = carried * (1 - self.A[l - 1] ** 2)
        return gradients


network = Network(6, 7, 5, 4)
for step in range(4):
    network.forward(X.T)
    gradients = network.backward(Y.T)
    for l in range(1, network.L + 1):
        network.W[l] = network.W[l] - 0.1 * gradients["dW" + str(l)]
        network.b[l] = network.b[l] - 0.1 * gradients["db" + str(l)]
"""

TWO_BELOW = "1 - self.A[l - 2] ** 2"
STOPS = [
    ("self.W[l].T @ delta", "self.W[l] @ delta", "carried-untransposed", "carried = self.W[l] @ delta"),
    ("self.W[l].T @ delta", "self.W[l - 1].T @ delta", "carried-own", "carried = self.W[l - 1].T @ delta"),
    ("1 - self.A[l - 1] ** 2", "1 - self.A[l] ** 2", "slope-next", "delta = carried * (1 - self.A[l] ** 2)"),
    (
        "1 - self.A[l - 1] ** 2",
        "1 - self.A[l - 2] ** 2",
        "slope-previous",
        "delta = carried * (1 - self.A[l - 2] ** 2)",
    ),
]


def test_the_program_is_right_as_it_is():
    assert reported(BY_LAYER).passed


@pytest.mark.parametrize(("old", "new", "name", "line"), STOPS, ids=[name for _, _, name, _ in STOPS])
def test_the_operation_that_raised_is_read_as_the_line_of_the_derivation_that_it_is(old, new, name, line):
    assert BY_LAYER.count(old) == 1
    report = reported(BY_LAYER.replace(old, new))
    (problem,), (finding,) = report.problems, report.findings
    assert problem.kind == "exception"
    assert line in problem.message
    assert finding.names == (name,), str(report)
    assert [place.partition(": ")[2] for place in finding.places] == [line], str(report)
    assert [p.verdict for p in report.parameters] == ["none"] * 4 + ["right"] * 2


def test_the_inner_lengths_of_a_product_are_said_without_numpys_signature():
    message = reported(BY_LAYER.replace("self.W[l].T @ delta", "self.W[l] @ delta")).problems[0].message
    assert "the inner lengths differ, 5 on the left and 4 on the right" in message
    assert "gufunc" not in message


def test_what_ends_a_program_after_its_first_step_is_noted():
    """As a function that updates in place and returns nothing, whose result is used as the new parameters."""
    report = reported(BY_LAYER + "    network = None\n")
    assert report.passed
    assert any("it stopped after its first step" in note and "'NoneType'" in note for note in report.notes), str(report)


def test_what_is_divided_by_each_layer_s_own_inputs_is_one_mistake():
    divided = BY_LAYER.replace(" / Y.shape[1]", "").replace(
        "self.A[l - 1].T\n", "self.A[l - 1].T / len(self.A[l - 1])\n"
    )
    divided = divided.replace("keepdims=True)\n            if", "keepdims=True) / len(self.A[l - 1])\n            if")
    (finding,) = reported(divided).findings
    assert finding.names == ("weight-count", "bias-count")
    assert finding.where == ("∂L/∂W and ∂L/∂b in every layer",)


def test_gradients_of_lists_that_start_as_zeros_may_not_fit_where_they_are_added():
    text = f"""{DATA}
Ws = [rng.normal(size=(5, 6)), rng.normal(size=(4, 5))]
bs = [np.zeros((5, 1)), np.zeros((4, 1))]
for x, label in zip(X, labels):
    a = [x.reshape(-1, 1)]
    for W, b in zip(Ws, bs):
        a.append(1 / (1 + np.exp(-(W @ a[-1] + b))))
    nabla_W, nabla_b = [np.zeros(W.shape) for W in Ws], [np.zeros(b.shape) for b in bs]
    delta = a[2] - np.eye(4)[label].reshape(-1, 1)
    dnabla_W, dnabla_b = [None, delta @ a[1].T], [None, delta]
    delta = Ws[1].T @ delta * a[1] * (1 - a[1])
    dnabla_W[0], dnabla_b[0] = delta @ a[1].T, delta
    nabla_W = [n + d for n, d in zip(nabla_W, dnabla_W)]
    nabla_b = [n + d for n, d in zip(nabla_b, dnabla_b)]
    Ws = [W - 0.1 * n for W, n in zip(Ws, nabla_W)]
    bs = [b - 0.1 * n for b, n in zip(bs, nabla_b)]
"""
    report = reported(text)
    assert [f.names for f in report.findings] == [("entering-own",)], str(report)
