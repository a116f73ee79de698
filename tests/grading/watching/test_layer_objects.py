"""A network of layer objects that are updated on the way back: its mistakes are named, with the wrong line alone."""

import pytest

from tests.grading.watching.runs import DATA, reported

PROGRAM = f"""{DATA}
class Dense:
    def __init__(self, inputs, outputs):
        self.W = rng.normal(size=(inputs, outputs))
        self.b = np.zeros(outputs)

    def forward(self, x):
        self.x = x
        return x @ self.W + self.b

    def backward(self, grad, lr):
        self.dW = self.x.T @ grad
        self.db = grad.sum(axis=0)
        dx = grad @ self.W.T
        self.W -= lr * self.dW
        self.b -= lr * self.db
        return dx


class Sigmoid:
    def forward(self, x):
        self.out = 1 / (1 + np.exp(-x))
        return self.out

    def backward(self, grad, lr):
        return grad * self.out * (1 - self.out)


class SoftmaxCrossEntropy:
    def forward(self, x, y):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        self.p = e / e.sum(axis=1, keepdims=True)
        self.y = y
        return -np.log(self.p[np.arange(len(y)), y]).mean()

    def backward(self):
        d = self.p.copy()
        d[np.arange(len(self.y)), self.y] -= 1
        return d / len(self.y)


hidden, other = Sigmoid(), Sigmoid()
layers = [Dense(6, 7), hidden, Dense(7, 5), other, Dense(5, 4)]
criterion = SoftmaxCrossEntropy()
for epoch in range(5):
    x = X
    for layer in layers:
        x = layer.forward(x)
    loss = criterion.forward(x, labels)
    grad = criterion.backward()
    for layer in reversed(layers):
        grad = layer.backward(grad, 0.1)
"""

SLOPE = "return grad * self.out * (1 - self.out)"
CARRIED_AND_UPDATED = """        dx = grad @ self.W.T
        self.W -= lr * self.dW
        self.b -= lr * self.db
        return dx
"""
UPDATED_AND_CARRIED = """        self.W -= lr * self.dW
        self.b -= lr * self.db
        return grad @ self.W.T
"""

MISTAKES = [
    (SLOPE, "return grad", "slope-missing", "dx = grad @ self.W.T"),
    (SLOPE, "return grad * self.out", "slope-value", "return grad * self.out"),
    (SLOPE, "return grad * (1 - self.out)", "slope-part", "return grad * (1 - self.out)"),
    (SLOPE, "return self.out * (1 - self.out)", "carried-missing", "return self.out * (1 - self.out)"),
    (CARRIED_AND_UPDATED, UPDATED_AND_CARRIED, "carried-updated", "return grad @ self.W.T"),
    ("e.sum(axis=1", "e.sum(axis=0", "softmax-axis", "self.p = e / e.sum(axis=0, keepdims=True)"),
    ("-= 1\n", "+= 1\n", "error-labels-added", "d[np.arange(len(self.y)), self.y] += 1"),
    ("self.db = grad.sum(axis=0)", "self.db = grad.sum()", "bias-all-axes", "self.db = grad.sum()"),
]


def changed(old, new):
    assert PROGRAM.count(old) == 1
    return PROGRAM.replace(old, new)


def test_a_right_one_passes_with_a_name_for_each_gradient():
    report = reported(PROGRAM)
    assert report.passed, str(report)
    assert [p.name for p in report.parameters] == ["dW1", "db1", "dW2", "db2", "dW3", "db3"]


@pytest.mark.parametrize(("old", "new", "name", "line"), MISTAKES, ids=[name for _, _, name, _ in MISTAKES])
def test_a_mistake_is_named_with_its_line_alone(old, new, name, line):
    report = reported(changed(old, new))
    assert [f.names for f in report.findings] == [(name,)], str(report)
    assert [place.partition(": ")[2] for place in report.findings[0].places] == [line], str(report)


@pytest.mark.parametrize("hidden", [7, 5], ids=["another size", "the same size"])
def test_one_object_for_two_activations_is_no_right_program(hidden):
    shared = changed("hidden, other = Sigmoid(), Sigmoid()", "hidden = other = Sigmoid()").replace("7", str(hidden))
    report = reported(shared)
    assert not report.passed
    assert [f.names for f in report.findings] == [("slope-next",)], str(report)
    assert report.findings[0].places[0].endswith(SLOPE), str(report)
    assert report.findings[0].where == ("δ(1)",)
    assert len(report.parameters) == 6


