"""Layers against references written by hand, their states, and what they say of inputs that do not fit."""

import math
import re

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, nn

rng = np.random.default_rng(0)


def test_dropout_drops_its_share_keeps_the_mean_and_follows_the_seed():
    layer, x = nn.Dropout(0.3), np.ones((200, 500), np.float32)
    nn.manual_seed(1)
    first = layer(x).data
    state = nn.get_rng_state()
    second = layer(x).data
    nn.set_rng_state(state)
    assert (layer(x).data == second).all()
    assert not (first == second).all()
    nn.manual_seed(1)
    assert (layer(x).data == first).all()
    assert first.dtype == np.float32
    assert set(np.unique(first)) == {np.float32(0), np.float32(1 / 0.7)}
    assert np.mean(first == 0) == pytest.approx(0.3, abs=0.01)
    assert (layer.eval()(x).data == 1).all()
    assert (nn.Dropout(1.0)(x).data == 0).all()
    assert (nn.Dropout(0.0)(x).data == 1).all()


def test_flatten_and_unflatten():
    x = np.arange(24.0).reshape(2, 3, 4)
    assert nn.Flatten()(x).shape == (2, 12)
    assert nn.Flatten(0, 1)(x).shape == (6, 4)
    assert nn.Unflatten(-1, (2, 2))(x).shape == (2, 3, 2, 2)
    assert nn.Unflatten(-1, (-1, 2))(x).shape == (2, 3, 2, 2)
    assert nn.Unflatten(1, (-1,))(x).shape == (2, 3, 4)
    assert nn.Unflatten(0, (-1, 1, 2))(np.zeros((4, 0))).shape == (2, 1, 2, 0)
    assert nn.Unflatten(1, (-1, 3))(np.zeros((2, 0))).shape == (2, 0, 3)


def test_activations_are_those_of_tensors():
    x = Tensor(rng.standard_normal((3, 4)))
    pairs = [
        (nn.ReLU(), x.relu()), (nn.LeakyReLU(0.3), x.leaky_relu(0.3)), (nn.ELU(0.5), x.elu(0.5)),
        (nn.GELU(), x.gelu()), (nn.SiLU(), x.silu()), (nn.Sigmoid(), x.sigmoid()), (nn.Tanh(), x.tanh()),
        (nn.Softplus(), x.softplus()), (nn.Softmax(dim=0), x.softmax(0)), (nn.LogSoftmax(dim=1), x.log_softmax(1)),
        (nn.Identity(), x),
    ]  # fmt: skip
    for module, expected in pairs:
        np.testing.assert_array_equal(module(x).data, expected.data)


def small_cnn():
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(784, 10)
    )


def test_a_sequential_has_pytorchs_keys_and_repr():
    model = small_cnn()
    assert list(model.state_dict()) == [
        "0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked",
        "5.weight", "5.bias",
    ]  # fmt: skip
    assert [p.name for p in model.parameters()] == ["0.weight", "0.bias", "1.weight", "1.bias", "5.weight", "5.bias"]
    assert repr(model).splitlines() == [
        "Sequential(",
        "  (0): Conv2d(1, 4, kernel_size=(3, 3), stride=(1, 1), padding=(1, 1))",
        "  (1): BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)",
        "  (2): ReLU()",
        "  (3): MaxPool2d(kernel_size=2, stride=2, padding=0)",
        "  (4): Flatten(start_dim=1, end_dim=-1)",
        "  (5): Linear(in_features=784, out_features=10, bias=True)",
        ")",
    ]
    assert (len(model), model[3], next(type(m) for m in model)) == (6, list(model)[3], nn.Conv2d)


def test_repr_shows_what_is_not_as_by_default():
    assert repr(nn.Conv2d(4, 6, 3, padding="same", dilation=2, groups=2, bias=False)) == (
        "Conv2d(4, 6, kernel_size=(3, 3), stride=(1, 1), padding='same', dilation=(2, 2), groups=2, bias=False)"
    )
    assert repr(nn.ConvTranspose2d(4, 6, 3, 2, 1, 1)) == (
        "ConvTranspose2d(4, 6, kernel_size=(3, 3), stride=(2, 2), padding=(1, 1), output_padding=(1, 1))"
    )
    assert repr(nn.MaxPool2d(3, ceil_mode=True)) == "MaxPool2d(kernel_size=3, stride=3, padding=0, ceil_mode=True)"
    assert repr(nn.AvgPool2d(3, 1, 1, count_include_pad=False)) == (
        "AvgPool2d(kernel_size=3, stride=1, padding=1, count_include_pad=False)"
    )


