"""Parameters that are updated part by part: columns, rows, blocks, single numbers, what an index picks."""

from textwrap import indent

import pytest

from tests.grading.watching.runs import DATA, reported

NETWORK = """
W1, b1 = rng.normal(size=(6, 5)) * 0.5, np.zeros(5)
W2, b2 = rng.normal(size=(5, 4)) * 0.5, np.zeros(4)
for epoch in range(20):
    z1 = X @ W1 + b1
    a1 = np.maximum(z1, 0)
    s = a1 @ W2 + b2
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(X)), labels]).mean()
    d2 = (p - Y) / len(X)
    d1 = d2 @ W2.T * (z1 > 0)
    dW1, db1, dW2, db2 = X.T @ d1, d1.sum(0), a1.T @ d2, d2.sum(0)
"""

UPDATES = {
    "columns": """
    for j in range(5):
        W1[:, j] -= 0.1 * dW1[:, j]
        b1[j] -= 0.1 * db1[j]
    for j in range(4):
        W2[:, j] -= 0.1 * (a1.T @ d2[:, j])
        b2[j] -= 0.1 * d2[:, j].sum()
""",
    "rows, with decay": """
    for k in range(6):
        W1[k] = W1[k] - 0.1 * (dW1[k] + 0.01 * W1[k])
    for k in range(5):
        W2[k] = W2[k] - 0.1 * (dW2[k] + 0.01 * W2[k])
    b1 -= 0.1 * db1
    b2 -= 0.1 * db2
""",
    "blocks": """
    W1[:2] -= 0.1 * dW1[:2]
    W1[2:] -= 0.1 * dW1[2:]
    W2[:, :3] += -0.1 * dW2[:, :3]
    W2[:, 3:] += -0.1 * (a1.T @ d2[:, 3:])
    b1[...] -= 0.1 * db1
    b2[:] = b2 - 0.1 * db2
""",
    "numbers": """
    for j in range(5):
        for k in range(6):
            W1[k, j] -= 0.1 * dW1[k][j]
        b1[j] -= 0.1 * db1[j]
    for j in range(4):
        for k in range(5):
            W2[k][j] = W2[k][j] - 0.1 * dW2[k, j]
        b2[j] -= 0.1 * db2[j]
""",
}


@pytest.mark.parametrize("name", UPDATES)
def test_updates_of_parts_are_one_update(name):
    report = reported(DATA + NETWORK + UPDATES[name])
    assert report.passed, report
    assert {p.name for p in report.parameters} == {"dW1", "db1", "dW2", "db2"}


@pytest.mark.parametrize(
    ("name", "right", "wrong", "words", "line"),
    [
        ("columns", "W2[:, j] -=", "W2[:, j] +=", "uphill", "W2[:, j] +="),
        ("columns", "b1[j] -= 0.1 *", "b1[j] += 0.1 *", "uphill", "b1[j] +="),
        ("columns", "a1.T @ d2[:, j]", "a1.T @ d2[:, 0]", "first wrong value", "W2[:, j] -="),
        ("blocks", "W1[2:] -= 0.1", "W1[2:] += 0.1", "first wrong value", "W1[2:] +="),
        ("numbers", "* dW1[k][j]", "* dW1[0][j]", "first wrong value", "W1[k, j] -="),
    ],
)
def test_a_mistake_in_a_part_is_found_in_its_line(name, right, wrong, words, line):
    text = UPDATES[name]
    assert right in text
    report = reported(DATA + NETWORK + text.replace(right, wrong))
    assert not report.passed
    assert words in str(report)
    assert line in str(report)


def test_what_stays_while_its_neighbours_learn_is_found():
    """The last column is never reached."""
    assert not reported(DATA + NETWORK + UPDATES["columns"].replace("range(4)", "range(3)")).passed


EMBEDDING = """
tokens = (X > 0) + 2 * np.arange(6)
E, W = rng.normal(size=(12, 5)) * 0.5, rng.normal(size=(5, 4)) * 0.5
for epoch in range(20):
    h = E[tokens].mean(axis=1)
    s = h @ W
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(len(X)), labels]).mean()
    d = (p - Y) / len(X)
    dh = (d @ W.T)[:, None, :] / 6
"""

