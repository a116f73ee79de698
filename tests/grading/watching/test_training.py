"""Parameters and steps are found in every style of training, and the verdict on them is what it should be."""

import pytest

from tests.each import each
from tests.grading.watching.runs import DATA, FUNCTIONS, PARAMETERS, reported, watched
from tinygrad_mnist.grading.watching.lineages import lineages
from tinygrad_mnist.grading.watching.training import steps

GRADIENTS = "dW1, db1, dW2, db2 = backward(X, Y, W1, b1, W2, b2)"
START = f"W1, b1, W2, b2 = {PARAMETERS}\n"

CLASS = (
    """
class Network:
    def __init__(self):
        self.W1, self.b1, self.W2, self.b2 = """
    + PARAMETERS
    + """

    def forward(self, X):
        self.a1 = np.maximum(X.dot(self.W1) + self.b1, 0)
        e = np.exp(self.a1.dot(self.W2) + self.b2)
        return e / e.sum(axis=1, keepdims=True)

    def step(self, X, Y, rate):
        d2 = (self.forward(X) - Y) / len(X)
        d1 = np.dot(d2, self.W2.T) * (self.a1 > 0)
        self.W2 = self.W2 - rate * self.a1.T.dot(d2)
        self.b2 = self.b2 - rate * d2.sum(axis=0)
        self.W1 = self.W1 - rate * X.T.dot(d1)
        self.b1 = self.b1 - rate * d1.sum(axis=0)

network = Network()
for epoch in range(20):
    network.step(X, Y, 0.1)
"""
)

LISTS = """
Ws, bs = [rng.normal(size=(6, 5)), rng.normal(size=(5, 4))], [rng.normal(size=5), rng.normal(size=4)]
for epoch in range(20):
    activations = [X]
    for W, b in zip(Ws, bs):
        activations.append(1 / (1 + np.exp(-(activations[-1] @ W + b))))
    delta = activations[-1] - Y
    gradients_W, gradients_b = [], []
    for l in reversed(range(2)):
        gradients_W.insert(0, activations[l].T @ delta / len(X))
        gradients_b.insert(0, delta.sum(axis=0) / len(X))
        delta = delta @ Ws[l].T * activations[l] * (1 - activations[l])
    Ws = [W - 0.5 * dW for W, dW in zip(Ws, gradients_W)]
    bs = [b - 0.5 * db for b, db in zip(bs, gradients_b)]
"""

FILLED = """
weights, biases = [], []
for i, o in ((6, 5), (5, 4)):
    weights.append(rng.normal(size=(o, i)))
    biases.append(rng.normal(size=(o, 1)))
for epoch in range(20):
    nabla_w, nabla_b = [np.zeros(w.shape) for w in weights], [np.zeros(b.shape) for b in biases]
    for x, y in zip(X, Y):
        activations = [x[:, None]]
        for w, b in zip(weights, biases):
            activations.append(1 / (1 + np.exp(-(w @ activations[-1] + b))))
        last = activations[-1] - y[:, None]
        first = weights[1].T @ last * activations[1] * (1 - activations[1])
        nabla_w = [n + d @ a.T for n, d, a in zip(nabla_w, [first, last], activations)]
        nabla_b = [n + d for n, d in zip(nabla_b, [first, last])]
    weights = [w - 0.5 / len(X) * n for w, n in zip(weights, nabla_w)]
    biases = [b - 0.5 / len(X) * n for b, n in zip(biases, nabla_b)]
"""

PER_EXAMPLE = (
    f"W1, b1, W2, b2 = {PARAMETERS}"
    + """
for epoch in range(20):
    sums = [np.zeros_like(W1), np.zeros_like(b1), np.zeros_like(W2), np.zeros_like(b2)]
    for x, y in zip(X, Y):
        a1 = np.maximum(x @ W1 + b1, 0)
        e = np.exp(a1 @ W2 + b2)
        d2 = e / e.sum() - y
        d1 = W2 @ d2 * (a1 > 0)
        sums[0] += np.outer(x, d1)
        sums[1] += d1
        sums[2] += np.outer(a1, d2)
        sums[3] += d2
    dW1, db1, dW2, db2 = [total / len(X) for total in sums]
    W1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2
"""
)