def test_float32_stays_float32_and_weights_start_as_pytorchs_do():
    model = small_cnn()
    loss = nn.cross_entropy(model(np.zeros((2, 1, 28, 28), np.float32)), [1, 2])
    loss.backward()
    assert loss.dtype == np.float32
    assert all(p.dtype == p.grad.dtype == np.float32 for p in model.parameters())
    weight = nn.Linear(300, 200).weight.data
    assert np.abs(weight).max() <= 1 / math.sqrt(300)
    assert weight.std() == pytest.approx(1 / math.sqrt(3 * 300), rel=0.02)


@each("layer", [
    nn.Conv2d(4, 6, (2, 3), padding="same", dilation=2, groups=2), nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2),
    nn.MaxPool2d(3, 2, dilation=2, ceil_mode=True), nn.AvgPool2d(3, 2, 1, ceil_mode=True, count_include_pad=False),
    nn.AdaptiveAvgPool2d((3, 4)), nn.GroupNorm(2, 4), nn.GELU("none"),
])  # fmt: skip
def test_layers_of_float32_put_out_float32(layer):
    x = Tensor(rng.standard_normal((2, 4, 7, 6)).astype(np.float32), requires_grad=True)
    out = layer(x)
    out.sum().backward()
    assert {t.dtype for t in (out, x.grad, *(p.grad for p in layer.parameters()))} == {np.dtype(np.float32)}


