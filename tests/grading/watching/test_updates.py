"""Mistakes in what is made of right gradients, and in the labels, are named; what only looks like one passes."""

import numpy as np
import pytest

from tests.each import each
from tests.grading.watching.runs import DATA, DIGITS, FUNCTIONS, reported
from tests.grading.watching.test_training import CLASS, GRADIENTS, LISTS, START, STYLES, training
from tinygrad_mnist.grading.standins.digits import small
from tinygrad_mnist.grading.watching.practice import mislabelled

PLAIN = STYLES["functions"]
W_IN_A_LIST, B_IN_A_LIST = (
    "Ws = [W - 0.5 * dW for W, dW in zip(Ws, gradients_W)]",
    "bs = [b - 0.5 * db for b, db in zip(bs, gradients_b)]",
)


def by_function(body):
    """Twenty epochs in which the update is a function's, whose result nobody takes."""
    return (
        f"{FUNCTIONS}{START}\ndef update(W1, b1, W2, b2, dW1, db1, dW2, db2, rate):\n    {body}\n"
        f"for epoch in range(20):\n    {GRADIENTS}\n    update(W1, b1, W2, b2, dW1, db1, dW2, db2, 0.1)\n"
    )


ALL = ["W(1)", "W(2)", "b(1)", "b(2)"]
LOCAL = "\n    ".join(f"{p} = {p} - rate * d{p}" for p in ("W1", "b1", "W2", "b2"))
RETURNED = "return W1 - rate * dW1, b1 - rate * db1, W2 - rate * dW2, b2 - rate * db2"
WRONG = {
    "local names of a function": (by_function(LOCAL), "update-missing", ALL),
    "a result that nobody takes": (by_function(RETURNED), "update-missing", ALL),
    "another name": (training("new_P = P - 0.1 * dP"), "update-missing", ALL),
    "np.subtract without out": (training("np.subtract(P, 0.1 * dP)"), "update-missing", ALL),
    "the loop's own name": (
        LISTS.replace(W_IN_A_LIST, "for W, dW in zip(Ws, gradients_W):\n        W = W - 0.5 * dW"),
        "update-missing", ["W(1)", "W(2)"],
    ),
    "the gradient's name": (PLAIN.replace("b1 = b1 - 0.1 * db1", "db1 = b1 - 0.1 * db1"), "update-missing", ["b(1)"]),
    "a local name in a method": (CLASS.replace("self.b1 = self.b1 -", "b1 = self.b1 -"), "update-missing", ["b(1)"]),
    "a gradient of zeros": (
        PLAIN.replace("b1 = b1 - 0.1 * db1", "b1 = b1 - 0.1 * np.zeros(5)"), "update-missing", ["b(1)"],
    ),
    "one layer": (PLAIN.replace("W2 = W2 - 0.1 * dW2", "").replace("b2 = b2 - 0.1 * db2", ""), "update-missing",
                  ["W(2)", "b(2)"]),
    "all uphill": (training("P += 0.1 * dP"), "update-sign", ALL),
    "one uphill": (PLAIN.replace("b1 = b1 - 0.1", "b1 = b1 + 0.1"), "update-sign", ["b(1)"]),
    "one uphill where errors are turned": (
        training("P += 0.1 * dP").replace("d2 = y - Y", "d2 = Y - y").replace("b1 += 0.1", "b1 -= 0.1"),
        "update-sign", ["b(1)"],
    ),
    "the gradient of the weights, broadcast": (
        PLAIN.replace("b2 = b2 - 0.1 * db2", "b2 = b2 - 0.1 * dW2"), "update-swapped", ["b(2)"],
    ),
    "the gradient of another bias": (PLAIN.replace("0.1 * db2", "0.1 * db1"), "update-swapped", ["b(2)"]),
    "that in place": (training("P -= 0.1 * dP").replace("0.1 * db2", "0.1 * db1"), "update-swapped", ["b(2)"]),
}  # fmt: skip


@each("kind", WRONG)
def test_a_wrong_update_is_named_where_it_is_made(kind):
    text, name, parameters = WRONG[kind]
    report = reported(DATA + text)
    assert not report.passed
    (finding,) = report.findings
    assert finding.names == (name,)
    assert sorted(finding.where) == [f"update of {parameter}" for parameter in parameters]


