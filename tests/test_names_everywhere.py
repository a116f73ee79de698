"""Every reading calls a value the same: z1, a1, δ1, W1, b1, ŷ, whatever the model is made of."""

import json
import re

import numpy as np
import pytest

from tinygrad_mnist import Tensor, compare, cross_entropy, graph, manual, nn
from tinygrad_mnist.graph.page.writing import account

LABELS = np.arange(8) % 10


def rows(*shape):
    return np.random.default_rng(0).random(shape, np.float32)


def leaves(*named):
    rng = np.random.default_rng(1)
    return [Tensor(rng.standard_normal(shape) * 0.3, requires_grad=True, name=name) for name, shape in named]


class Own(nn.Module):
    """A module of one's own, whose parts have names of their own."""

    def __init__(self):
        self.hidden, self.out = nn.Linear(20, 16), nn.Linear(16, 10)

    def forward(self, x):
        return self.out(self.hidden(x).tanh())


class Nested(nn.Module):
    """Parts within parts, kept in a list."""

    def __init__(self):
        self.blocks = [nn.Sequential(nn.Linear(20, 16), nn.ReLU()), nn.Sequential(nn.Linear(16, 10))]

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return x


def of_model(make, *shape):
    nn.manual_seed(0)
    model = make()
    return model, list(model.parameters()), rows(8, *shape), LABELS


def hand_named():
    W1, b1, W2, b2 = leaves(("W1", (16, 20)), ("b1", (16,)), ("W2", (10, 16)), ("b2", (10,)))
    return lambda X: (X @ W1.T + b1).relu() @ W2.T + b2, [W1, b1, W2, b2], rows(8, 20), LABELS


def unnamed():
    W1, b1, W2, b2 = leaves((None, (20, 16)), (None, (16,)), (None, (16, 10)), (None, (10,)))
    return lambda X: (X @ W1 + b1).relu() @ W2 + b2, [W1, b1, W2, b2], rows(8, 20), LABELS


def columns():
    W1, b1, W2, b2 = leaves(("W1", (16, 20)), ("b1", (16, 1)), ("W2", (10, 16)), ("b2", (10, 1)))
    return lambda X: W2 @ (W1 @ X + b1).relu() + b2, [W1, b1, W2, b2], rows(20, 8), LABELS


def one_example():
    W1, b1, W2, b2 = leaves(("W1", (16, 20)), ("b1", (16,)), ("W2", (10, 16)), ("b2", (10,)))
    return lambda x: W2 @ (W1 @ x + b1).relu() + b2, [W1, b1, W2, b2], rows(20), 3


def sequential(*between):
    return lambda: nn.Sequential(nn.Linear(20, 16), *between, nn.Linear(16, 10))


MODELS = {
    "MLP": lambda: of_model(lambda: nn.MLP((20, 16, 10)), 20),
    "Sequential": lambda: of_model(sequential(nn.ReLU()), 20),
    "batch norm": lambda: of_model(sequential(nn.BatchNorm1d(16), nn.ReLU()), 20),
    "layer norm": lambda: of_model(sequential(nn.LayerNorm(16), nn.GELU()), 20),
    "dropout": lambda: of_model(sequential(nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.3)), 20),
    "nested": lambda: of_model(Nested, 20),
    "own": lambda: of_model(Own, 20),
    "CNN": lambda: of_model(lambda: nn.network("1x10x10,4c3,mp2,10"), 1, 10, 10),
    "hand-named": hand_named,
    "unnamed": unnamed,
    "columns": columns,
    "one example": one_example,
}
IN_COLUMNS = {"columns", "one example"}
NAMES = {"W1", "b1", "z1", "a1", "W2", "b2", "z2"}
ERRORS = {"δ1", "δ2"}


def read(text):
    """The names that a formula mentions."""
    return set(re.findall(r"[A-Za-zδ]\d|ŷ", text))


@pytest.fixture(params=MODELS)
def case(request):
    return request.param, *MODELS[request.param]()


@pytest.fixture
def program(case):
    name, model, wrt, X, labels = case
    logits = model(X)
    if name == "columns":
        Y = np.eye(10)[labels].T
        return -(logits.log_softmax(axis=0) * Y).sum(axis=0).mean(), wrt
    return cross_entropy(logits, labels), wrt


def test_explain_arrives_at_prediction_minus_truth_by_the_names_of_the_books(program):
    loss, wrt = program
    explanation = graph.explain(loss, wrt)
    assert NAMES | ERRORS | {"ŷ"} <= read(str(explanation))
    (together,) = [section for section in explanation.sections if section.title.startswith("Together")]
    found = {e.left.text: e.right.text for e in together.equations}
    assert re.fullmatch(r"\(ŷ − [yc]\) / m|ŷ − y", found["δ2 = ∂L/∂z2"])


def test_the_source_assigns_to_them(program):
    loss, wrt = program
    source = graph.to_numpy(loss, wrt)
    assigned = set(re.findall(r"^    (\w+) = ", source, re.M))
    arguments = set(re.search(r"def loss_and_gradients\((.*?)\)", source, re.S)[1].replace(",", " ").split())
    assert {"z1", "a1", "z2", "y_hat", "delta1", "delta2", "dW1", "db1", "dW2", "db2"} <= assigned
    assert {"W1", "b1", "W2", "b2"} <= arguments


def test_the_description_and_the_page_have_them(program):
    loss, _ = program
    assert NAMES | {"log ŷ"} <= {vertex.name for vertex in graph.describe(loss).vertices}
    page = json.loads(json.dumps(account(loss)))
    assert NAMES | {"log ŷ"} <= {vertex["name"] for vertex in page["vertices"]}
    assert {vertex["name"]: vertex["error"] for vertex in page["vertices"] if vertex["error"]} == {
        "z1": "δ1",
        "z2": "δ2",
    }


def test_pictures_show_them(program):
    loss, _ = program
    for text in (graph.draw(loss, backward=True).source, graph.mermaid(loss, backward=True)):
        assert NAMES | ERRORS | {"ŷ"} <= read(text)


def test_a_comparison_has_their_rows_and_they_agree(case):
    name, model, _, X, labels = case
    derivation = manual.columns if name in IN_COLUMNS else manual.rows
    comparison = compare(model, (X, labels), derivation, repeats=1)
    quantities = {f"{row.quantity}{row.layer}" for row in comparison.rows}
    assert {"z1", "a1", "z2", "a2", "δ1", "δ2", "∂L/∂W1", "∂L/∂b1", "∂L/∂W2", "∂L/∂b2"} <= quantities
    assert comparison.passed, str(comparison)
    assert comparison["δ(2)"].formula == "ŷ - y"
