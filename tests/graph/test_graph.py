"""What a graph is said to be, and the text of its picture."""

import numpy as np

from tinygrad_mnist import Tensor, cross_entropy, graph, nn


def test_a_description_has_every_value_once_and_inputs_first():
    a = Tensor([1.0, 2.0], requires_grad=True, name="a")
    b = a * 3 + a
    b.name = "b"
    description = graph.describe(b.sum())
    assert [(v.kind, v.label, v.name, v.shape) for v in description.vertices] == [
        ("parameter", "a", "a", (2,)),
        ("number", "3", None, ()),
        ("operation", "×", None, (2,)),
        ("operation", "+", "b", (2,)),
        ("output", "Σ", None, ()),
    ]
    order = [v.key for v in description.vertices]
    assert all(order.index(e.source) < order.index(e.target) for e in description.edges)
    assert len(description.edges) == 5


def test_a_network_shows_parameters_data_and_shapes():
    model = nn.MLP((784, 16, 10))
    loss = cross_entropy(model(Tensor(np.zeros((8, 784), np.float32), name="X")), np.arange(8))
    kinds = {v.name: v.kind for v in graph.describe(loss).vertices if v.name}
    assert kinds == {
        "X": "data", "-y/m": "data", "W1": "parameter", "b1": "parameter", "W2": "parameter", "b2": "parameter",
    }  # fmt: skip
    source = graph.draw(loss).source
    assert source.startswith("digraph")
    for text in ["W1", "leaky_relu", "log_softmax", "8 × 784"]:
        assert text in source


def test_a_leaf_is_its_own_graph():
    assert [v.kind for v in graph.describe(Tensor([1.0], requires_grad=True)).vertices] == ["parameter"]


def test_names_with_quotes_and_markup_stay_text():
    name = 'a "quoted" <b> \\n name'
    source = graph.draw(Tensor([1.0], requires_grad=True, name=name) * 2).source
    assert r'"a \"quoted\" <b> \\n name"' in source


def test_long_graphs_are_described_without_recursion():
    x = Tensor(1.0, requires_grad=True)
    for _ in range(10_000):
        x = x + 1
    assert len(graph.describe(x).vertices) == 20_001