def marked(names, **reasons):
    """Names as parameters; those with a reason are not as they should be yet."""
    return [
        pytest.param(
            name, marks=pytest.mark.xfail(strict=True, raises=(AssertionError, ValueError), reason=reasons[name])
        )
        if name in reasons
        else name
        for name in names
    ]


def training(update, before="", gradients=GRADIENTS):
    """Twenty epochs of an update, written once for all four parameters with P in place of their names."""
    lines = [update.replace("P", name) for name in ("W1", "b1", "W2", "b2")]
    begin = "\n".join(before.replace("P", name) for name in ("W1", "b1", "W2", "b2"))
    body = "\n".join(f"    {line}" for update_lines in lines for line in update_lines.splitlines())
    return f"{FUNCTIONS}{START}{begin}\nfor epoch in range(20):\n    {gradients}\n{body}\n"


STYLES = {
    "functions": training("P = P - 0.1 * dP"),
    "in place": training("P -= 0.1 * dP"),
    "all of its elements": training("P[:] = P - 0.1 * dP"),
    "all of its elements in place": training("P[...] -= 0.1 * dP"),
    "a class": CLASS,
    "lists": LISTS,
    "lists that were filled one by one": FILLED,
    "a dict": training(
        "parameters['P'] = parameters['P'] - 0.1 * dP",
        gradients="dW1, db1, dW2, db2 = backward(X, Y, *parameters.values())",
    ).replace("\nfor epoch", "\nparameters = {'W1': W1, 'b1': b1, 'W2': W2, 'b2': b2}\nfor epoch"),
    "one example after the other": PER_EXAMPLE,
    "momentum": training("vP = 0.9 * vP + dP\nP = P - 0.1 * vP", "vP = np.zeros_like(P)"),
    "momentum with the rate in it": training("vP = 0.9 * vP - 0.1 * dP\nP += vP", "vP = np.zeros_like(P)"),
    "Adam": training(
        "mP = 0.9 * mP + 0.1 * dP\nsP = 0.999 * sP + 0.001 * dP**2\n"
        "P = P - 0.01 * (mP / (1 - 0.9**(epoch + 1))) / (np.sqrt(sP / (1 - 0.999**(epoch + 1))) + 1e-8)",
        "mP, sP = np.zeros_like(P), np.zeros_like(P)",
    ),
    "a list that is made anew": f"{FUNCTIONS}\nparameters = [{PARAMETERS}]\nfor epoch in range(20):\n"
    "    parameters = [p - 0.1 * g for p, g in zip(parameters, backward(X, Y, *parameters))]\n",
    "tuples in a list": f"{FUNCTIONS}\nW1, b1, W2, b2 = {PARAMETERS}\nlayers = [(W1, b1), (W2, b2)]\n"
    "for epoch in range(20):\n    dW1, db1, dW2, db2 = backward(X, Y, *layers[0], *layers[1])\n"
    "    gradients = [(dW1, db1), (dW2, db2)]\n"
    "    layers = [(W - 0.1 * dW, b - 0.1 * db) for (W, b), (dW, db) in zip(layers, gradients)]\n",
    "dicts in a list": f"{FUNCTIONS}\nW1, b1, W2, b2 = {PARAMETERS}\n"
    "layers = [{'W': W1, 'b': b1}, {'W': W2, 'b': b2}]\nfor epoch in range(20):\n"
    "    dW1, db1, dW2, db2 = backward(X, Y, *layers[0].values(), *layers[1].values())\n"
    "    for layer, dW, db in zip(layers, (dW1, dW2), (db1, db2)):\n"
    "        layer['W'] = layer['W'] - 0.1 * dW\n        layer['b'] = layer['b'] - 0.1 * db\n",
    "batches": training("P = P - 0.1 * dP", gradients="X_batch, Y_batch = X[epoch % 2 :: 2], Y[epoch % 2 :: 2]\n    "
                        "dW1, db1, dW2, db2 = backward(X_batch, Y_batch, W1, b1, W2, b2)"),
}  # fmt: skip
"""Right programs that differ in how they hold their parameters and update them."""