SCATTERED = {
    "a gradient": "    dE = np.zeros_like(E)\n    np.add.at(dE, tokens, dh)\n    E -= 0.5 * dE\n",
    "an update": "    np.subtract.at(E, tokens, 0.5 * dh)\n",
    "an update that is added": "    np.add.at(E, tokens, -0.5 * dh)\n",
}
LAST = "    W -= 0.5 * (h.T @ d)\n"


@pytest.mark.parametrize("name", SCATTERED)
def test_what_is_added_at_places_is_judged(name):
    report = reported(DATA + EMBEDDING + SCATTERED[name] + LAST)
    assert report.passed, report
    assert [p.name for p in report.parameters] == ["dE", "dW"]
    wrong = reported(DATA + EMBEDDING.replace(" / 6", "") + SCATTERED[name] + LAST)
    assert [p.right for p in wrong.parameters] == [False, True]


BIGRAM = """
letters = rng.permutation(np.arange(60) % 5)
W, V = rng.normal(size=(5, 5)), np.zeros((5, 5))
for step in range(20):
    i = rng.integers(0, 59, 12)
    x, t = letters[i], letters[i + 1]
    z = W[x]
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), t]).mean()
    dz = p.copy()
    dz[np.arange(12), t] -= 1
    dz /= 12
    dW = np.zeros_like(W)
"""
COUNTED = ("    np.add.at(dW, x, dz)\n", "    for k in range(12):\n        dW[x[k]] += dz[k]\n")
MOVED = ("    W -= 0.5 * dW\n", "    V = 0.9 * V + dW\n    W -= 0.5 * V\n")


@pytest.mark.parametrize("counted", COUNTED)
@pytest.mark.parametrize("moved", MOVED)
def test_rows_of_a_table_may_be_the_outputs_as_they_are(counted, moved):
    report = reported(DATA + BIGRAM + counted + moved)
    assert report.passed, report
    assert [p.name for p in report.parameters] == ["dW"]
    for right, wrong in (("at(dW, x", "at(dW, t"), ("dW[x[k]] +=", "dW[x[k]] ="), ("t] -= 1", "t] -= 2")):
        text = BIGRAM + counted + moved
        assert right not in text or not reported(DATA + text.replace(right, wrong)).passed


def test_a_velocity_of_what_is_added_at_places_is_no_gradient():
    moved = "    dE = np.zeros_like(E)\n    np.add.at(dE, tokens, dh)\n    V = 0.9 * V + dE\n    E -= 0.5 * V\n"
    assert reported(DATA + "V = np.zeros((12, 5))\n" + EMBEDDING + moved + LAST).passed


ROW_BY_ROW = """
tokens = (X > 0) + 2 * np.arange(6)
E, W = rng.normal(size=(12, 5)) * 0.5, rng.normal(size=(5, 4)) * 0.5
for i in list(range(len(X))) * 3:
    h = E[tokens[i]].mean(axis=0)
    s = h @ W
    p = np.exp(s - s.max())
    p /= p.sum()
    loss = -np.log(p[labels[i]])
    d = p - Y[i]
    dh = W @ d
    E[tokens[i]] -= 0.1 * dh / 6
    W -= 0.1 * np.outer(h, d)
"""


def test_what_an_index_picks_is_updated_step_by_step():
    assert reported(DATA + ROW_BY_ROW).passed
    wrong = reported(DATA + ROW_BY_ROW.replace(" / 6", ""))
    assert [p.right for p in wrong.parameters] == [False, True]


IN_A_DICT = """
net = {"w": rng.normal(size=6), "b": 0.0}
t = (labels == 1) * 1.0
for epoch in range(20):
    p = 1 / (1 + np.exp(-(X @ net["w"] + net["b"])))
    loss = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    d = (p - t) / len(X)
    net["w"] -= 0.3 * (X.T @ d)
    net["b"] -= 0.3 * d.sum()
"""


def test_a_number_in_a_dict_is_a_parameter():
    report = reported(DATA + IN_A_DICT)
    assert report.passed, report
    assert len(report.parameters) == 2
    assert "uphill" in str(reported(DATA + IN_A_DICT.replace('net["b"] -=', 'net["b"] +=')))


