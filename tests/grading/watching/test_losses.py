"""A program's own loss and its penalty are read from what it computes, wherever that is, and decay in its updates."""

import pytest

from tests.grading.watching.runs import DATA, FUNCTIONS, PARAMETERS, reported

START = DATA + FUNCTIONS + f"W1, b1, W2, b2 = {PARAMETERS}\nlam, rate, m = 0.3, 0.1, len(X)\n"

IN_EACH_STEP = """
for epoch in range(20):
    dW1, db1, dW2, db2 = backward(X, Y, W1, b1, W2, b2)
    y = softmax(np.maximum(X @ W1 + b1, 0) @ W2 + b2)
    loss = -np.sum(Y * np.log(np.maximum(y, 1e-12))) / m + PENALTY
    dW1 = dW1 + DECAY * W1
    dW2 = dW2 + DECAY * W2
    W1, b1 = W1 - rate * dW1, b1 - rate * db1
    W2, b2 = W2 - rate * dW2, b2 - rate * db2
"""

AFTER_EACH_EPOCH = """
class Network:
    def __init__(self, sizes):
        self.weights, self.biases = [], []
        for n_in, n_out in zip(sizes[:-1], sizes[1:]):
            self.weights.append(rng.normal(size=(n_out, n_in)))
            self.biases.append(rng.normal(size=(n_out, 1)))

    def forward(self, x):
        activations = [x]
        for w, b in zip(self.weights, self.biases):
            activations.append(1 / (1 + np.exp(-(w @ activations[-1] + b))))
        return activations

    def step(self, x, y, rate, lam):
        x1, a1, a2 = self.forward(x)
        delta2 = a2 - y
        delta1 = self.weights[1].T @ delta2 * a1 * (1 - a1)
        nabla_w, nabla_b = [delta1 @ x1.T, delta2 @ a1.T], [delta1, delta2]
        self.weights = [(1 - rate * lam) * w - rate * nw for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - rate * nb for b, nb in zip(self.biases, nabla_b)]

    def cost(self, pairs, lam):
        total = 0.0
        for x, y in pairs:
            a = self.forward(x)[-1]
            total += np.sum(np.nan_to_num(-y * np.log(a) - (1 - y) * np.log(1 - a))) / len(pairs)
        return total + 0.5 * lam * sum(np.linalg.norm(w) ** 2 for w in self.weights)

network = Network([6, 5, 4])
pairs = [(x.reshape(-1, 1), y.reshape(-1, 1)) for x, y in zip(X, Y)]
for epoch in range(10):
    for x, y in pairs:
        network.step(x, y, 0.1, 0.01)
    print(network.cost(pairs, 0.01))
"""

MOMENTUM = """
vW1, vb1, vW2, vb2 = 0 * W1, 0 * b1, 0 * W2, 0 * b2
b1, b2 = 0 * b1, 0 * b2
for epoch in range(20):
    dW1, db1, dW2, db2 = backward(X, Y, W1, b1, W2, b2)
    vW1, vb1, vW2, vb2 = 0.9 * vW1 - rate * dW1, 0.9 * vb1 - rate * db1, 0.9 * vW2 - rate * dW2, 0.9 * vb2 - rate * db2
    W1, b1, W2, b2 = W1 + vW1, b1 + vb1, W2 + vW2, b2 + vb2
"""


def names(text):
    return {name for finding in reported(text).findings for name in finding.names}


def in_each_step(penalty, decay, *changes):
    text = START + IN_EACH_STEP.replace("PENALTY", penalty).replace("DECAY", decay)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("penalty", "decay"),
    [
        ("lam / 2 * (np.sum(W1**2) + np.sum(W2**2))", "lam"),
        ("lam * (np.sum(W1 * W1) + np.sum(W2 * W2))", "2 * lam"),
        ("lam / (2 * m) * (np.sum(np.square(W1)) + np.sum(np.square(W2)))", "lam / m"),
    ],
)
def test_a_penalty_is_what_is_added_to_the_loss(penalty, decay):
    assert reported(in_each_step(penalty, decay)).passed
    last = f"dW2 = dW2 + {decay} * W2"
    assert names(in_each_step(penalty, decay, (last, "pass"))) == {"decay-missing"}
    assert names(in_each_step(penalty, decay, (last, f"dW2 = dW2 - {decay} * W2"))) == {"decay-sign"}
    assert names(in_each_step(penalty, decay, (last, f"dW2 = dW2 + {decay.replace('lam', '1')} * W2"))) == {
        "decay-unscaled"
    }


