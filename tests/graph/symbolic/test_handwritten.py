"""A forward pass that a learner wrote out in NumPy reads like the book: each idiom, and what they come to together."""

import numpy as np
import pytest

from tests.each import each
from tests.graph.symbolic.test_explanation import equations
from tinygrad_mnist import Tensor, grad, graph
from tinygrad_mnist.graph.symbolic.handwritten import IDIOMS, PICKED, read
from tinygrad_mnist.graph.symbolic.idioms.operands import same

EXAMPLES = {entry.read.__name__: entry for entry in (*IDIOMS, *PICKED)}
CLASSES = np.array([0, 1, 2, 2, 1, 0])
RNG = np.random.default_rng(7)


def leaf(array, name, learns=True):
    return Tensor(np.asarray(array, np.float64), requires_grad=learns, name=name)


@pytest.fixture
def columns():
    shapes = {"W1": (5, 7), "b1": (5, 1), "W2": (3, 5), "b2": (3, 1)}
    data = leaf(RNG.random((7, 6)), "X", False), leaf(np.eye(3)[:, CLASSES], "Y", False)
    return [*(leaf(RNG.normal(size=shape), name) for name, shape in shapes.items()), *data]


@pytest.fixture
def rows():
    shapes = {"W1": (7, 5), "b1": (1, 5), "W2": (5, 3), "b2": (1, 3)}
    data = leaf(RNG.random((6, 7)), "X", False), leaf(np.eye(3)[CLASSES], "Y", False)
    return [*(leaf(RNG.normal(size=shape), name) for name, shape in shapes.items()), *data]


@each("entry", EXAMPLES.values())
def test_each_idiom_reads_its_example_as_what_it_is_with_the_same_derivatives(entry):
    z = leaf(RNG.normal(size=(3, 4)), "z")
    loss = (entry.example(z) * leaf(1.5, "c", False)).sum()
    reading = read(loss, [z], guarded=entry.name != "log")
    operations = {str(node.op) for node in graph.recording.Recording(reading.output).operations}
    wanted = {"softmax": {"exp", "log_softmax"}}.get(entry.name, {entry.name})
    assert wanted <= operations
    np.testing.assert_allclose(reading.output.data, loss.data, rtol=1e-7)
    np.testing.assert_allclose(grad(reading.output, [z])[0].data, grad(loss, [z])[0].data, rtol=1e-6, atol=1e-12)


SOFTMAX_IN_COLUMNS = {
    "shifted": lambda z: np.exp(z - z.max(axis=0)) / np.exp(z - z.max(axis=0)).sum(axis=0),
    "shifted, axes kept": lambda z: (e := np.exp(z - np.max(z, axis=0, keepdims=True))) / e.sum(axis=0, keepdims=True),
    "shifted by the largest of all": lambda z: (e := np.exp(z - np.max(z))) / np.sum(e, axis=0),
    "as it is": lambda z: np.exp(z) / np.sum(np.exp(z), axis=0),
    "by Python's sum": lambda z: np.exp(z) / sum(np.exp(z)),
}


@each("softmax", SOFTMAX_IN_COLUMNS.values())
def test_a_softmax_in_columns_becomes_the_prediction_less_the_labels(softmax, columns):
    W1, b1, W2, b2, X, Y = columns
    A2 = softmax(W2.dot(np.maximum(W1.dot(X) + b1, 0)) + b2)
    explanation = graph.explain(-np.sum(Y * np.log(A2)) / 6, columns[:4])
    assert equations(explanation, "Forward") == {
        "z1": "W1 X + b1", "a1": "relu(z1)", "z2": "W2 a1 + b2", "ŷ": "softmax_rows(z2)", "L": "−Σ (Y ⊙ log(ŷ)) / m",
    }  # fmt: skip
    assert equations(explanation, "Together") == {
        "δ2 = ∂L/∂z2": "(ŷ − Y) / m",
        "∂L/∂W2": "δ2 a1ᵀ",
        "∂L/∂b2": "Σ_columns δ2",
        "δ1 = ∂L/∂z1": "(W2ᵀ δ2) ⊙ relu'(z1)",
        "∂L/∂W1": "δ1 Xᵀ",
        "∂L/∂b1": "Σ_columns δ1",
    }
    where = equations(explanation, "Where")
    assert where["relu'(z1)"] == "[z1 > 0]"
    assert where["relu(z1)"] == "max(z1, 0)"


LOSSES = {
    "of all": lambda A, Y: -np.sum(Y * np.log(A)) / 6,
    "mean of sums": lambda A, Y: -np.mean(np.sum(Y * np.log(A), axis=1)),
    "one sixth": lambda A, Y: -(1 / 6) * np.sum(Y * np.log(A)),
    "plain labels": lambda A, Y: -np.sum(np.multiply(Y.numpy(), np.log(A))) / 6,
    "at the class": lambda A, Y: -np.log(A[np.arange(6), CLASSES]).mean(),
    "at the class, summed": lambda A, Y: np.sum(-np.log(A[range(6), CLASSES])) / 6,
    "of the labelled": lambda A, Y: np.mean(-np.log(np.sum(A * Y, axis=1))),
}