def test_numbers_in_dicts_are_each_their_own_though_one_literal_made_them():
    start, loop, step = IN_A_DICT.partition("for epoch in range(20):\n")
    start = start.replace(
        'net = {"w": rng.normal(size=6), "b": 0.0}', "nets = [{'w': rng.normal(size=6), 'b': 0.0} for _ in 'abc']"
    )
    report = reported(f"{DATA}{start}{loop}    for net in nets:\n{indent(step, '    ')}")
    assert report.passed, report
    assert len(report.parameters) == 6


SKIP_GRAM = """
V, D = 9, 4
U, C = rng.normal(size=(V, D)) * 0.3, rng.normal(size=(V, D)) * 0.3
for step in range(30):
    c, o, neg = rng.integers(0, V, 16), rng.integers(0, V, 16), rng.integers(0, V, (16, 3))
    u, v, n = U[c], C[o], C[neg]
    pos = 1 / (1 + np.exp(-(u * v).sum(1)))
    ngs = 1 / (1 + np.exp(-np.einsum("bd,bkd->bk", u, n)))
    loss = -(np.log(pos) + np.log(1 - ngs).sum(1)).mean()
    gp, gn = (pos - 1)[:, None] / 16, ngs / 16
    dU, dC = np.zeros_like(U), np.zeros_like(C)
    np.add.at(dU, c, gp * v + np.einsum("bk,bkd->bd", gn, n))
    np.add.at(dC, o, gp * u)
    np.add.at(dC, neg, gn[:, :, None] * u[:, None, :])
    U -= dU
    C -= dC
"""


def test_words_and_their_neighbours_are_judged_without_labels():
    report = reported(DATA + SKIP_GRAM)
    assert report.passed, report
    assert [p.name for p in report.parameters] == ["dU", "dC"]
    wrong = reported(DATA + SKIP_GRAM.replace("np.add.at(dC, o, gp * u)", "np.add.at(dC, c, gp * u)"))
    assert [p.right for p in wrong.parameters] == [True, False]


PENALIZED = """
W = rng.normal(size=(6, 4))
for step in range(20):
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    loss = -(Y * np.log(p)).sum() / 12 + 0.1 / 24 * (W[1:] ** 2).sum()
    dW = X.T @ (p - Y) / 12
    dW[1:] += 0.1 / 12 * W[1:]
    W -= 0.1 * dW
"""


def test_a_penalty_on_parts_of_a_gradient_is_in_it():
    assert reported(DATA + PENALIZED).passed
    assert not reported(DATA + PENALIZED.replace("+= 0.1 / 12", "+= 0.1")).passed
    assert not reported(
        DATA + PENALIZED.replace("dW[1:] +=", "dW[2:] +=").replace("* W[1:]\n    W", "* W[2:]\n    W")
    ).passed


SOFTMAX = """
W, v = rng.normal(size=(6, 4)), np.zeros((6, 4))
for step in range(20):
    p = np.exp(X @ W)
    p /= p.sum(axis=1, keepdims=True)
    loss = -np.log(p[np.arange(12), labels]).mean()
"""

BY_CLASS = {
    "one against the rest": """
    for c in range(4):
        d = p[:, c] - (labels == c)
        W[:, c] = W[:, c] - 0.1 * X.T.dot(d) / 12
""",
    "momentum": """
    g = X.T @ (p - Y) / 12
    for c in range(4):
        v[:, c] = 0.9 * v[:, c] - 0.1 * g[:, c]
        W[:, c] += v[:, c]
""",
    "rows of the error": """
    for c, error in enumerate((p - Y).T / 12):
        W[:, c] -= 0.1 * (X.T @ error)
""",
}


@pytest.mark.parametrize("name", BY_CLASS)
def test_a_class_at_a_time_may_be_updated(name):
    report = reported(DATA + SOFTMAX + BY_CLASS[name])
    assert report.passed, report
    wrong = reported(DATA + SOFTMAX + BY_CLASS[name].replace("p[:, c] -", "p[:, 0] -").replace("(p - Y)", "(p + Y)"))
    assert not wrong.passed