OF_EACH_LAYER = """
for epoch in range(20):
    BEFORE
    for i in range(0, 12, SIZE):
        x, y = X[i : i + SIZE], Y[i : i + SIZE]
        dW1, db1, dW2, db2 = backward(x, y, W1, b1, W2, b2)
        dW1, dW2 = DECAYED
        W1, b1, W2, b2 = W1 - rate * dW1, b1 - rate * db1, W2 - rate * dW2, b2 - rate * db2
    AFTER
"""
PENALTIES = {
    "of the last": ("dW1, dW2 + lam * W2", "lam / 2 * np.sum(W2 ** 2)"),
    "of the first": ("dW1 + lam * W1, dW2", "lam / 2 * np.sum(W1 ** 2)"),
    "another of each": ("dW1 + lam * W1, dW2 + 0.1 * W2", "lam / 2 * np.sum(W1 ** 2) + 0.05 * np.sum(W2 ** 2)"),
}
LOSS = "print(-np.sum(Y * np.log(softmax(np.maximum(X @ W1 + b1, 0) @ W2 + b2))) / m + PENALTY)"
OF_THE_STEP = "print(-np.sum(y * np.log(y_hat)) / m + PENALTY)"


def of_each_layer(decayed, penalty, when, size, loss=LOSS):
    """A penalty of some weights, printed before the updates of an epoch or after them."""
    text = OF_EACH_LAYER.replace(when, loss.replace("PENALTY", penalty)).replace("SIZE", str(size))
    forward = "        y_hat = softmax(np.maximum(x @ W1 + b1, 0) @ W2 + b2)\n        dW1, db1"
    text = text.replace("        dW1, db1", forward, 1)
    return START + text.replace("DECAYED", decayed).replace("BEFORE", "pass").replace("AFTER", "pass")


@pytest.mark.parametrize(
    ("when", "size", "loss"),
    [("BEFORE", 12, LOSS), ("AFTER", 12, LOSS), ("AFTER", 4, LOSS), ("AFTER", 12, OF_THE_STEP)],
)
def test_a_penalty_may_be_on_some_weights_or_another_on_each(when, size, loss):
    for decayed, penalty in PENALTIES.values():
        report = reported(of_each_layer(decayed, penalty, when, size, loss))
        assert report.passed, str(report)
    halved, missing = (f"dW1, dW2{decay}" for decay in (" + 0.5 * lam * W2", ""))
    assert names(of_each_layer(halved, PENALTIES["of the last"][1], when, size, loss)) <= {"decay-halved"}
    for decayed, penalty in (
        (halved, "of the last"),
        (missing, "of the last"),
        ("dW1 + lam * W1, dW2", "another of each"),
    ):
        report = reported(of_each_layer(decayed, PENALTIES[penalty][1], when, size, loss))
        assert [p.right for p in report.parameters] == [True, True, False, True], str(report)


def test_the_two_of_a_square_is_missed_where_the_penalty_has_no_half():
    text = in_each_step("lam * (np.sum(W1 * W1) + np.sum(W2 * W2))", "2 * lam", ("+ 2 * lam * W2", "+ lam * W2"))
    assert names(text) == {"decay-halved"}


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("", "", set()),
        ("delta2 = a2 - y", "delta2 = (a2 - y) * a2 * (1 - a2)", {"error-sigmoid-again"}),
        ("(1 - rate * lam) * w", "w", {"decay-missing"}),
        ("(1 - rate * lam) * w", "(1 + rate * lam) * w", {"decay-sign"}),
        ("[b - rate * nb", "[(1 - rate * lam) * b - rate * nb", {"bias-decay"}),
    ],
)
def test_a_loss_that_is_computed_after_an_epoch_is_the_programs_own(old, new, expected):
    assert old in AFTER_EACH_EPOCH
    assert names(DATA + AFTER_EACH_EPOCH.replace(old, new)) == expected


def test_momentum_is_no_decay():
    assert reported(START + MOMENTUM).passed


def test_labels_with_another_sign_are_labels():
    text = START + IN_EACH_STEP.replace(" + PENALTY", "").replace(" + DECAY * W1", "").replace(" + DECAY * W2", "")
    jacobian = "g = -Y / y\n    d2 = y * (g - (g * y).sum(axis=1, keepdims=True))"
    assert reported(text.replace("d2 = y - Y", jacobian)).passed
    assert names(text.replace("d2 = y - Y", "d2 = -Y / y")) == {"error-log-alone"}
    assert names(text.replace("d2 = y - Y", "g = -Y / y\n    d2 = g * y * (1 - y)")) == {"error-squared-softmax"}