@pytest.mark.parametrize("style", STYLES)
def test_parameters_and_steps_are_found(style):
    run = watched(DATA + STYLES[style])
    assert run.error is None
    found = lineages(run.tape)
    assert sorted(lineage.versions[0].value.size for lineage in found) == [4, 5, 20, 30]
    taken = list(steps(run.tape))
    assert len(taken) >= 2
    for step in taken[:2]:
        assert set(step.before) == set(step.after)
        assert all(step.after[l] is not before for l, before in step.before.items())
        assert not step.forward & step.by_labels
    for first, second in zip(taken, taken[1:3]):
        assert all(second.before[l] is after for l, after in first.after.items())


@pytest.mark.parametrize("style", STYLES)
def test_a_right_program_passes_in_every_style(style):
    report = reported(DATA + STYLES[style])
    assert report.passed, str(report)
    assert len(report.parameters) == 4


def test_black_and_white_inputs_are_no_labels():
    report = reported(DATA.replace("rng.random((12, 6))", "(rng.random((12, 6)) < 0.5) * 1.0") + PER_EXAMPLE)
    assert report.passed, str(report)


def test_a_step_that_is_called_delta_has_the_rate_in_it():
    report = reported(DATA + training("delta_P = lr * dP\nP = P - delta_P", "lr = 0.1"))
    assert report.passed, str(report)


def test_weights_that_are_updated_before_the_last_gradient_are_named_at_their_update():
    text = RESIDUAL.replace(
        "    dr = dz @ W2.T\n    dW2, db2 = r.T @ dz, dz.sum(axis=0)\n",
        "    dW2, db2 = r.T @ dz, dz.sum(axis=0)\n    W2 = W2 - 0.1 * dW2\n    dr = dz @ W2.T\n",
    )
    report = reported(DATA + text.replace("    W2 = W2 - 0.1 * dW2\n    b2", "    b2"))
    assert report.findings[0].names == ("carried-updated",), str(report)


MISTAKES = {
    "functions": ("* (a1 > 0)", "", "slope-missing"),
    "in place": ("db2 = d2.sum(axis=0) / m", "db2 = d2.sum() / m", "bias-all-axes"),
    "a class": (" * (self.a1 > 0)", "", "slope-missing"),
    "lists": ("activations[l].T @ delta / len(X)", "activations[l].T @ delta", "weight-mean-missing"),
    "lists that were filled one by one": (
        "last = activations[-1] - y[:, None]",
        "last = activations[-1]",
        "error-labels-missing",
    ),
    "a dict": ("d2 = y - Y", "d2 = Y - y", "error-sign"),
    "momentum": ("d2 = y - Y", "d2 = (y - Y) / m", "error-mean-twice"),
    "Adam": ("* (a1 > 0)", "* a1", "slope-value"),
    "a list that is made anew": ("axis=1", "axis=0", "softmax-axis"),
    "batches": ("m = len(X)", "m = 12", "error-constant"),
}


@pytest.mark.parametrize("style", MISTAKES)
def test_a_mistake_is_named_in_every_style(style):
    old, new, name = MISTAKES[style]
    assert old in STYLES[style]
    report = reported(DATA + STYLES[style].replace(old, new))
    assert not report.passed
    (finding,) = report.findings
    assert name in finding.names, str(report)


def test_a_mistake_is_shown_at_its_line():
    text = DATA + STYLES["functions"].replace("db2 = d2.sum(axis=0) / m", "db2 = d2.sum() / m")
    (finding,) = reported(text).findings
    line = text.splitlines().index("    db2 = d2.sum() / m") + 1
    assert finding.places == (f"line {line}: db2 = d2.sum() / m",)


def test_an_update_uphill_is_named():
    report = reported(DATA + training("P = P + 0.1 * dP"))
    assert not report.passed
    assert {finding.names for finding in report.findings} == {("update-sign",)}


@each("text", ["", "x = 1", DATA, DATA + FUNCTIONS + START + GRADIENTS, DATA + "for i in range(5):\n    X = X * 0.9"])
def test_what_trains_nothing_has_no_report(text):
    assert reported(text) is None


RESIDUAL = """
W1, b1 = rng.normal(size=(6, 6)), rng.normal(size=6)
W2, b2 = rng.normal(size=(6, 4)), rng.normal(size=4)
for epoch in range(20):
    h = np.tanh(X @ W1 + b1)
    r = h * h + h
    z = r @ W2 + b2
    e = np.exp(z - z.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.mean(np.log(p[np.arange(12), labels]))
    dz = (p - Y) / 12
    dr = dz @ W2.T
    dW2, db2 = r.T @ dz, dz.sum(axis=0)
    dh = 2 * dr * h + dr
    da = dh * (1 - h**2)
    dW1, db1 = X.T @ da, da.sum(axis=0)
    W1 = W1 - 0.1 * dW1
    b1 = b1 - 0.1 * db1
    W2 = W2 - 0.1 * dW2
    b2 = b2 - 0.1 * db2
"""


