"""What a graph is said to be."""

import numpy as np
import pytest

from tinygrad_mnist import Tensor, cross_entropy, grad, graph, nn, no_grad
from tinygrad_mnist.engine import GraphError


def leaf(*shape, name=None):
    return Tensor(np.ones(shape), requires_grad=True, name=name)


def scopes(output):
    return {v.label: v.scope for v in graph.describe(output).vertices}


def test_a_description_has_every_value_once_and_inputs_first():
    a = Tensor([1.0, 2.0], requires_grad=True, name="a")
    b = a * 3 + a
    b.name = "b"
    description = graph.describe(b.sum())
    assert [(v.kind, v.label, v.name, v.op, v.shape, v.dtype) for v in description.vertices] == [
        ("parameter", "a", "a", None, (2,), "float32"),
        ("constant", "3", None, None, (), "int"),
        ("operation", "×", None, "mul", (2,), "float32"),
        ("operation", "+", "b", "add", (2,), "float32"),
        ("output", "Σ", None, "sum", (), "float32"),
    ]
    order = [v.key for v in description.vertices]
    assert all(order.index(e.source) < order.index(e.target) for e in description.edges)
    assert [(e.source, e.position) for e in description.edges if e.target == description.key(b)] == [
        (order[2], 0), (order[0], 1),
    ]  # fmt: skip
    assert [v.op for v in description.operations] == ["mul", "add", "sum"]


def test_keys_lead_to_nodes_numbers_and_values():
    a = leaf(2, name="a")
    b = a * 3
    description = graph.describe(b)
    assert description.node(description.key(b)) is b
    (three,) = [v.key for v in description.vertices if v.kind == "constant"]
    assert description.node(three) == 3
    assert description.value(three).shape == ()
    np.testing.assert_array_equal(description.value(description.key(b)), [3, 3])


def test_bare_arrays_are_data():
    a = leaf(3, name="a")
    description = graph.describe((a * np.arange(3)).sum() * np.float64(2))
    bare = [v for v in description.vertices if v.kind in ("data", "constant")]
    assert [(v.kind, v.label, v.shape, v.dtype) for v in bare] == [
        ("data", "data", (3,), "int64"), ("constant", "2", (), "float64"),
    ]  # fmt: skip
    np.testing.assert_array_equal(description.value(bare[0].key), [0, 1, 2])


def test_operations_know_their_parameters_and_the_line_that_made_them():
    x = leaf(3, 2, name="x")
    y = x[1:, np.array([0, 1])].sum(axis=0, keepdims=True)
    by_op = {v.op: v for v in graph.describe(y).vertices}
    assert by_op["getitem"].params == "index=[1:, [0, 1]]"
    assert by_op["sum"].params == "axis=0, keepdims=True"
    assert by_op["sum"].source[0] == __file__
    assert by_op[None].source is None


def test_layers_are_told_from_the_names_of_the_parameters():
    model = nn.MLP((784, 16, 10))
    loss = cross_entropy(model(Tensor(np.zeros((8, 784), np.float32), name="X")), np.arange(8))
    found = scopes(loss)
    assert found["W1"] == found["b1"] == found["leaky_relu"] == ("layer1",)
    assert found["W2"] == found["b2"] == found["@"] == ("layer2",)
    assert found["log_softmax"] == found["Σ×"] == found["÷"] == ("loss",)
    assert {v.scope for v in graph.describe(loss).vertices if v.kind == "data"} == {()}


def test_dotted_names_give_nested_layers():
    x = Tensor(np.ones((1, 2)), name="x")
    found = scopes((x @ leaf(2, 2, name="encoder.first.weight")).relu() @ leaf(2, 2, name="head.weight"))
    assert found["relu"] == ("encoder", "first")
    assert found["@"] == ("head",)


def test_scalar_expressions_and_unnamed_models_have_no_layers():
    x1, w1, x2, w2 = (leaf(name=name) for name in ["x1", "w1", "x2", "w2"])
    assert set(scopes((x1 * w1 + x2 * w2).tanh()).values()) == {()}
    W = leaf(3, 2)
    assert set(scopes(((Tensor(np.ones((4, 3))) @ W).log_softmax() * np.ones((4, 2))).sum()).values()) == {()}


def test_a_penalty_on_the_weights_leaves_the_loss_a_loss():
    W1, y = leaf(3, 2, name="W1"), Tensor(np.ones((4, 2)), name="y")
    fit = (Tensor(np.ones((4, 3)), name="x") @ W1 - y) ** 2
    found = scopes(fit.mean() + 0.01 * (W1**2).sum())
    assert found["−"] == found["+"] == ("loss",)
    assert found["@"] == ("layer1",)


def test_only_a_number_is_a_loss():
    W1 = leaf(3, 2, name="W1")
    logits = Tensor(np.ones((4, 3)), name="x") @ W1
    (slope,) = grad((logits.log_softmax() * np.ones((4, 2))).sum(), [W1], create_graph=True)
    assert ("loss",) not in scopes(slope).values()


def test_a_part_of_the_graph():
    a, b = leaf(2, name="a"), leaf(2, name="b")
    middle = b.exp()
    output = (a.sin() * middle).sum()
    description = graph.describe(output, wrt=[a])
    assert [(v.kind, v.label) for v in description.vertices] == [
        ("parameter", "a"), ("data", "exp"), ("operation", "sin"), ("operation", "×"), ("output", "Σ"),
    ]  # fmt: skip
    assert [v.op for v in description.operations] == ["sin", "mul", "sum"]
    assert [(v.kind, v.label) for v in graph.describe(output, wrt=[middle]).vertices] == [
        ("parameter", "exp"), ("data", "sin"), ("operation", "×"), ("output", "Σ"),
    ]  # fmt: skip


def test_several_outputs_share_one_description():
    a = leaf(2, name="a")
    b = a * 2
    assert [(v.label, v.kind) for v in graph.describe([b.exp(), b]).vertices] == [
        ("a", "parameter"), ("2", "constant"), ("×", "output"), ("exp", "output"),
    ]  # fmt: skip


def test_a_recorded_backward_pass_is_a_graph():
    x = leaf(3, name="x")
    (slope,) = grad((x.tanh() ** 3).sum(), [x], create_graph=True)
    kinds = [v.kind for v in graph.describe(slope).vertices]
    assert kinds.count("output") == 1
    assert kinds.count("parameter") == 1


def test_a_leaf_is_its_own_graph():
    assert [v.kind for v in graph.describe(leaf(1)).vertices] == ["parameter"]


def test_what_has_no_graph_is_told_so():
    x = leaf(2, name="x")
    with no_grad():
        silent = x * 2
    with pytest.raises(GraphError, match="no graph leads to"):
        graph.describe(silent)
    with pytest.raises(GraphError, match=r"does not depend on other \(2,\)"):
        graph.describe(x * 2, wrt=[leaf(2, name="other")])
    for wrong in [np.ones(2), [], 3, [x, "x"]]:
        with pytest.raises(TypeError, match="is a tensor or several, not"):
            graph.describe(wrong)


def test_long_graphs_are_described_without_recursion():
    x = Tensor(1.0, requires_grad=True)
    for _ in range(10_000):
        x = x + 1
    assert len(graph.describe(x).vertices) == 20_001
