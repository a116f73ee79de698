"""What is a layer, and what its values are called."""

import numpy as np

from tests.each import each
from tinygrad_mnist import Tensor, cross_entropy, grad, nn
from tinygrad_mnist.graph.layers import Layers, error_of
from tinygrad_mnist.graph.recording import Recording

X = np.random.default_rng(0).random((8, 20), np.float32)
LABELS = np.arange(8) % 10


def leaf(name, *shape):
    return Tensor(np.random.default_rng(1).standard_normal(shape), requires_grad=True, name=name)


def layers(output, **options):
    return Layers(Recording(output), **options)


def names(output, **options):
    found = layers(output, **options)
    return {found.name(node) for node in found.recording.nodes} - {None}


def of_model(*modules):
    nn.manual_seed(0)
    return cross_entropy(nn.Sequential(*modules)(X), LABELS)


@each(("name", "expected"), [("z1", "δ1"), ("z_2", "δ2"), ("z", "δ"), ("a1", None), ("zeta", None)])
def test_an_error_belongs_to_a_sum(name, expected):
    assert error_of(name) == expected


def test_a_normalisation_belongs_to_the_layer_whose_sum_it_normalises():
    loss = of_model(nn.Linear(20, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 10))
    found = layers(loss)
    assert {"n1", "γ1", "β1"} <= names(loss)
    by_name = {found.name(node): found.scopes[node] for node in found.recording.nodes}
    assert by_name["γ1"] == by_name["n1"] == by_name["a1"] == by_name["W1"] == ("layer1",)
    first, last = found
    assert (first.before is first.z, last.before is last.z, last.activation) == (False, True, None)


def test_a_pooling_and_a_dropout_are_no_part_of_the_activation():
    images = np.random.default_rng(0).random((8, 1, 8, 8), np.float32)
    conv, linear = nn.Conv2d(1, 3, 3), nn.Linear(27, 10)
    model = nn.Sequential(conv, nn.Sigmoid(), nn.AvgPool2d(2), nn.Flatten(), nn.Dropout(0.5), linear)
    first, last = layers(cross_entropy(model(images), LABELS))
    assert first.activation.shape == (8, 3, 6, 6)
    assert str(first.activation.op) == "sigmoid"
    assert first.weight is conv.weight
    assert last.weight is linear.weight


def test_the_patches_of_a_convolution_stand_in_its_own_layer():
    images = Tensor(np.random.default_rng(0).random((2, 1, 8, 8), np.float32), requires_grad=True, name="X")
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Conv2d(2, 4, 3, groups=2), nn.Flatten(), nn.Linear(64, 10))
    found = layers(cross_entropy(model(images), LABELS[:2]))
    places = [found.scopes[node] for node in found.recording.operations if str(node.op) == "patches"]
    assert places == [("layer1",), ("layer2",)]


def test_names_of_ones_own_stay_and_are_given_to_nothing_else():
    W, b, mine = leaf("W1", 10, 20), leaf("bias of mine", 10), leaf("z1", 10)
    found = names(cross_entropy(X @ W.T + b + mine, LABELS))
    assert {"W1", "bias of mine", "z1", "y"} <= found
    assert "b1" not in found


def test_a_weight_without_a_number_makes_a_layer_without_one():
    W, b = leaf("W", 10, 20), leaf("b", 10)
    assert {"W", "b", "z"} <= names(cross_entropy(X @ W.T + b, LABELS))


def test_layers_are_numbered_as_their_weights_are_else_in_order():
    U, V = leaf("U", 16, 20), leaf("V", 10, 16)
    b, c = leaf("b", 16), leaf("c", 10)
    assert {"z1", "a1", "z2"} <= names(cross_entropy((X @ U.T + b).tanh() @ V.T + c, LABELS))
    W7, W9 = leaf("W7", 16, 20), leaf("W9", 10, 16)
    assert {"z7", "a7", "z9"} <= names(cross_entropy((X @ W7.T).tanh() @ W9.T, LABELS))


def test_tied_weights_are_two_layers_of_one_weight():
    W, b, c = leaf("W", 16, 20), leaf("b", 16), leaf("c", 20)
    out = (X @ W.T + b).relu() @ W + c
    first, second = layers(((out - X) ** 2).mean())
    assert first.weight is second.weight
    assert {"W", "z1", "a1", "z2"} <= names(((out - X) ** 2).mean())


def test_the_backward_pass_uses_weights_again_and_makes_no_layers_of_it():
    model = nn.MLP((20, 16, 10), "tanh")
    loss = cross_entropy(model(X), LABELS)
    gradients = grad(loss, model.parameters(), create_graph=True)
    assert len(list(layers(gradients[0].sum()))) == 2


def test_data_whose_gradient_is_wanted_are_data():
    x = Tensor(X, requires_grad=True, name="X")
    model = nn.Sequential(nn.Linear(20, 10))
    assert {"X", "W1", "b1", "z1"} <= names(cross_entropy(model(x), LABELS))
    unnamed = Tensor(X, requires_grad=True)
    assert len(list(layers(cross_entropy(model(unnamed), LABELS), inputs=[unnamed]))) == 1


def test_a_prediction_that_no_softmax_makes_is_an_activation():
    model = nn.MLP((20, 16, 10), "sigmoid")
    loss = ((model(X).sigmoid() - np.eye(10)[LABELS]) ** 2).mean()
    assert {"a1", "a2", "z2"} <= names(loss)


def test_products_that_are_no_layers_have_no_names():
    a, b = leaf("a", 3, 3), leaf("b", 3, 3)
    assert names((a @ b).sum()) == {"a", "b"}
    assert names((leaf("q", 4, 3) @ leaf("k", 4, 3).T).sum()) == {"q", "k"}


def test_layers_stand_in_the_order_in_which_the_data_meet_them():
    model = nn.MLP((20, 16, 12, 10))
    assert [layer.weight.name for layer in layers(model(X))] == ["W1", "W2", "W3"]