def test_a_network_of_any_form_is_judged_by_autograd_of_its_forward_pass():
    report = reported(DATA + RESIDUAL)
    assert report.passed, str(report)
    assert "autograd of its own forward pass" in report.settings
    assert len(report.parameters) == 4


def test_a_forgotten_path_is_found_at_its_line():
    text = DATA + RESIDUAL.replace("dh = 2 * dr * h + dr", "dh = 2 * dr * h")
    report = reported(text)
    assert {p.name: p.right for p in report.parameters} == {"dW1": False, "db1": False, "dW2": True, "db2": True}
    line = text.splitlines().index("    dh = 2 * dr * h") + 1
    assert any(f"line {line}: dh = 2 * dr * h" in finding.places for finding in report.findings), str(report)


STOPPING = {
    "carried-untransposed": ("d2 @ W2.T", "d2 @ W2"),
    "product-transposed": ("dW2 = a1.T @ d2 / m", "dW2 = a1 @ d2.T / m"),
    "carried-own": ("d2 @ W2.T", "d2 @ W1.T"),
}  # fmt: skip


@each("name", STOPPING)
def test_an_operation_that_raises_is_named_at_its_line(name):
    old, new = STOPPING[name]
    text = DATA + STYLES["functions"].replace(old, new)
    report = reported(text)
    assert not report.passed
    assert "in its first step" in report.problems[0].message
    line = next(i for i, line in enumerate(text.splitlines(), 1) if new in line)
    (finding,) = report.findings
    assert finding.names == (name,)
    assert finding.places[0].startswith(f"line {line}:")


def test_an_operation_that_raises_is_named_where_lists_were_filled():
    text = DATA + FILLED.replace("weights[1].T @ last", "weights[1] @ last")
    (finding,) = reported(text).findings
    assert finding.names == ("carried-untransposed",)


def test_parameters_are_in_the_order_of_their_use_and_not_of_their_making():
    text = """
W2, W1 = rng.normal(size=(5, 4)) * 0.5, rng.normal(size=(6, 5)) * 0.5
for step in range(20):
    h = np.tanh(X @ W1)
    p = np.exp(h @ W2)
    p /= p.sum(axis=1, keepdims=True)
    d = (p - Y) / 12
    dW2, dW1 = h.T @ d, X.T @ (d @ W2.T * (1 - h ** 2))
    W2 -= 0.1 * dW2
    W1 -= 0.1 * dW1
"""
    assert [lineage.name for lineage in lineages(watched(DATA + text).tape)] == ["W1", "W2"]


MADE_FIRST = "V, c = rng.normal(size=(6, 4)), rng.normal(size=4)\n"
ONE_STEP = START + GRADIENTS + "\nW1, b1, W2, b2 = W1 - 0.1 * dW1, b1 - 0.1 * db1, W2 - 0.1 * dW2, b2 - 0.1 * db2\n"
SEVERAL = """
V, c = rng.normal(size=(6, 4)), rng.normal(size=4)
for epoch in range(10):
    d = (softmax(X @ V + c) - Y) / len(X)
    dV, dc = X.T @ d, d.sum(axis=0)
    V -= 0.1 * dV
    c -= 0.1 * dc
"""


@each("programs", [(ONE_STEP, SEVERAL), (SEVERAL, ONE_STEP), (MADE_FIRST, ONE_STEP, SEVERAL.replace(MADE_FIRST, ""))])
def test_of_networks_one_after_another_the_one_with_most_steps_is_judged(programs):
    found = reported(DATA + FUNCTIONS + "".join(programs))
    assert found.passed
    assert found.settings.startswith("6-4 with 12 examples")


