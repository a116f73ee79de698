"""The multilayer perceptron and its start."""

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor
from tinygrad_mnist.nn import ACTIVATIONS, INITIALISERS, MLP


@each("activation", sorted(ACTIVATIONS))
def test_it_is_the_expression_it_says(activation):
    model = MLP((5, 4, 3), activation, seed=1)
    x = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
    (W1, W2), (b1, b2) = model.weights, model.biases
    expected = ACTIVATIONS[activation](x @ W1.T + b1) @ W2.T + b2
    np.testing.assert_array_equal(model(x).numpy(), expected.numpy())


def test_parameters_are_named_shaped_and_seeded():
    model, again, other = MLP((5, 4, 3), seed=7), MLP((5, 4, 3), seed=7), MLP((5, 4, 3), seed=8)
    assert [(p.name, p.shape) for p in model.parameters()] == [
        ("W1", (4, 5)), ("b1", (4,)), ("W2", (3, 4)), ("b2", (3,)),
    ]  # fmt: skip
    assert all(p.dtype == np.float32 and p.requires_grad for p in model.parameters())
    assert all((p == q).all() for p, q in zip(model.parameters(), again.parameters()))
    assert (model.weights[0] != other.weights[0]).all()
    assert repr(model) == "MLP([5, 4, 3], activation='leaky_relu')  # 39 parameters"


@each(("init", "variance"), [("he", 2 / 400), ("xavier", 2 / 700), ("standard_normal", 1.0)])
def test_weights_start_with_their_papers_variance(init, variance):
    weight = MLP((400, 300), init=init, seed=0).weights[0].numpy()
    assert weight.var() == pytest.approx(variance, rel=0.02)
    assert abs(weight.mean()) < 0.02 * np.sqrt(variance)
    assert {"he", "xavier", "standard_normal"} <= set(INITIALISERS)


@each(
    ("arguments", "words"),
    [
        (((784,),), "make no network"),
        (((784, 0, 10),), "make no network"),
        (((784, 10), "rely"), "unknown activation 'rely'"),
        (((784, 10), "relu", "hee"), "unknown init 'hee'"),
    ],
)
def test_what_makes_no_network_is_named(arguments, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        MLP(*arguments)


@each("x", [np.zeros(784), np.zeros((2, 783)), np.zeros((1, 28, 28))])
def test_inputs_of_another_shape_are_named(x):
    with pytest.raises(ValueError, match=r"rows of 784 numbers, shape \(batch, 784\)"):
        MLP((784, 10))(x)


def test_gradients_reach_every_parameter_and_no_input():
    model = MLP((5, 4, 3))
    x = Tensor(np.ones((2, 5), np.float32))
    model(x).sum().backward()
    assert all(p.grad.shape == p.shape for p in model.parameters())
    assert x.grad is None


@each("sizes", ["784", 784, None])
def test_sizes_that_are_no_list_are_said_to_be_none(sizes):
    with pytest.raises(TypeError, match="are no list of numbers: give them as"):
        MLP(sizes)


@each("sizes", [(784, 10.5, 10), ("784", "10"), (784, None)])
def test_sizes_are_integers(sizes):
    with pytest.raises(ValueError, match="two or more integers, each positive"):
        MLP(sizes)
