"""Networks in a line."""

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import nn, training
from tinygrad_mnist.nn.architecture import ACTIVATION_MODULES


def kinds(model):
    return [type(layer).__name__ for layer in model.children()]


def test_sizes_alone_make_an_mlp():
    model, same = nn.network((784, 30, 10), "relu", "xavier", seed=3), nn.MLP((784, 30, 10), "relu", "xavier", seed=3)
    assert isinstance(model, nn.MLP)
    assert all((p == q).all() for p, q in zip(model.parameters(), same.parameters(), strict=True))


def test_every_layer_stands_where_its_paper_puts_it():
    model = nn.network(("1x28x28", "4c3", "mp2", "6c5", "ap2", 20, 10), "silu", batch_norm=True, dropout=0.3)
    assert kinds(model) == [
        "Conv2d", "BatchNorm2d", "SiLU", "MaxPool2d", "Conv2d", "BatchNorm2d", "SiLU", "AvgPool2d",
        "Flatten", "Dropout", "Linear", "BatchNorm1d", "SiLU", "Dropout", "Linear",
    ]  # fmt: skip
    assert model(np.zeros((2, 1, 28, 28), np.float32)).shape == (2, 10)
    assert training.input_shape(model) == (1, 28, 28)


def test_dropout_of_inputs_and_of_hidden_units_are_two():
    model = nn.network((784, 30, 10), dropout=0.5, input_dropout=0.2)
    assert kinds(model) == ["Dropout", "Linear", "LeakyReLU", "Dropout", "Linear"]
    assert [layer.p for layer in model.children() if isinstance(layer, nn.Dropout)] == [0.2, 0.5]


@each("activation", sorted(nn.ACTIVATIONS))
def test_every_activation_of_an_mlp_is_a_module_too(activation):
    x = np.linspace(-2, 2, 9, dtype=np.float32)
    np.testing.assert_array_equal(ACTIVATION_MODULES[activation]()(x).numpy(), nn.ACTIVATIONS[activation](x))


def test_weights_follow_from_the_seed_and_the_init():
    layers = ("1x28x28", "16c5", "mp4", 10)
    one, same, other = (list(nn.network(layers, init="he", seed=seed).parameters()) for seed in (1, 1, 2))
    assert all((p == q).all() for p, q in zip(one, same, strict=True))
    assert (one[0] != other[0]).all()
    assert one[0].numpy().var() == pytest.approx(2 / 25, rel=0.2)
    assert (one[1] == 0).all()


def test_it_is_saved_and_loaded_like_any_model(tmp_path):
    model = nn.network(("1x28x28", "4c3", "mp2", 10), batch_norm=True).eval()
    training.save_model(model, tmp_path / "model.safetensors")
    x = np.random.default_rng(0).random((3, 1, 28, 28), np.float32)
    np.testing.assert_array_equal(training.load_model(tmp_path / "model.safetensors")(x).numpy(), model(x).numpy())


@each(
    ("line", "words"),
    [
        ("", "the first layer is '', and must be the input"),
        ("0,10", "the first layer is 0"),
        ("1x0x28,10", "the first layer is '1x0x28'"),
        ("784", "the last one must be a number"),
        ("1x28x28,16c3", "the last one must be a number"),
        ("784,16c3,10", "layer '16c3' does not fit behind 784"),
        ("1x28x28,16c4,10", "layer '16c4' does not fit behind 1x28x28: .* an odd kernel such as 16c3"),
        ("1x28x28,0c3,10", "layer '0c3' does not fit"),
        ("1x28x28,mp2,mp15,10", "layer 'mp15' does not fit behind 1x14x14: .* a pool such as mp2, no larger"),
        ("1x28x28,mp0,10", "layer 'mp0' does not fit"),
        ("784,0,10", "layer 0 does not fit behind 784: give 1 to 1,000,000 units"),
        ("784,100000000000000000000000,10", "layer 100000000000000000000000 does not fit"),
        ("1x28x28,1000000c3,2000000c3,10", "layer '2000000c3' does not fit behind 1000000x28x28"),
        ("1x28x28,16c59,10", "layer '16c59' does not fit"),
        ("784,-5,10", "layer '-5' does not fit"),
    ],
)
def test_what_makes_no_network_is_named(line, words):
    with pytest.raises(ValueError, match=words):
        nn.parse_layers(line)


def test_a_line_is_read_as_people_write_it():
    assert nn.parse_layers("1x28x28, 16C3, MP2, 10") == ("1x28x28", "16c3", "mp2", 10)
    assert repr(nn.network("784, 30, 10")) == repr(nn.network((784, 30, 10)))
    with pytest.raises(ValueError, match="unknown activation 'rely'"):
        nn.network(("1x28x28", "4c3", 10), "rely")