def test_a_gradient_without_a_name_of_its_own_has_that_of_its_parameter():
    report = reported(changed("self.b -= lr * self.db", "self.b -= lr * grad.sum(axis=0)"))
    assert [p.name for p in report.parameters] == ["dW1", "db1", "dW2", "db2", "dW3", "db3"]
    one = changed("hidden, other = Sigmoid(), Sigmoid()", "W0, hidden, other = 1, Sigmoid(), Sigmoid()")
    one = one.replace("Dense(6, 7), hidden, Dense(7, 5), other, Dense(5, 4)", "Dense(6, 4)")
    assert [p.name for p in reported(one.replace("lr * self.db", "lr * grad.sum(axis=0)")).parameters] == ["dW", "db1"]


FIRST = [
    "np.array({})", "{}.copy()", "{}.astype(np.float64)", "np.asarray({})", "{}.reshape(inputs, outputs)",
    "{}.T.reshape(inputs, outputs)", "np.ascontiguousarray({})", "np.clip({}, -9, 9)", "{}.astype(np.float32)",
]  # fmt: skip


def test_a_parameter_may_be_a_transpose_that_is_changed_in_place():
    report = reported(changed("rng.normal(size=(inputs, outputs))", "rng.normal(size=(outputs, inputs)).T"))
    assert report.passed, str(report)


@pytest.mark.parametrize("first", FIRST)
def test_a_parameter_is_one_whatever_its_first_value_was_made_by(first):
    drawn = "rng.normal(size=(inputs, outputs))"
    assert reported(changed(drawn, first.format(drawn))).passed
    wrong = reported(changed(drawn, first.format(drawn)).replace(SLOPE, "return grad"))
    assert [p.right for p in wrong.parameters] == [False] * 4 + [True] * 2
    assert [f.names for f in wrong.findings] == [("slope-missing",)], str(wrong)


def test_weights_of_zeros_leave_the_activation_to_later_steps():
    zeros = PROGRAM.replace("1 / (1 + np.exp(-x))", "np.tanh(x)").replace(SLOPE, "return grad * (1 - self.out**2)")
    zeros = zeros.replace("Dense(7, 5), other, Dense(5, 4)]", "Dense(7, 4)]")
    report = reported(zeros.replace("size=(inputs, outputs))", "size=(inputs, outputs)) * (inputs != 6)"))
    assert report.passed, str(report)
    assert "tanh" in str(report)


WITH_A_GATE = (
    PROGRAM.replace(SLOPE, "return grad * self.gate * self.s * (1 - self.s)")
    .replace("self.out = 1 /", "self.gate = np.linspace(0.5, 1.5, x.shape[1])\n        self.s = 1 /")
    .replace("return self.out", "return self.gate * self.s")
)
"""A network whose activation has no name: autograd of its own forward pass is the judge."""


def test_any_network_is_judged_for_what_is_never_updated_and_for_its_factors():
    assert reported(WITH_A_GATE).passed
    still = reported(WITH_A_GATE.replace("self.b -= lr * self.db", "unused = self.b - lr * self.db"))
    assert not still.passed
    assert [f.names for f in still.findings] == [("update-missing",)], str(still)
    doubled = reported(WITH_A_GATE.replace("return d / len", "return 2 * d / len"))
    assert [f.names for f in doubled.findings] == [("error-doubled",)], str(doubled)
    tenth = reported(WITH_A_GATE.replace("return d / len", "return 0.3 * d / len"))
    assert any("0.3 times that of its own loss" in note for note in tenth.notes), str(tenth)


def test_gradients_of_one_name_in_several_layers_are_told_apart():
    text = f"""{DATA}
class Dense:
    def __init__(self, n, m):
        self.W, self.b = rng.normal(size=(n, m)), np.zeros(m)

    def forward(self, x):
        self.x, self.z = x, x @ self.W + self.b
        self.s = 1 / (1 + np.exp(-self.z))
        return self.z * self.s

    def backward(self, d):
        d = d * (self.s + self.z * self.s * (1 - self.s))
        dW, db = self.x.T @ d, d.sum(axis=0)
        d = d @ self.W.T
        self.W, self.b = self.W - 0.1 * dW, self.b - 0.1 * db
        return d

layers = [Dense(6, 5), Dense(5, 4)]
for step in range(20):
    h = X
    for layer in layers:
        h = layer.forward(h)
    loss = ((h - Y) ** 2).sum() / 2
    d = h - Y
    for layer in layers[::-1]:
        d = layer.backward(d)
"""
    assert [p.name for p in reported(text).parameters] == ["dW1", "db1", "dW2", "db2"]