@each(
    ("call", "words"),
    [
        (lambda: nn.Conv2d(1, 2, 3)(np.zeros((4, 784))), r"\(batch, channels, height, width\), not \(4, 784\); rows"),
        (lambda: nn.Conv2d(1, 2, 3)(np.zeros((1, 28, 28))), r"a single image needs a batch, x\[None\]"),
        (lambda: nn.Conv2d(3, 2, 3)(np.zeros((4, 1, 28, 28))), "which have 1 channels"),
        (lambda: nn.Conv2d(1, 2, 5)(np.zeros((4, 1, 4, 9))), "windows of 5 × 5 do not fit into images of 4 × 9"),
        (lambda: nn.MaxPool2d(3)(np.zeros((4, 1, 2, 2))), "max_pool2d: windows of 3 × 3"),
        (lambda: nn.AvgPool2d(2, padding=2)(np.zeros((4, 1, 8, 8))), "more than half of kernel_size"),
        (lambda: nn.Conv2d(1, 2, 0), "kernel_size=0 must be an integer from 1 on, or a pair"),
        (lambda: nn.Conv2d(1, 2, 3, padding=-1), "padding=-1"),
        (lambda: nn.Conv2d(1, 2, (3, 3, 3)), r"kernel_size=\(3, 3, 3\)"),
        (lambda: nn.Conv2d(0, 2, 3), "in_channels=0"),
        (lambda: nn.MaxPool2d(2.0), "kernel_size=2.0"),
        (lambda: nn.Conv2d(4, 6, 3, groups=4), "groups=4 must divide in_channels=4 and out_channels=6"),
        (lambda: nn.Conv2d(4, 6, 3, groups=0), "groups=0"),
        (lambda: nn.Conv2d(4, 6, 3, dilation=(1, 0)), r"dilation=\(1, 0\)"),
        (lambda: nn.Conv2d(4, 6, 3, padding="full"), "unknown padding 'full': it is one of same, valid"),
        (lambda: nn.Conv2d(4, 6, 3, 2, "same"), 'padding="same" keeps the size with stride=1 alone'),
        (lambda: nn.Conv2d(4, 6, 3, groups=2)(np.zeros((1, 2, 8, 8))), "which have 2 channels in 2 groups"),
        (lambda: nn.Conv2d(1, 1, 3, dilation=4)(np.zeros((1, 1, 8, 8))), "windows of 9 × 9 do not fit"),
        (lambda: nn.ConvTranspose2d(4, 6, 3)(np.zeros((1, 6, 8, 8))), r"\(in, out, \*kernel\), does not fit images"),
        (lambda: nn.ConvTranspose2d(1, 1, 3, 2, output_padding=2)(np.zeros((1, 1, 4, 4))), "output_padding=.* below"),
        (lambda: nn.ConvTranspose2d(1, 1, 1, padding=2)(np.zeros((1, 1, 4, 4))), "leaves nothing of"),
        (lambda: nn.AvgPool2d(2, divisor_override=0)(np.zeros((1, 1, 4, 4))), "divisor_override=0"),
        (lambda: nn.AdaptiveAvgPool2d(0)(np.zeros((1, 1, 4, 4))), "output_size=0"),
        (lambda: nn.AdaptiveAvgPool2d((1, 2, 3))(np.zeros((1, 1, 4, 4))), r"output_size=\(1, 2, 3\)"),
        (lambda: nn.AdaptiveAvgPool2d(2)(np.zeros((1, 1, 0, 4))), "have no pixels"),
        (lambda: nn.GroupNorm(4, 6), "num_channels=6 can't be divided into num_groups=4"),
        (lambda: nn.GroupNorm(2, 6)(np.zeros((2, 4, 6))), r"takes shape \(batch, 6, …\)"),
        (lambda: nn.Linear(784, 10)(np.zeros((4, 1, 28, 28))), r"rows of 784 .* put Flatten\(\) before it"),
        (lambda: nn.Linear(784, 10)(np.zeros((4, 783))), r"not shape \(4, 783\)$"),
        (lambda: nn.Linear(784, 0), "out_features=0"),
        (lambda: nn.BatchNorm1d(3)(np.zeros((2, 4))), "with 3 channels"),
        (lambda: nn.BatchNorm2d(3)(np.zeros((2, 3))), r"takes shape \(batch, channels, height, width\)"),
        (lambda: nn.BatchNorm1d(3)(np.zeros((1, 3))), "more than one value for each channel"),
        (lambda: nn.LayerNorm((3, 4))(np.zeros((2, 4, 3))), r"ends with \(3, 4\)"),
        (lambda: nn.Dropout(1.5), "p=1.5 must be a number from 0 to 1"),
        (lambda: nn.Flatten(2)(np.zeros((2, 3))), "does not fit shape"),
        (lambda: nn.Unflatten(1, (1, 28, 28))(np.zeros((2, 783))), "does not fit shape"),
        (lambda: nn.Unflatten(1, (-1, 5))(np.zeros((2, 6))), "does not fit shape"),
        (lambda: nn.Unflatten(1, (-1, -1))(np.zeros((2, 1))), "does not fit shape"),
        (lambda: nn.Unflatten(1, (-2, -3))(np.zeros((2, 6))), "does not fit shape"),
        (lambda: nn.Unflatten(1, (-1, 0))(np.zeros((2, 0))), "does not fit shape"),
        (lambda: nn.BatchNorm1d(2, track_running_stats=False).eval()(np.ones((1, 2))), "more than one value"),
        (lambda: nn.GELU("erf"), "unknown approximate 'erf': it is one of tanh, none"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_said(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_wrong_types_are_said():
    with pytest.raises(TypeError, match="floating-point images, not uint8"):
        nn.Conv2d(1, 2, 3)(np.zeros((1, 1, 4, 4), np.uint8))
    with pytest.raises(TypeError, match=r"argument 0 is list: pass them as Sequential\(\*layers\)"):
        nn.Sequential([nn.ReLU()])


@each(
    ("make", "kind", "words"),
    [
        (lambda: nn.Sequential(nn.Linear(3, 2), nn.ReLU), TypeError, "argument 1 is type: write ReLU("),
        (lambda: nn.Dropout("0.5"), ValueError, "p='0.5' must be a number from 0 to 1"),
        (lambda: nn.LayerNorm(3.5), ValueError, "normalized_shape[0]=3.5 must be an integer"),
        (lambda: nn.Linear(3, 2).load_state_dict(None), TypeError, "a state dict maps paths to arrays"),
        (lambda: nn.Linear(3, 2).load_state_dict([1]), TypeError, "a state dict maps paths to arrays"),
    ],
)
def test_arguments_of_another_kind_are_named(make, kind, words):
    with pytest.raises(kind, match=re.escape(words)):
        make()


@each(("layer", "shape"), [
    (nn.BatchNorm1d, (6, 3)), (nn.BatchNorm1d, (4, 3, 5)), (nn.BatchNorm2d, (4, 3, 2, 5)),
])  # fmt: skip
@each("momentum", [0.1, None])
def test_batch_norm_takes_the_batch_in_training_and_the_running_statistics_in_use(layer, shape, momentum):
    norm = layer(3, momentum=momentum, dtype=np.float64)
    norm.weight.data, norm.bias.data = np.array([1.0, 2.0, -1.0]), np.array([0.0, 1.0, 0.5])
    across = (1, -1, *[1] * (len(shape) - 2))
    mean, var = np.zeros(3), np.ones(3)
    for step in range(1, 4):
        x = rng.standard_normal(shape) * 3 + 1
        channels = np.moveaxis(x, 1, 0).reshape(3, -1)
        expected = (x - channels.mean(1).reshape(across)) / np.sqrt(channels.var(1).reshape(across) + 1e-5)
        expected = expected * norm.weight.data.reshape(across) + norm.bias.data.reshape(across)
        np.testing.assert_allclose(norm(x).data, expected, atol=1e-12)
        share = momentum or 1 / step
        mean = (1 - share) * mean + share * channels.mean(1)
        var = (1 - share) * var + share * channels.var(1, ddof=1)
    np.testing.assert_allclose(norm.running_mean.data, mean, rtol=1e-12)
    np.testing.assert_allclose(norm.running_var.data, var, rtol=1e-12)
    assert norm.num_batches_tracked.item() == 3
    before = norm.state_dict()
    in_use = norm.eval()(x).data
    plain = (x - mean.reshape(across)) / np.sqrt(var.reshape(across) + 1e-5)
    expected = plain * norm.weight.data.reshape(across) + norm.bias.data.reshape(across)
    np.testing.assert_allclose(in_use, expected, atol=1e-12)
    assert all((array == before[name]).all() for name, array in norm.state_dict().items())


def test_layer_norm_is_over_each_example():
    x = rng.standard_normal((4, 3, 5)) * 2 + 1
    flat = x.reshape(4, 15)
    expected = (flat - flat.mean(1, keepdims=True)) / np.sqrt(flat.var(1, keepdims=True) + 1e-5)
    norm = nn.LayerNorm((3, 5), dtype=np.float64)
    np.testing.assert_allclose(norm(x).data.reshape(4, 15), expected, atol=1e-12)
    norm.weight.data, norm.bias.data = np.full((3, 5), 2.0), np.full((3, 5), 1.0)
    np.testing.assert_allclose(norm(x).data.reshape(4, 15), 2 * expected + 1, atol=1e-12)
    assert nn.LayerNorm(5, elementwise_affine=False).state_dict() == {}


@each("shape", [(4, 6), (2, 6, 5), (2, 6, 3, 4)])
@each("groups", [1, 2, 6])
def test_group_norm_is_over_each_group_of_channels(shape, groups):
    x = rng.standard_normal(shape) * 2 + 1
    norm = nn.GroupNorm(groups, 6, dtype=np.float64)
    across = (6, *[1] * (len(shape) - 2))
    norm.weight.data, norm.bias.data = np.arange(1.0, 7), np.linspace(-1, 1, 6)
    parts = [x[:, i : i + 6 // groups] for i in range(0, 6, 6 // groups)]
    axes = tuple(range(1, len(shape)))
    expected = np.concatenate(
        [(p - p.mean(axes, keepdims=True)) / np.sqrt(p.var(axes, keepdims=True) + 1e-5) for p in parts], axis=1
    )
    np.testing.assert_allclose(
        norm(x).data, expected * norm.weight.data.reshape(across) + norm.bias.data.reshape(across), atol=1e-12
    )
    np.testing.assert_allclose(nn.GroupNorm(groups, 6, affine=False)(x).data, expected, atol=1e-12)
    assert nn.GroupNorm(groups, 6, affine=False).state_dict() == {}
    assert norm(x[:0]).shape == (0, *shape[1:])


@each("scale", [1, 300, 3e4])
def test_norms_of_float16_do_not_overflow(scale):
    batch_norm = nn.BatchNorm1d(4, track_running_stats=False, dtype=np.float16)
    x = (scale * np.array([[1.0, -1, 0.5, 0], [-1, 1, 0.25, 0], [1, 1, 1, -1]])).astype(np.float16)
    for layer, axis in ((nn.LayerNorm(4, dtype=np.float16), 1), (batch_norm, 0)):
        wide = x.astype(np.float64)
        exact = (wide - wide.mean(axis, keepdims=True)) / np.sqrt(wide.var(axis, keepdims=True) + layer.eps)
        leaf = Tensor(x, requires_grad=True)
        out = layer(leaf)
        assert out.dtype == np.float16
        np.testing.assert_allclose(out.numpy(), exact, atol=2e-3)
        (out * out.numpy()).sum().backward()
        assert np.all(np.isfinite(leaf.grad.numpy()))
