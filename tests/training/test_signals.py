"""What passes through the layers of any model, read from its graph."""

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import data, manual, nn, one_hot, training
from tinygrad_mnist.engine import ops
from tinygrad_mnist.nn.architecture import ACTIVATION_MODULES

SIZES = (784, 12, 8, 10)


@pytest.fixture(scope="module")
def digits():
    return data.load("digits").test[:30]


def test_layers_are_those_of_the_hand_derivation(digits):
    model = nn.MLP(SIZES, "relu", seed=1, dtype=np.float64)
    x, labels = digits.inputs().astype(np.float64), digits.labels
    found = training.layer_signals(model, x, labels)
    W, b = [w.numpy() for w in model.weights], [c.numpy() for c in model.biases]
    run = manual.rows.forward(x, W, b, manual.relu)
    by_hand = manual.rows.backward(run, one_hot(labels, 10, np.float64), W, manual.relu)
    assert [layer.name for layer in found] == ["layer 1", "layer 2", "logits"]
    for number, layer in enumerate(found, start=1):
        np.testing.assert_allclose(layer.gradients, by_hand.delta[number] / 30, atol=1e-12)
        expected = run.a[number] if number < 3 else run.z[3]
        np.testing.assert_allclose(layer.values, expected, atol=1e-12)
    assert found[0].flat == pytest.approx(np.mean(run.a[1] == 0))
    saturated = training.layer_signals(nn.MLP(SIZES, "tanh", init="standard_normal"), x.astype(np.float32), labels)[0]
    assert saturated.flat == pytest.approx(np.mean(1 - saturated.values**2 < 0.05))
    assert found[2].flat is None


@each("activation", sorted(nn.ACTIVATIONS))
@each("training_mode", [True, False])
@each("options", [{}, {"batch_norm": True, "dropout": 0.3}])
def test_a_network_of_modules_has_the_activations_that_its_modules_put_out(digits, activation, training_mode, options):
    model = nn.network(("1x28x28", "3c3", "mp2", "4c5", "ap2", 9, 10), activation, **options).train(training_mode)
    x = np.random.default_rng(0).random((30, 1, 28, 28), np.float32)  # no black ground, whose z would be at the kink
    outputs = []
    for module in model.modules():
        if isinstance(module, tuple(ACTIVATION_MODULES.values())):
            module.forward = noting(module.forward, outputs)
    found = training.layer_signals(model, x, digits.labels)
    assert [layer.name for layer in found] == ["layer 1", "layer 2", "layer 3", "logits"]
    for layer, (before, after) in zip(found, outputs, strict=False):
        np.testing.assert_array_equal(layer.values, after)
        assert layer.gradients.shape == before.shape
        slopes = nn.ACTIVATIONS[activation](before + 1e-3) - nn.ACTIVATIONS[activation](before - 1e-3)
        assert layer.flat == pytest.approx(np.mean(np.abs(slopes / 2e-3) < 0.05), abs=0.02)
    assert len(outputs) == 3


def noting(forward, outputs):
    def noted(x):
        out = forward(x)
        outputs.append((x.numpy(), out.numpy()))
        return out

    return noted


class Residual(nn.Module):
    """Any model, also one whose signal goes past a layer, and whose activation is a function."""

    def __init__(self):
        self.first, self.inner, self.last = nn.Linear(784, 6), nn.Linear(6, 6), nn.Linear(6, 10)

    def forward(self, x):
        a = ops.gelu(self.first(x))
        return self.last(a + self.inner(a).tanh())


def test_a_signal_that_goes_past_a_layer_hides_none(digits):
    model = Residual()
    found = training.layer_signals(model, digits.inputs(), digits.labels)
    a = ops.gelu(model.first(digits.inputs()))
    assert [layer.name for layer in found] == ["layer 1", "layer 2", "logits"]
    np.testing.assert_allclose(found[0].values, a.numpy(), rtol=1e-6)
    np.testing.assert_allclose(found[1].values, model.inner(a).tanh().numpy(), rtol=1e-6)


def test_layers_without_an_activation_frozen_ones_too_are_layers(digits):
    model = nn.Sequential(nn.Unflatten(1, (1, 28, 28)), nn.Conv2d(1, 2, 3), nn.MaxPool2d(2), nn.Flatten(),
                          nn.Linear(338, 5), nn.Linear(5, 10))  # fmt: skip
    for p in model.parameters():
        p.requires_grad = False
    found = training.layer_signals(model, digits.inputs(), digits.labels)
    assert [(layer.values.shape, layer.flat) for layer in found] == [
        ((30, 2, 26, 26), None), ((30, 5), None), ((30, 10), None),
    ]  # fmt: skip
    np.testing.assert_array_equal(found[0].values, model[1](model[0](digits.inputs())).numpy())


def test_as_new_is_a_model_of_the_same_layers_at_its_start():
    model = nn.network(("1x28x28", "3c3", "mp2", 9, 10), "silu", batch_norm=True, dropout=0.3).eval()
    model[1].running_mean.data += 1
    new = training.as_new(model)
    assert repr(new) == repr(model)
    assert all(part.training for part in new.modules())
    assert not new[1].running_mean.numpy().any()
    new.load_state_dict(model.state_dict())
    mlp = training.as_new(nn.MLP(SIZES, "tanh", dtype=np.float64))
    assert (mlp.layer_sizes, mlp.activation, mlp.W1.dtype) == (SIZES, "tanh", np.float64)
    with pytest.raises(ValueError, match="Residual is no model of tinygrad_mnist"):
        training.as_new(Residual())