def test_what_is_changed_before_any_parameter_is_no_parameter_for_good():
    found = reported(f"""{DATA}
W, b, seen = rng.normal(size=(6, 4)), np.zeros(4), np.zeros(4)
mW, mb = np.zeros_like(W), np.zeros_like(b)
for epoch in range(10):
    for k in range(5):
        seen += Y[k]
    e = np.exp(X @ W + b)
    d = (e / e.sum(axis=1, keepdims=True)).copy()
    d[np.arange(12), labels] -= 1
    d = d / 12
    dW, db = X.T @ d, d.sum(axis=0)
    mW, mb = 0.9 * mW + 0.1 * dW, 0.9 * mb + 0.1 * db
    W, b = W - 0.1 * mW, b - 0.1 * mb
""")
    assert found.passed, found


def test_buffers_of_activations_that_are_filled_anew_are_no_parameters():
    found = reported(f"""{DATA}
w, b = [rng.normal(size=(5, 6)), rng.normal(size=(4, 5))], [np.zeros((1, 5)), np.zeros((1, 4))]
x = [np.zeros((12, n)) for n in (6, 5, 4)]
for epoch in range(10):
    x[0].fill(0)
    x[0] += X
    for i in range(2):
        x[i + 1].fill(0)
        x[i + 1] += np.maximum(x[i] @ w[i].T + b[i], 0) if i == 0 else x[i] @ w[i].T + b[i]
    e = np.exp(x[2] - x[2].max(axis=1, keepdims=True))
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    for i in (1, 0):
        below = d @ w[i] * (x[i] > 0)
        w[i] -= 0.1 * d.T @ x[i]
        b[i] -= 0.1 * d.sum(axis=0, keepdims=True)
        d = below
""")
    assert found.passed, found
    assert len(found.parameters) == 4


LOOPS = f"""{DATA}
images, K, b = X.reshape(12, 1, 6), rng.normal(size=(3, 2)), np.zeros(3)
W = rng.normal(size=(15, 4))
for epoch in range(10):
    z = np.zeros((12, 3, 5))
    for k in range(3):
        for j in range(5):
            z[:, k, j] = np.sum(images[:, 0, j:j + 2] * K[k], axis=1) + b[k]
    h = np.maximum(z, 0).reshape(12, 15)
    s = h @ W
    p = np.exp(s) / np.exp(s).sum(axis=1, keepdims=True)
    d = (p - Y) / 12
    dW = h.T @ d
    dz = (d @ W.T).reshape(12, 3, 5) * (z > 0)
    dK, db = np.zeros((3, 2)), dz.sum(axis=(0, 2))
    for k in range(3):
        for i in range(2):
            dK[k, i] = np.sum(images[:, 0, i:i + 5] * dz[:, k])
    K, b, W = K - 0.1 * dK, b - 0.1 * db, W - 0.1 * dW
"""


def test_convolutions_in_loops_are_judged():
    assert reported(LOOPS).passed
    (finding, *_) = reported(LOOPS.replace("images[:, 0, i:i + 5] * dz", "images[:, 0, 0:5] * dz")).findings
    assert finding.places[0].startswith("line 24"), finding
    assert finding.where == ("dK",)


def test_the_mask_of_a_dropout_on_one_example_is_no_label():
    found = reported(f"""{DATA}
W1, b1 = rng.normal(size=(5, 6)), np.zeros((5, 1))
W2, b2 = rng.normal(size=(4, 5)), np.zeros((4, 1))
for epoch in range(3):
    for x, y in zip(X, Y):
        x, y = x.reshape(-1, 1), y.reshape(-1, 1)
        mask = (np.random.randn(5, 1) > -0.5).astype(int) / 0.7
        z = W1 @ x + b1
        a = np.maximum(z, 0) * mask
        s = W2 @ a + b2
        d2 = np.exp(s) / np.exp(s).sum() - y
        d1 = W2.T @ d2 * mask * (z > 0)
        W2, b2 = W2 - 0.1 * d2 @ a.T, b2 - 0.1 * d2
        W1, b1 = W1 - 0.1 * d1 @ x.T, b1 - 0.1 * d1
""")
    assert found.passed, found
    assert len(found.parameters) == 4


@each("turn", ["T", "transpose()"])
def test_a_gradient_that_the_update_transposes_is_no_transposed_one(turn):
    text = f"""{DATA}
W, b = rng.normal(size=(6, 4)), np.zeros(4)
for epoch in range(10):
    e = np.exp(X @ W + b)
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    dW, db = d.T @ X, d.sum(axis=0)
    W -= 0.1 * dW.{turn}
    b -= 0.1 * db
"""
    assert reported(text).passed
    assert not reported(text.replace("d.T @ X", "2 * d.T @ X")).passed