@each("loss", LOSSES.values())
@each("name", [None, "A2"])
def test_cross_entropy_in_rows_becomes_the_prediction_less_the_labels(loss, name, rows):
    W1, b1, W2, b2, X, Y = rows
    z2 = np.maximum(0, X.dot(W1) + b1).dot(W2) + b2
    e = np.exp(z2 - z2.max(axis=1, keepdims=True))
    A2 = e / e.sum(axis=1, keepdims=True)
    A2.name = name
    found = equations(graph.explain(loss(A2, Y), [W2]), "Together")["δ2 = ∂L/∂z2"]
    assert found.replace("− y", "− Y") == f"({name or 'ŷ'} − Y) / m"


def test_a_softmax_over_the_wrong_axis_is_not_read_as_one():
    z = leaf(RNG.normal(size=(3, 3)), "z")
    wrong = np.exp(z) / np.sum(np.exp(z), axis=1)
    assert "softmax" not in str(graph.explain((wrong * wrong).sum(), [z]))


def test_what_is_asked_for_stays():
    z = leaf(RNG.normal(size=(3, 4)), "z")
    e = np.exp(z)
    e.name = "e"
    explanation = graph.explain(-np.log(e / e.sum(axis=1, keepdims=True)).sum(), [e])
    assert "∂L/∂e" in equations(explanation, "Together")


@pytest.mark.parametrize("guard", [lambda A: A + 1e-8, lambda A: np.clip(A, 1e-8, 1 - 1e-8)])
@pytest.mark.parametrize("labelled", [False, True])
def test_what_a_guard_changes_is_said(guard, labelled, rows):
    W1, b1, W2, b2, X, Y = rows
    e = np.exp(np.maximum(0, X.dot(W1) + b1).dot(W2) + b2)
    A2 = guard(e / e.sum(axis=1, keepdims=True))
    loss = -np.log(A2[np.arange(6), CLASSES]).mean() if labelled else -np.sum(Y * np.log(A2)) / 6
    explanation = graph.explain(loss, [W1, W2])
    (aside,) = [e for e in explanation.sections[-1].equations if "without" in e.left.text]
    assert aside.left.text == "δ2 without 1e-8"
    assert aside.right.text in ("(ŷ − Y) / m", "(ŷ − y) / m")
    assert "the same here" in aside.remark or "no element differs by more than" in aside.remark
    for text in (explanation.latex(), explanation.mathml()):
        assert "without 1e-8" in text


ACTIVATIONS = {
    "relu": lambda z: z * (z > 0),
    "relu, a mask of numbers": lambda z: z * (z > 0).astype(float),
    "relu, a choice": lambda z: np.where(z > 0, z, 0),
    "relu, max(0, z)": lambda z: np.maximum(0, z),
    "leaky_relu": lambda z: np.where(z > 0, z, 0.01 * z),
    "leaky_relu, max(c z, z)": lambda z: np.maximum(0.01 * z, z),
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "sigmoid, of exp(z)": lambda z: np.exp(z) / (1 + np.exp(z)),
    "sigmoid, in words": lambda z: np.reciprocal(np.add(1, np.exp(np.negative(z)))),
    "sigmoid, either side": lambda z: np.where(z >= 0, 1 / (1 + np.exp(-z)), np.exp(z) / (1 + np.exp(z))),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
}


@each("activation", ACTIVATIONS)
def test_activations_have_the_slopes_of_the_book(activation, columns):
    W1, b1, W2, b2, X, Y = columns
    a1 = ACTIVATIONS[activation](W1.dot(X) + b1)
    explanation = graph.explain(np.sum((W2.dot(a1) + b2 - Y) ** 2), [W1])
    name = activation.partition(",")[0]
    assert equations(explanation, "Together")["δ1 = ∂L/∂z1"].endswith(f"⊙ {name}'(z1)")
    slopes = {
        "relu": "[z1 > 0]",
        "leaky_relu": "(1 if z1 > 0 else 0.01)",
        "sigmoid": "a1 ⊙ (1 − a1)",
        "tanh": "1 − a1^2",
    }
    assert equations(explanation, "Where")[f"{name}'(z1)"] == slopes[name]


def test_ties_of_maximum_are_counted():
    z = leaf([[0.0, 1.0, -1.0, 0.0]], "z")
    (aside,) = [
        e for e in graph.explain((np.maximum(z, 0) ** 2).sum(), [z]).sections[-1].equations if e.left.text == "relu(z)"
    ]
    assert aside.remark == "where z = 0, np.maximum takes the mean of both slopes, at 2 of 4 elements here"