@pytest.mark.parametrize(
    "loss",
    [
        "-np.log(p[np.arange(12), labels] + 1e-9).mean()",
        "-(Y * np.log(p)).sum() / 12 + 0.01 * (W ** 2).sum()",
        "-np.sum(Y * np.log(np.clip(p, 1e-12, 1)))",
        "-((0.9 * Y + 0.025) * np.log(p)).sum(axis=1).mean()",
        "((p - Y) ** 2).sum(axis=1).mean()",
        "-(np.linspace(0.5, 2, 4) * Y * np.log(p)).sum(axis=1).mean()",
    ],
)
def test_a_loss_that_the_gradients_are_not_those_of_is_said(loss):
    text = f"""{DATA}
W = rng.normal(size=(6, 4))
for step in range(20):
    s = X @ W
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = {loss}
    W -= 0.1 * (X.T @ (p - Y) / 12 + DECAY)
""".replace("DECAY", "0.02 * W" if "W **" in loss else "0")
    report = reported(text)
    assert report.passed, report
    is_another = any(word in loss for word in ("0.9", "(p - Y)", "linspace"))
    assert len(report.notes) - ("W **" in loss) == is_another, report.notes
    if is_another:
        assert report.notes[0].startswith("the gradients are those of cross-entropy; the loss in line 12 is another")


EINSUM = """
W, b = rng.normal(size=(6, 4)), np.zeros(4)
for step in range(9):
    z = np.einsum("bi,io->bo", X, W) + b
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -(Y * np.log(p)).sum(axis=1).MEAN()
    d = p - Y
    dW, db = np.einsum("bi,bo->io", X, d), d.sum(axis=0)
    W = W - RATE * dW
    b = b - RATE * db
"""


def test_a_mean_that_is_forgotten_is_a_mistake_in_any_network():
    text = DATA + EINSUM.replace("RATE", "0.1")
    assert reported(text.replace("d = p - Y", "d = (p - Y) / 12").replace("MEAN", "mean")).passed
    assert reported(text.replace("MEAN", "sum")).passed
    assert names(text.replace("MEAN", "mean")) == {"error-sum"}
    over_m = "lr = 0.1\n" + EINSUM.replace("MEAN", "mean").replace("RATE", "lr / 12")
    assert reported(DATA + over_m).passed


OTHERS = """
W, b = rng.normal(size=(6, 4)), np.zeros(4)
T, U = Y[:-1], Y[1:]
for step in range(9):
    z = X[:-1] @ W + b
    p = OUTPUT
    loss = LOSS / 11
    d = (p - U)SLOPE / 11
    W = W - 0.1 * X[:-1].T @ d
    b = b - 0.1 * d.sum(axis=0)
"""
SOFTMAX, SIGMOID = "np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)", "1 / (1 + np.exp(-z))"
OF_OTHERS = (
    (SOFTMAX, "-np.sum(T * np.log(p))", ""),
    (SIGMOID, "-np.sum(T * np.log(p) + (1 - T) * np.log(1 - p))", ""),
    (SIGMOID, "0.5 * np.sum((p - T) ** 2)", " * p * (1 - p)"),
)


@pytest.mark.parametrize(("output", "loss", "slope"), OF_OTHERS)
def test_a_gradient_with_labels_of_other_classes_than_those_of_the_loss_is_found(output, loss, slope):
    text = DATA + OTHERS.replace("OUTPUT", output).replace("LOSS", loss).replace("SLOPE", slope)
    assert names(text) == {"error-labels-others"}
    assert reported(text.replace("(p - U)", "(p - T)")).passed
    for smoothed in ("(p - (0.6 * T + 0.1))", "(p - (0.7 * U + 0.3 * T))"):
        assert "error-labels-others" not in names(text.replace("(p - U)", smoothed))


@pytest.mark.parametrize("loss", ["((p - Y) ** 2).mean()", "np.linalg.norm(0.5 * (Y - p))"])
@pytest.mark.parametrize("update", ["W += 0.01 * (X.T @ (Y - p))", "W -= 0.01 * (X.T @ (p - Y))"])
def test_the_mean_of_another_loss_asks_for_no_mean(loss, update):
    text = f"""{DATA}
W = rng.normal(size=(6, 4))
for step in range(20):
    s = X @ W
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = LOSS
    {update}
"""
    report = reported(text.replace("LOSS", loss))
    assert report.passed, report
    assert any("sum of the losses" in note for note in report.notes)
    assert "error-sum" in names(text.replace("LOSS", "-(Y * np.log(p)).sum(axis=1).mean()"))