NEURONS = """
class Neuron:
    def __init__(self, n):
        self.w = rng.normal(0, 0.5, n)
        self.b = 0.0

class Layer:
    def __init__(self, n, m):
        self.neurons = [Neuron(n) for _ in range(m)]
    def forward(self, x):
        self.x = x
        return np.array([neuron.w @ x + neuron.b for neuron in self.neurons])
    def backward(self, d, lr):
        dx = np.zeros(len(self.x))
        for neuron, g in zip(self.neurons, d):
            dx += g * neuron.w
            neuron.w -= lr * g * self.x
            neuron.b -= lr * g
        return dx

first, last = Layer(6, 3), Layer(3, 4)
for i in list(range(12)) * 3:
    h = np.tanh(first.forward(X[i]))
    s = last.forward(h)
    p = np.exp(s) / np.exp(s).sum()
    loss = -np.log(p[labels[i]])
    dh = last.backward(p - Y[i], 0.1)
    first.backward(dh * (1 - h ** 2), 0.1)
"""


def test_neurons_that_are_objects_are_judged_each_by_itself():
    report = reported(DATA + NEURONS)
    assert report.passed, report
    assert len(report.parameters) == 2 * (3 + 4)
    wrong = reported(DATA + NEURONS.replace("(1 - h ** 2)", "(1 - h)"))
    assert sum(not p.right for p in wrong.parameters) == 2 * 3


def test_an_element_that_was_updated_before_the_last_gradient_is_named():
    findings = reported(f"""{DATA}
W1, W2 = rng.normal(size=(6, 2)), rng.normal(size=(2, 1))
t = (labels > 1).astype(float)
for epoch in range(3):
    for x, y in zip(X, t):
        h = 1 / (1 + np.exp(-x @ W1))
        p = 1 / (1 + np.exp(-(h @ W2)[0]))
        loss = -y * np.log(p) - (1 - y) * np.log(1 - p)
        for k in range(2):
            W2[k][0] = W2[k][0] - 0.3 * (p - y) * h[k]
        for k in range(2):
            for j in range(6):
                W1[j][k] = W1[j][k] - 0.3 * (p - y) * W2[k][0] * h[k] * (1 - h[k]) * x[j]
""").findings
    assert ("carried-updated",) in [finding.names for finding in findings]


NUMBERS = """
x, t = X[:, 0], 3 * X[:, 0] + 1
slope = offset = ZERO
for epoch in range(20):
    error = slope * x + offset - t
    slope_gradient, offset_gradient = 2 * (error * x).mean(), 2 * error.mean()
    slope -= 0.1 * slope_gradient
    offset = offset - 0.1 * offset_gradient
"""
BIASES = """
W1, W2, b1, b2 = rng.normal(size=(6, 5)), rng.normal(size=(5, 4)), ZERO, ZERO
for epoch in range(20):
    h = np.tanh(X @ W1 + b1)
    e = np.exp(h @ W2 + b2)
    d = (e / e.sum(axis=1, keepdims=True) - Y) / 12
    dh = d @ W2.T * (1 - h ** 2)
    b1, b2 = b1 - 0.1 * dh.sum(axis=0), b2 - 0.1 * d.sum(axis=0)
    W1, W2 = W1 - 0.1 * X.T @ dh, W2 - 0.1 * h.T @ d
    b1 += 0 * b1
    b2 += 0 * b2
"""
ATTRIBUTE = """
class Regression:
    def fit(self, X, t):
        self.weights, self.bias = np.zeros(6), ZERO
        for epoch in range(20):
            p = 1 / (1 + np.exp(-(X @ self.weights + self.bias)))
            self.weights -= 0.1 * X.T @ (p - t) / 12
            self.bias -= 0.1 * np.mean(p - t)
Regression().fit(X, labels == 1)
"""


@pytest.mark.parametrize("zero", ["0", "0.0"])
@pytest.mark.parametrize(
    ("program", "line", "broken"),
    [
        (NUMBERS, "2 * error.mean()", "2 * error.mean() * 12"),
        (BIASES, "dh.sum(axis=0)", "dh.mean(axis=0)"),
        (ATTRIBUTE, "np.mean(p - t)", "np.sum(p - t)"),
    ],
)
def test_what_begins_as_a_number_that_is_written_is_judged(program, line, broken, zero):
    right = reported(DATA + program.replace("ZERO", zero))
    assert right.passed, right
    assert len(right.parameters) == (4 if program is BIASES else 2)
    wrong = reported(DATA + program.replace("ZERO", zero).replace(line, broken))
    assert len([p for p in wrong.parameters if not p.right]) == 1
    assert wrong.findings