MEANS = {
    "weights": ("activations[l].T @ delta / len(X)", "activations[l].T @ delta", "weight-mean-missing"),
    "biases": ("delta.sum(axis=0) / len(X)", "delta.sum(axis=0)", "bias-mean-missing"),
}


@pytest.mark.parametrize("kind", MEANS)
@pytest.mark.parametrize("in_the_update", [False, True])
def test_a_mean_that_some_gradients_lack_is_missing_wherever_it_is_taken(kind, in_the_update):
    mean, none, name = MEANS[kind]
    text = LISTS.replace(mean, none)
    if in_the_update:
        text = LISTS.replace(" / len(X)", "")
        text = text.replace(
            "0.5 * db" if kind == "weights" else "0.5 * dW", "0.5 / len(X) * d" + "bW"[kind == "biases"]
        )
    (finding,) = reported(DATA + text).findings
    assert finding.names == (name,)


RIGHT = {
    "errors that are turned and added": training("P += 0.1 * dP").replace("d2 = y - Y", "d2 = Y - y"),
    "the mean in all updates": LISTS.replace(" / len(X)", "").replace("0.5 * d", "0.5 / len(X) * d"),
    "a rate of their own for biases": PLAIN.replace("0.1 * db", "0.05 * db"),
    "a named rate that is 1/m of the other": "rate, slow = 1.2, 0.1\n"
    + PLAIN.replace("0.1 * dW", "rate * dW").replace("0.1 * db", "slow * db"),
    "the rate in the product": CLASS.replace("rate * self.a1.T.dot(d2)", "rate * self.a1.T @ d2").replace(
        "rate * X.T.dot(d1)", "rate * X.T @ d1"
    ),
    "np.subtract with out": training("np.subtract(P, 0.1 * dP, out=P)"),
    "the length of the step looked at": training("P = P - 0.1 * dP\nmoved = P - dP"),
}


@pytest.mark.parametrize("kind", RIGHT)
def test_what_only_looks_like_a_mistake_passes(kind):
    report = reported(DATA + RIGHT[kind])
    assert report.passed, str(report)


def test_labels_that_are_never_subtracted_are_named_where_gradients_are_summed_in_loops():
    text = STYLES["one example after the other"].replace("d2 = e / e.sum() - y", "d2 = e / e.sum()")
    (finding,) = reported(DATA + text).findings
    assert finding.names == ("error-labels-missing",)


def images():
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (12, 28, 28)).astype(np.uint8), np.arange(12) % 10


@each(("shift", "said"), [(0, None), (-1, "-1"), (2, "+2")])
def test_labels_are_compared_with_their_images_over_several_steps(shift, said):
    known, labels = images()
    hot = np.eye(10)[(labels + shift) % 10]
    one_by_one = [(known[i].reshape(-1, 1) / 255, hot[i][:, None]) for i in range(4)]
    found = list(mislabelled(one_by_one, (known, labels)))
    assert [f.names for f in found] == ([("labels-shifted",)] if said else [])
    assert all(said in f.what for f in found)


def test_labels_of_the_first_batch_in_every_batch_are_named():
    known, labels = images()
    columns, hot = known.reshape(12, -1).T / 255, np.eye(10)[labels].T
    batches = [columns[:, :8], columns[:, 4:]]
    right = [(X, Y) for X, Y in zip(batches, (hot[:, :8], hot[:, 4:]), strict=True)]
    assert not list(mislabelled(right, (known, labels)))
    (found,) = mislabelled([right[0], (batches[1], hot[:, :8])], (known, labels))
    assert found.names == ("labels-shifted",)


def test_labels_are_compared_with_small_images_too():
    known, labels = images()
    columns, hot = small(known).reshape(12, -1).T / 16, np.eye(10)[labels].T
    assert not list(mislabelled([(columns, hot)], (known, labels)))
    (found,) = mislabelled([(columns, hot[:, [*range(3, 12), 2, 1, 0]])], (known, labels))
    assert found.explanation.startswith("An image of a 0 is labelled 3.")


def test_too_few_known_images_tell_nothing():
    known, labels = images()
    assert not list(mislabelled([(known[0].reshape(-1, 1), np.eye(10)[:, [5]])], (known, labels)))
    assert not list(mislabelled([(np.ones((784, 9)), np.eye(10)[:, :9])], DIGITS))