@pytest.mark.parametrize("sign", ["-=", "+="])
def test_the_rule_of_the_perceptron_goes_along_its_own_criterion(sign):
    text = f"""{DATA}
W, b = np.zeros((6, 4)), np.zeros(4)
for step in range(20):
    predicted = np.argmax(X @ W + b, axis=1)
    wrong = predicted != labels
    d = np.zeros((12, 4))
    d[np.arange(12)[wrong], predicted[wrong]] = 1
    d[np.arange(12)[wrong], labels[wrong]] = -1
    dW, db = X.T @ d / 12, d.mean(axis=0)
    W -= dW
    b -= db
"""
    if sign == "+=":
        text = text.replace("d / 12", "-d / 12").replace("d.mean", "-d.mean").replace("-=", "+=")
    report = reported(text)
    assert report.passed, report
    assert report.settings.startswith("the perceptron's criterion")
    assert not reported(text.replace("= 1\n", "= 2\n")).passed
    assert not reported(
        text.replace("+= dW" if sign == "+=" else "-= dW", "-= -dW" if sign == "-=" else "-= dW")
    ).passed


@pytest.mark.parametrize("count", ["len(X)", "X.shape[0]"])
def test_a_loss_times_the_number_of_examples_is_added_up_and_not_gone_down(count):
    text = f"""{DATA}
W1, W2 = rng.normal(size=(6, 5)), rng.normal(size=(5, 4))
for epoch in range(10):
    running = 0.0
    h = np.sin(X @ W1)
    s = h @ W2
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(12), labels]))
    running += loss * {count}
    d = (p - Y) / 12
    dW2, dW1 = h.T @ d, X.T @ (d @ W2.T * np.cos(X @ W1))
    W1, W2 = W1 - 0.1 * dW1, W2 - 0.1 * dW2
"""
    assert reported(text).passed, reported(text)
    assert names(text.replace("(p - Y) / 12", "(p - Y)")) == {"error-sum"}


@pytest.mark.parametrize("chosen", [
    "np.heaviside(z, 0)", "np.where(z > 0, 1, 0)", "np.where(z <= 0, 0.0, 1.0)", "np.array(z > 0).astype(int)",
    "np.where(z >= 0, 1, -1)",
])  # fmt: skip
@pytest.mark.parametrize("kind", ["float", "int"])
def test_a_perceptron_of_two_classes_goes_along_its_own_criterion(chosen, kind):
    low = -1 if "-1" in chosen else 0
    text = f"""{DATA}
t, w, b = np.where(labels > 1, 1, {low}).astype({kind}), np.zeros(6), 0.0
for epoch in range(5):
    for i in range(12):
        z = X[i] @ w + b
        error = t[i] - {chosen}
        w += 0.1 * error * X[i]
        b += 0.1 * error
"""
    report = reported(text)
    assert report.passed, report
    assert report.settings.startswith("the perceptron's criterion")
    assert "update-sign" in names(text.replace("+= 0.1", "-= 0.1"))
    assert not reported(text.replace("error * X[i]", "error * X[i - 1]")).passed


def test_choices_as_rows_of_a_table_are_no_labels():
    found = reported(f"""{DATA}
W, b = np.zeros((6, 4)), np.zeros(4)
for step in range(20):
    wrong = Y - np.eye(4)[np.argmax(X @ W + b, axis=1)]
    dW, db = X.T @ wrong, wrong.sum(axis=0)
    W += 0.1 * dW
    b += 0.1 * db
""")
    assert found.passed, found
    assert found.settings.startswith("the perceptron's criterion")


def test_a_sigmoid_by_the_sign_of_z_is_no_choice_of_classes():
    text = f"""{DATA}
t, w = (labels > 1).astype(float), rng.normal(size=6)
for epoch in range(20):
    z = X @ w
    p = np.where(z > 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z)))
    accuracy = np.mean((z > 0) == t)
    w -= 0.1 * X.T @ (p - t) / 12
"""
    report = reported(text)
    assert report.passed, report
    assert "perceptron" not in report.settings
    assert not reported(text.replace("(p - t)", "(p - t) ** 3")).passed
