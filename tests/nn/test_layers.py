"""Layers against references written by hand, their states, and what they say of inputs that do not fit."""

import math
import re

import numpy as np
import pytest

from tinygrad_mnist import Tensor, nn

rng = np.random.default_rng(0)
IMAGES = rng.standard_normal((2, 3, 6, 5))


def direct_convolution(x, weight, bias, stride, padding):
    """The definition, a loop for each of its indices."""
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    (n, _, height, width), (out, _, kh, kw) = x.shape, weight.shape
    rows, columns = (height - kh) // stride[0] + 1, (width - kw) // stride[1] + 1
    z = np.zeros((n, out, rows, columns))
    for b, o, i, j in np.ndindex(z.shape):
        window = x[b, :, i * stride[0] : i * stride[0] + kh, j * stride[1] : j * stride[1] + kw]
        z[b, o, i, j] = (window * weight[o]).sum() + bias[o]
    return z


@pytest.mark.parametrize(
    ("kernel", "stride", "padding"), [(3, 1, 1), ((2, 3), (2, 1), (0, 1)), (1, 2, 0), (5, 1, 2), ((6, 5), 1, 0)]
)
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_conv2d_is_its_definition(kernel, stride, padding, channels):
    x = rng.standard_normal((2, channels, 6, 5))
    layer = nn.Conv2d(channels, 4, kernel, stride, padding, dtype=np.float64)
    expected = direct_convolution(x, layer.weight.data, layer.bias.data, layer.stride, layer.padding)
    np.testing.assert_allclose(layer(x).data, expected, atol=1e-13)
    assert layer(np.asfortranarray(x)).shape == expected.shape
    assert layer(x[:0]).shape == (0, *expected.shape[1:])


def test_pools_look_at_each_window_of_each_channel():
    largest, mean = nn.MaxPool2d(2)(IMAGES).data, nn.AvgPool2d(2)(IMAGES).data
    assert largest.shape == mean.shape == (2, 3, 3, 2)
    for b, c, i, j in np.ndindex(largest.shape):
        window = IMAGES[b, c, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
        assert largest[b, c, i, j] == window.max()
        assert mean[b, c, i, j] == pytest.approx(window.mean(), rel=1e-12)
    overlapping = nn.MaxPool2d(3, stride=1, padding=1)(-np.abs(IMAGES)).data
    assert overlapping.shape == IMAGES.shape
    assert (overlapping < 0).all()  # the frame never wins
    corners = nn.AvgPool2d(2, padding=1)(np.ones((1, 1, 2, 2))).data
    np.testing.assert_array_equal(corners, np.full((1, 1, 2, 2), 0.25))  # the zeros of the frame count


def test_ties_in_a_window_share_its_gradient():
    x = Tensor([[[[1.0, 1.0, 0.0], [0.0, 1.0, 2.0]]]], requires_grad=True)
    nn.MaxPool2d(2, stride=1)(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0, 0], [[1 / 3, 1 / 3, 0], [0, 1 / 3, 1]], rtol=1e-6)


@pytest.mark.parametrize(("layer", "shape"), [
    (nn.BatchNorm1d, (6, 3)), (nn.BatchNorm1d, (4, 3, 5)), (nn.BatchNorm2d, (4, 3, 2, 5)),
])  # fmt: skip
@pytest.mark.parametrize("momentum", [0.1, None])
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


def test_the_summary_fits_80_columns_and_changes_nothing():
    model = small_cnn()
    before, text = model.state_dict(), model.summary((64, 1, 28, 28))
    assert max(map(len, text.splitlines())) <= 80
    assert "(64, 4, 28, 28)" in text
    assert text.endswith("7,898 parameters")
    assert all((array == before[name]).all() for name, array in model.state_dict().items())
    assert "output" not in model.summary()


def test_float32_stays_float32_and_weights_start_as_pytorchs_do():
    model = small_cnn()
    loss = nn.cross_entropy(model(np.zeros((2, 1, 28, 28), np.float32)), [1, 2])
    loss.backward()
    assert loss.dtype == np.float32
    assert all(p.dtype == p.grad.dtype == np.float32 for p in model.parameters())
    weight = nn.Linear(300, 200).weight.data
    assert np.abs(weight).max() <= 1 / math.sqrt(300)
    assert weight.std() == pytest.approx(1 / math.sqrt(3 * 300), rel=0.02)


@pytest.mark.parametrize(
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


@pytest.mark.parametrize(
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
