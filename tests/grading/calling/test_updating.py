"""Updates in files that only define functions or a class are called, whatever they take, and their mistakes named."""

import pytest

from tests.grading.calling.signatures import BODY, FORWARD, HEAD
from tests.grading.programs import graded

GIVEN = (
    FORWARD.format("W1, b1, W2, b2, X", "Z1, A1, Z2, A2")
    + f"def backward_prop(Z1, A1, Z2, A2, W1, W2, X, Y):\n{BODY}\n    return dW1, db1, dW2, db2\n\n"
)

NET = """
class Net:
    def __init__(self, n_in=6, n_hidden=5, n_out=10, lr=0.1):
        self.lr = lr
        self.W1, self.b1 = np.random.randn(n_in, n_hidden), np.zeros(n_hidden)
        self.W2, self.b2 = np.random.randn(n_hidden, n_out), np.zeros(n_out)

    def forward(self, x):
        self.x = x
        self.h = np.maximum(x @ self.W1 + self.b1, 0)
        self.y = softmax(self.h @ self.W2 + self.b2, 1)
        return self.y

    def backward(self, t):
        d2 = (self.y - t) / len(t)
        d1 = d2 @ self.W2.T * (self.h > 0)
        self.dW2, self.db2 = self.h.T @ d2, d2.sum(axis=0)
        self.dW1, self.db1 = self.x.T @ d1, d1.sum(axis=0)

"""

EACH = """
def update_params(W1, b1, W2, b2, dW1, db1, dW2, db2, alpha):
    W1 = W1 - alpha * dW1
    b1 = b1 - alpha * db1
    W2 = W2 - alpha * dW2
    b2 = b2 - alpha * db2
    return W1, b1, W2, b2
"""
COURSE = """
def update_parameters(parameters, grads, learning_rate=1.2):
    L = len(parameters) // 2
    for l in range(1, L + 1):
        parameters[f"W{l}"] = parameters[f"W{l}"] - learning_rate * grads[f"dW{l}"]
        parameters[f"b{l}"] = parameters[f"b{l}"] - learning_rate * grads[f"db{l}"]
    return parameters
"""
ITEMS = """
def sgd(params, grads, lr=0.1):
    for key in params:
        params[key] -= lr * grads[key]
"""
LISTS = """
def step(params, grads, lr):
    for p, g in zip(params, grads):
        p -= lr * g
"""
MOMENTUM = """
def update_with_momentum(parameters, grads, v, beta, learning_rate):
    for l in (1, 2):
        for p in "Wb":
            v[f"d{p}{l}"] = beta * v[f"d{p}{l}"] + (1 - beta) * grads[f"d{p}{l}"]
            parameters[f"{p}{l}"] = parameters[f"{p}{l}"] - learning_rate * v[f"d{p}{l}"]
    return parameters, v
"""
ADAM = """
def update_adam(parameters, grads, v, s, t, learning_rate=0.01, beta1=0.9, beta2=0.999, epsilon=1e-8):
    for l in (1, 2):
        for p in ("W", "b"):
            g = grads["d" + p + str(l)]
            v["d" + p + str(l)] = beta1 * v["d" + p + str(l)] + (1 - beta1) * g
            s["d" + p + str(l)] = beta2 * s["d" + p + str(l)] + (1 - beta2) * g ** 2
            m, r = v["d" + p + str(l)] / (1 - beta1 ** t), s["d" + p + str(l)] / (1 - beta2 ** t)
            parameters[p + str(l)] = parameters[p + str(l)] - learning_rate * m / (np.sqrt(r) + epsilon)
    return parameters, v, s
"""
TWO = """
def update_weights(params, grads, lr):
    for l in (1, 2):
        params[f"W{l}"] = params[f"W{l}"] - lr * grads[f"dW{l}"]
    return params

def update_biases(params, grads, lr):
    for l in (1, 2):
        params[f"b{l}"] = params[f"b{l}"] - lr * grads[f"db{l}"]
    return params
"""
STEP = """
    def step(self):
        self.W1 -= self.lr * self.dW1
        self.b1 -= self.lr * self.db1
        self.W2 -= self.lr * self.dW2
        self.b2 -= self.lr * self.db2
"""
DECAYED = """
    def apply_gradients(self, lr, reg=1e-3):
        self.W1 = self.W1 - lr * (self.dW1 + reg * self.W1)
        self.b1 = self.b1 - lr * self.db1
        self.W2 = self.W2 - lr * (self.dW2 + reg * self.W2)
        self.b2 = self.b2 - lr * self.db2
"""