@each("name", ["cost_grad", "error"])
def test_an_error_before_its_slope_is_no_gradient_whatever_its_name(name):
    found = reported(f"""{DATA}
W, b = rng.normal(size=(4, 6)), np.zeros((4, 1))
for epoch in range(4):
    weight_sum, biases_sum = np.zeros_like(W), np.zeros_like(b)
    for x, y in zip(X, Y):
        x, y = x.reshape(-1, 1), y.reshape(-1, 1)
        a = 1 / (1 + np.exp(-(W @ x + b)))
        {name} = a - y
        delta = np.multiply({name}, a * (1 - a))
        weight_sum, biases_sum = weight_sum + delta @ x.T, np.add(biases_sum, delta)
    W = W - 0.5 / 12 * weight_sum
    b = b - 0.5 / 12 * biases_sum
""")
    assert found.passed, found


@each("wrong", [False, True])
def test_a_rate_that_is_an_attribute_may_stand_in_the_first_factor(wrong):
    found = reported(f"""{DATA}
class Settings:
    learning_rate = 0.05

W = rng.normal(size=(6, 4))
for epoch in range(10):
    e = np.exp(X @ W)
    p = e / e.sum(axis=1, keepdims=True)
    loss = -np.sum(Y * np.log(p)) / len(Y)
    W = W - (Settings.learning_rate * 1 / Y.shape[0]) * X.T @ (p - {2 if wrong else 1} * Y)
""")
    assert found.passed != wrong, found


CHECKED = f"""{DATA}
W, b = rng.normal(size=(6, 4)), np.zeros((1, 4))

def cost(W, b):
    e = np.exp(X @ W + b)
    p = e / e.sum(axis=1, keepdims=True)
    return p, -np.mean(np.sum(Y * np.log(p), axis=1))

def differences(x, h=1e-4):
    grad = np.zeros_like(x)
    for r in range(x.shape[0]):
        for c in range(x.shape[1]):
            MOVES
            grad[r, c] = (more - less) / (2 * h)
    return grad

for epoch in range(10):
    p, loss = cost(W, b)
    d = (p - Y) / 12
    dW, db = X.T @ d, d.sum(axis=0, keepdims=True)
    print(np.abs(differences(W) - dW).max(), np.abs(differences(b) - db).max())
    W = W - 0.1 * dW
    b -= 0.1 * db
"""
MOVES = {
    "with the number kept": ("old = x[r, c]", "x[r, c] = old + h", "x[r, c] = old - h", "x[r, c] = old"),
    "to and fro": ("", "x[r, c] += h", "x[r, c] -= 2 * h", "x[r, c] += h"),
}


@each(("way", "wrong"), [(way, wrong) for way in MOVES for wrong in (False, True)])
def test_a_check_by_differences_in_place_changes_nothing(way, wrong):
    start, up, down, back = MOVES[way]
    moves = [start, up, "more = cost(W, b)[1]", down, "less = cost(W, b)[1]", back]
    text = CHECKED.replace("MOVES", "; ".join(filter(None, moves)))
    found = reported(text.replace("X.T @ d", "2 * X.T @ d") if wrong else text)
    assert found.passed != wrong, found
    assert len(found.parameters) == 2


def test_a_picture_of_two_colours_in_a_window_is_no_label():
    text = f"""{DATA}
images = (X.reshape(12, 1, 6) > 0.5).astype(float)
F, W = rng.normal(size=3), rng.normal(size=(4, 4))
for epoch in range(3):
    for x, y in zip(images[:, 0], Y):
        z = np.zeros(4)
        for j in range(4):
            z[j] = np.sum(x[j:j + 3] * F)
        h = np.tanh(z)
        e = np.exp(h @ W)
        d = e / e.sum() - y
        dz = W @ d * (1 - h ** 2)
        dW, dF = np.outer(h, d), np.array([np.sum(x[k:k + 4] * dz) for k in range(3)])
        W -= 0.1 * dW
        F -= 0.1 * dF
"""
    found = reported(text)
    assert found.passed, found
    assert len(found.parameters) == 2
    assert not reported(text.replace("np.outer(h, d)", "3 * np.outer(h, d) ** 2")).passed