NO_FORWARD_PASS = {
    "before the loop": ("a1 = np.maximum(X @ W1 + b1, 0); y = softmax(a1 @ W2 + b2)", "", ALL),
    "its first layer before the loop": (
        "a1 = np.maximum(X @ W1 + b1, 0)", "y = softmax(a1 @ W2 + b2)", ["W(1)", "b(1)"],
    ),
    "gradients and all": (
        "dW1, db1, dW2, db2 = backward(X, Y, W1, b1, W2, b2)", "", ALL,
    ),
}  # fmt: skip
BACK = "d2 = (y - Y) / 12; d1 = d2 @ W2.T * (a1 > 0); dW1, db1, dW2, db2 = X.T @ d1, d1.sum(0), a1.T @ d2, d2.sum(0)"
STEPS = {
    "assigned": "W1 = W1 - 0.1 * dW1; b1 = b1 - 0.1 * db1; W2 = W2 - 0.1 * dW2; b2 = b2 - 0.1 * db2",
    "in place": "W1 -= 0.1 * dW1; b1 -= 0.1 * db1; W2 -= 0.1 * dW2; b2 -= 0.1 * db2",
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("kind", NO_FORWARD_PASS)
def test_updates_without_a_forward_pass_between_them_are_named(kind, step):
    before, within, parameters = NO_FORWARD_PASS[kind]
    back = "" if "backward" in before else BACK
    loop = "".join(f"    {line}\n" for line in (within, back, STEPS[step]) if line)
    text = f"{FUNCTIONS}{START}\n{before}\nfor epoch in range(20):\n{loop}"
    (finding,) = reported(DATA + text).findings
    assert finding.names == ("update-stale",)
    assert sorted(finding.where) == [f"update of {parameter}" for parameter in parameters]
    assert "np.maximum(X @ W1 + b1, 0)" in finding.places[0]


@pytest.mark.parametrize("step", STEPS)
def test_a_gradient_that_is_taken_twice_is_named_and_two_gradients_are_not(step):
    loop = f"{START}\nfor epoch in range(20):\n    {GRADIENTS}\n    {STEPS[step]}\n"
    for more, count in (("W1 -= 0.1 * dW1", 1), ("W1 -= 0.1 * 0.01 * W1; W2 -= 0.1 * 0.01 * W2", 0)):
        findings = reported(f"{DATA}{FUNCTIONS}{loop}    {more}\n").findings
        assert [f.names for f in findings] == [("update-twice",)] * count
        assert all(f.where == ("update of W(1)",) for f in findings)


@pytest.mark.parametrize("scaled", ["X * g", "X"])
def test_a_gradient_that_one_line_takes_twice_is_named_in_any_network(scaled):
    text = f"""{DATA}
W, b, g = rng.normal(size=(6, 4)), np.zeros(4), np.ones(6)
for step in range(20):
    h = {scaled}
    z = h @ W + b
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    d = (p - Y) / 12
    dW, db, dg = h.T @ d, d.sum(axis=0), (d @ W.T * X).sum(axis=0)
    for P, G in ((W, dW), (b, db), {"(g, dg), " if "g" in scaled else ""}(b, db)):
        P -= 0.1 * G
"""
    (finding,) = reported(text).findings
    assert finding.names == ("update-twice",)
    assert finding.where in (("update of b",), ("update of b(1)",))


@pytest.mark.parametrize("loss", ["", "    loss = -np.mean(np.sum(Y * np.log(y), axis=1))\n"])
def test_a_rate_and_the_mean_may_be_one_number(loss):
    """0.1 * (1 / m) is a number before any array is multiplied with it."""
    text = f"""{DATA}{FUNCTIONS}
W, b, m = rng.normal(size=(6, 4)), np.zeros(4), len(X)
for step in range(20):
    y = softmax(X @ W + b)
{loss}    W = W - 0.1 * (1 / m) * np.dot(X.T, y - Y)
    b = b - 0.1 * (1 / m) * np.sum(y - Y, axis=0)
"""
    report = reported(text)
    assert report.passed, str(report)


WITHOUT_BIASES = """
W1, W2 = rng.normal(size=(6, 5)), rng.normal(size=(5, 4))
for step in range(9):
    h = np.maximum(X @ W1, 0)
    z = h @ W2
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    d2 = p - Y
    d1 = d2 @ W2.T * (h > 0)
    W2 -= 0.2 * h.T @ d2 / 12
    W1 -= 0.2 * X.T @ d1 / 12
"""


def test_a_rate_may_be_a_plain_number_in_a_product_that_is_divided_by_m():
    assert reported(DATA + WITHOUT_BIASES).passed
    wrong = reported(DATA + WITHOUT_BIASES.replace(" * (h > 0)", ""))
    assert [f.names for f in wrong.findings] == [("slope-missing",)]
    assert not reported(DATA + WITHOUT_BIASES.replace("d1 / 12", "d1 / 6")).passed


def test_a_bias_may_begin_as_a_number():
    text = f"""{DATA}
w, b, target = rng.normal(size=(6, 1)), 0.0, (labels % 2)[:, None]
for step in range(20):
    a = 1 / (1 + np.exp(-(X @ w + b)))
    dw, db = X.T @ (a - target) / 12, np.sum(a - target) / 12
    w -= 0.1 * dw
    b -= 0.1 * db
"""
    report = reported(text)
    assert report.passed, str(report)
    assert [p.name for p in report.parameters] == ["dw", "db"]
    (finding,) = reported(text.replace("np.sum(a - target) / 12", "np.sum(a - target)")).findings
    assert "bias-mean-missing" in finding.names


BESIDE_IT = f"""{DATA}{FUNCTIONS}
U, V, K = (rng.normal(size=size) * 0.5 for size in ((6, 5), (5, 5), (5, 4)))
for step in range(20):
    h = np.tanh(X @ U)
    v = np.tanh(h @ V)
    k = v + h
    p = softmax(k @ K)
    loss = -(Y * np.log(p)).sum(axis=1).mean()
    d = (p - Y) / len(X)
    dK = k.T @ d
    dk = d @ K.T
    dv = dk * (1 - v ** 2)
    dV = h.T @ dv
    dU = X.T @ ((dv @ V.T + dk) * (1 - h ** 2))
    U -= 0.1 * dU
    V -= 0.1 * dV
    K -= 0.1 * dK
"""


def test_weights_of_any_name_whose_gradient_is_not_used_are_found():
    assert reported(BESIDE_IT).passed
    (finding,) = reported(BESIDE_IT.replace("    V -= 0.1 * dV\n", "")).findings
    assert finding.names == ("update-missing",)
    assert finding.where == ("update of V",)


def test_what_learns_nothing_on_purpose_is_said():
    report = reported(BESIDE_IT.replace("    V -= 0.1 * dV\n", "").replace("    dV = h.T @ dv\n", ""))
    assert report.passed, report
    assert report.notes == ("V stays as it is: no update changes it",)


ALIASES = f"""{DATA}
class Dense:
    def __init__(self, inputs, outputs):
        self.params = {{"W": rng.normal(size=(inputs, outputs)), "b": np.zeros(outputs)}}
        self.W = SECOND

    def forward(self, X):
        self.X = X
        return X @ self.W + self.params["b"]

    def update(self, d, rate):
        dW, db, below = self.X.T @ d, d.sum(axis=0), d @ self.W.T
        UPDATE
        self.params["b"] = self.params["b"] - rate * db
        return below

first, second = Dense(6, 5), Dense(5, 4)
for epoch in range(10):
    for i in (0, 6):
        z = first.forward(X[i:i + 6])
        s = second.forward(np.maximum(z, 0))
        p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
        below = second.update((p - Y[i:i + 6]) / 6, 0.1)
        first.update(below * (z > 0), 0.1)
"""


@pytest.mark.parametrize(
    "second", ['self.params["W"]', 'self.params["W"].copy()', 'np.insert(self.params["W"], [], 0, 1)']
)
def test_an_update_that_the_forward_pass_does_not_see_is_found(second):
    unseen = ALIASES.replace("SECOND", second).replace("UPDATE", 'self.params["W"] = self.params["W"] - rate * dW')
    found = reported(unseen)
    assert [f.names for f in found.findings] == [("update-unused",)], found
    assert "self.params" in found.findings[0].places[0]
    in_place = ALIASES.replace("SECOND", 'self.params["W"]').replace("UPDATE", 'self.params["W"] -= rate * dW')
    assert reported(in_place).passed


def test_each_layer_may_have_a_rate_of_its_own():
    text = f"""{DATA}
W1, b1, W2, b2 = rng.normal(size=(6, 5)), np.zeros(5), rng.normal(size=(5, 4)), np.zeros(4)
for epoch in range(20):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    e = np.exp(a1 @ W2 + b2)
    d2 = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    d1 = d2 @ W2.T * (z1 > 0)
    W1 -= 0.5 * X.T @ d1
    b1 -= 0.5 * d1.sum(axis=0)
    W2 -= a1.T @ d2 * 0.1
    b2 -= d2.sum(axis=0) * 0.1
"""
    assert reported(text).passed, reported(text)
    for right, wrong in (("(z1 > 0)", "(z1 > 0) * 5"), ("a1.T @ d2 * 0.1", "a1.T @ d2"), ("X.T @ d1", "X.T @ d1 / 12")):
        assert not reported(text.replace(right, wrong)).passed, wrong


SET_FOR_EACH_LAYER = """
class Dense:
    def __init__(self, inputs, outputs, decay):
        self.weights, self.biases, self.decay = rng.normal(size=(inputs, outputs)), np.zeros((1, outputs)), decay
    def forward(self, x):
        self.inputs = x
        return x @ self.weights + self.biases
    def backward(self, d):
        self.dweights = self.inputs.T @ d
        self.dbiases = d.sum(axis=0, keepdims=True)
        if self.decay > 0:
            self.dweights += 2 * self.decay * self.weights
            self.dbiases += 2 * self.decay * self.biases
        return d @ self.weights.T

first, second = Dense(6, 5, 0.05), Dense(5, 4, 0)
for epoch in range(20):
    z = first.forward(X)
    e = np.exp(second.forward(np.tanh(z)))
    d = second.backward((e / e.sum(axis=1, keepdims=True) - Y) / 12)
    first.backward(d * (1 - np.tanh(z) ** 2))
    for layer in (first, second):
        layer.weights += -0.5 * layer.dweights
        layer.biases += -0.5 * layer.dbiases
"""


def test_a_decay_that_is_set_for_each_layer_is_no_mistake_nor_is_that_of_a_bias_which_began_at_zero():
    assert reported(DATA + SET_FOR_EACH_LAYER).passed
    in_lines = SET_FOR_EACH_LAYER.replace("    for layer in (first, second):\n", "").replace(
        "        layer.weights += -0.5 * layer.dweights\n        layer.biases += -0.5 * layer.dbiases\n",
        "    first.weights -= 0.5 * first.dweights\n    second.weights -= 0.5 * second.dweights\n"
        "    first.biases -= 0.5 * first.dbiases\n    second.biases -= 0.5 * second.dbiases\n",
    )
    assert [finding.names for finding in reported(DATA + in_lines).findings] == [("decay-missing",)]


@pytest.mark.parametrize("decay", ["W1 -= 0.001 * W1", "W1 = W1 - 0.001 * W1", "W1 = W1 * 0.999"])
def test_weights_may_decay_by_an_update_of_their_own(decay):
    program = f"""{DATA}
W1, b1, W2, b2 = rng.normal(size=(6, 5)), np.zeros(5), rng.normal(size=(5, 4)), np.zeros(4)
for _ in range(5):
    z = X @ W1 + b1
    s = 1 / (1 + np.exp(-z))
    a = z * s
    o = a @ W2 + b2
    e = np.exp(o - o.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -(Y * np.log(p)).sum(axis=1).mean()
    d = (p - Y) / len(X)
    dW2, db2 = a.T @ d, d.sum(axis=0)
    d = d @ W2.T * (s + z * s * (1 - s))
    dW1, db1 = X.T @ d, d.sum(axis=0)
    W1 = W1 - 0.1 * dW1
    b1 = b1 - 0.1 * db1
    {decay}
    W2 = W2 - 0.1 * dW2
    b2 = b2 - 0.1 * db2
    {decay.replace("W1", "W2")}
"""
    report = reported(program)
    assert report.passed, str(report)
    assert all(p.right and p.difference is not None for p in report.parameters)
    assert not reported(program.replace("s + z * s * (1 - s)", "s * (1 - s)")).passed