PROGRAMS = {
    "each by its name": HEAD + GIVEN + EACH, "the course's dicts": HEAD + GIVEN + COURSE,
    "one loop": HEAD + GIVEN + ITEMS, "lists": HEAD + GIVEN + LISTS, "momentum": HEAD + GIVEN + MOMENTUM,
    "Adam": HEAD + GIVEN + ADAM, "weights and biases apart": HEAD + GIVEN + TWO,
    "a method": HEAD + NET + STEP, "with decay": HEAD + NET + DECAYED,
}  # fmt: skip

MISTAKES = [
    ("each by its name", "    b1 = b1 - alpha * db1", "    db1 = b1 - alpha * db1", ("update-missing", "b(1)")),
    ("each by its name", "b2 - alpha * db2", "b2 - alpha * db1", ("update-swapped", "b(2)")),
    ("each by its name", "W2 - alpha * dW2", "W2 + alpha * dW2", ("update-sign", "W(2)")),
    ("the course's dicts", 'grads[f"db{l}"]', 'grads[f"dW{l}"]', ("update-swapped", "b(1)", "b(2)")),
    ("the course's dicts", "range(1, L + 1)", "range(1, L)", ("update-missing", "W(2)", "b(2)")),
    ("one loop", "-=", "+=", ("update-sign", "W(1)", "b(1)", "W(2)", "b(2)")),
    ("lists", "-=", "+=", ("update-sign", "W(1)", "b(1)", "W(2)", "b(2)")),
    ("momentum", "- learning_rate", "+ learning_rate", ("update-sign", "W(1)", "b(1)", "W(2)", "b(2)")),
    ("Adam", "- learning_rate", "+ learning_rate", ("update-sign", "W(1)", "b(1)", "W(2)", "b(2)")),
    ("weights and biases apart", 'params[f"b{l}"] -', 'params[f"b{l}"] +', ("update-sign", "b(1)", "b(2)")),
    ("a method", "self.b1 -=", "self.b2 -=", ("update-missing", "b(1)")),
    ("with decay", "self.b2 - lr", "self.b2 + lr", ("update-sign", "b(2)")),
]  # fmt: skip


@pytest.mark.parametrize("kind", PROGRAMS)
def test_a_right_update_passes_whatever_it_takes(tmp_path, kind):
    report = graded(tmp_path, PROGRAMS[kind])
    assert report.passed, str(report)


@pytest.mark.parametrize(("kind", "old", "new", "said"), MISTAKES)
def test_a_mistake_in_an_update_is_named(tmp_path, kind, old, new, said):
    assert old in PROGRAMS[kind]
    report = graded(tmp_path, PROGRAMS[kind].replace(old, new))
    assert all(p.right for p in report.parameters)
    name, *parameters = said
    found = {where.removeprefix("update of ") for f in report.findings if f.names == (name,) for where in f.where}
    assert found == set(parameters), str(report)
    assert {f.names for f in report.findings} == {(name,)}


UNTOLD = {
    "an argument that nothing is known of": EACH.replace("alpha)", "alpha, f)").replace("- alpha *", "+ f() *"),
    "no update at all": "\ndef update_history(history, params, grads):\n    history.append(params)\n",
    "the gradients alone": "\ndef apply_momentum(grads, v):\n    return {k: 0.9 * v[k] + grads[k] for k in grads}\n",
    "globals": "\ndef update(lr):\n    global W1\n    W1 = W1 + lr * dW1\n",
    "one layer": "\ndef update(params, grads, lr, layer=2):\n    params[f'W{layer}'] += lr * grads[f'dW{layer}']\n",
    "another's layer": "\ndef update_layer(layer, grads, lr):\n    layer.W += lr * grads.dW\n",
}  # fmt: skip


@pytest.mark.parametrize("kind", UNTOLD)
def test_what_cant_be_called_or_is_no_update_says_nothing(tmp_path, kind):
    report = graded(tmp_path, HEAD + GIVEN + UNTOLD[kind])
    assert report.passed, str(report)