LOG_LOSSES = {
    "sum": lambda A, Y: -np.sum(Y * np.log(A) + (1 - Y) * np.log(1 - A)) / 6,
    "multiply": lambda A, Y: -np.sum(np.multiply(np.log(A), Y) + np.multiply(np.log(1 - A), 1 - Y)) / 6,
    "plain labels": lambda A, Y: -np.mean(Y.numpy() * np.log(A) + (1 - Y.numpy()) * np.log(1 - A)),
    "whole numbers": lambda A, Y: -np.mean((y := Y.numpy().astype(int)) * np.log(A) + (1 - y) * np.log(1 - A)),
    "products": lambda A, Y: np.squeeze(-(np.dot(Y, np.log(A).T) + np.dot(1 - Y, np.log(1 - A).T)) / 6),
}


@each("loss", LOG_LOSSES.values())
def test_sigmoid_and_log_loss_become_the_prediction_less_the_labels(loss, columns):
    W1, b1, _, _, X, _ = columns
    W2, b2, Y = leaf(RNG.normal(size=(1, 5)), "W2"), leaf([[0.1]], "b2"), leaf([[0, 1, 1, 0, 1, 0]], "Y", False)
    A2 = 1 / (1 + np.exp(-(np.dot(W2, np.tanh(np.dot(W1, X) + b1)) + b2)))
    explanation = graph.explain(loss(A2, Y), [W1, b1, W2, b2])
    found = equations(explanation, "Together")
    assert found["δ2 = ∂L/∂z2"].replace("y", "Y") == "(a2 − Y) / m"
    assert found["δ1 = ∂L/∂z1"] == "(W2ᵀ δ2) ⊙ tanh'(z1)"
    assert "reshape" not in equations(explanation, "Forward")["L"]


WHITEBOARD = {
    "sum": lambda z, y: -np.sum(y * np.log((e := np.exp(z - z.max())) / e.sum())),
    "dot": lambda z, y: -np.dot(y, np.log((e := np.exp(z)) / np.sum(e))),
    "at the class": lambda z, y: -np.log(((e := np.exp(z)) / e.sum())[1]),
    "axes": lambda z, y: (
        -np.sum(
            y * np.log((e := np.exp(z - z.max(axis=-1, keepdims=True))) / e.sum(axis=-1, keepdims=True)), axis=-1
        ).mean()
    ),
    "of the library": lambda z, y: -(y * z.log_softmax()).sum(),
}


@each("loss", WHITEBOARD.values())
def test_one_example_is_written_as_on_a_whiteboard(loss):
    W1, b1, W2, b2 = (leaf(RNG.normal(size=s), n) for n, s in zip(("W1", "b1", "W2", "b2"), ((5, 7), 5, (3, 5), 3)))
    x, y = leaf(RNG.random(7), "x", False), leaf([0, 1, 0], "y", False)
    explanation = graph.explain(loss(W2 @ np.maximum(W1 @ x + b1, 0) + b2, y), [W1, b1, W2, b2])
    assert equations(explanation, "Together") == {
        "δ2 = ∂L/∂z2": "ŷ − y",
        "∂L/∂W2": "δ2 a1ᵀ",
        "∂L/∂b2": "δ2",
        "δ1 = ∂L/∂z1": "(W2ᵀ δ2) ⊙ relu'(z1)",
        "∂L/∂W1": "δ1 xᵀ",
        "∂L/∂b1": "δ1",
    }
    assert equations(explanation, "Forward")["L"] == "−Σ (y ⊙ log(ŷ))"
    assert "reshape" not in str(explanation)


def test_logistic_regression_of_one_example():
    w, b, x, y = leaf(RNG.normal(size=7), "w"), leaf(0.3, "b"), leaf(RNG.random(7), "x", False), leaf(1, "y", False)
    a = 1 / (1 + np.exp(-(np.dot(w, x) + b)))
    found = equations(graph.explain(-(y * np.log(a) + (1 - y) * np.log(1 - a)), [w, b]), "Together")
    assert found["∂L/∂b"] == "t1 − y"


def test_the_program_that_is_written_out_is_the_one_that_was_run(columns):
    W1, b1, *_, X, _ = columns
    source = graph.to_numpy(np.maximum(W1.dot(X) + b1, 0).sum(), [W1])
    assert "np.maximum" in source


def test_what_is_computed_with_other_arrays_is_not_the_same_however_long_they_are():
    x, places = Tensor(np.arange(2000.0), requires_grad=True), np.arange(2000)
    others = np.where(places == 1000, 1900, places)
    assert same(x[places, None], x[places.copy(), None])
    assert not same(x[places], x[others])
    assert same(x * places, x * places.copy())
    assert not same(x * places, x * others)
    assert not same(x[1:5], x[1:6])
    assert same(x[1:5], x[1:5])
