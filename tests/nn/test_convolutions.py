"""Convolutions and pools against their definitions, written as loops."""

import math

import numpy as np
import pytest

from tests.each import each
from tinygrad_mnist import Tensor, nn

rng = np.random.default_rng(0)
IMAGES = rng.standard_normal((2, 3, 6, 5))


def direct_convolution(x, weight, bias, stride, padding, dilation=(1, 1), groups=1):
    """The definition, a loop for each of its indices."""
    x = np.pad(x, ((0, 0), (0, 0), padding[0], padding[1]))
    (n, _, height, width), (out, inputs, kh, kw) = x.shape, weight.shape
    rows = (height - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    columns = (width - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    z = np.zeros((n, out, rows, columns))
    for b, o, i, j in np.ndindex(z.shape):
        first = o // (out // groups) * inputs
        down, across = (slice(at * s, at * s + d * (k - 1) + 1, d)
                        for at, s, d, k in zip((i, j), stride, dilation, (kh, kw)))  # fmt: skip
        z[b, o, i, j] = (x[b, first : first + inputs, down, across] * weight[o]).sum() + bias[o]
    return z


@each(("kernel", "stride", "padding"), [(3, 1, 1), ((2, 3), (2, 1), (0, 1)), (1, 2, 0), (5, 1, 2), ((6, 5), 1, 0)])
@each("channels", [1, 3, 4])
def test_conv2d_is_its_definition(kernel, stride, padding, channels):
    x = rng.standard_normal((2, channels, 6, 5))
    layer = nn.Conv2d(channels, 4, kernel, stride, padding, dtype=np.float64)
    frame = [(p, p) for p in layer.padding]
    expected = direct_convolution(x, layer.weight.data, layer.bias.data, layer.stride, frame)
    np.testing.assert_allclose(layer(x).data, expected, atol=1e-13)
    assert layer(np.asfortranarray(x)).shape == expected.shape
    assert layer(x[:0]).shape == (0, *expected.shape[1:])


@each("groups", [1, 2, 4])
@each(("kernel", "stride", "padding", "dilation"), [(2, 1, 1, 3), ((3, 1), (2, 1), (0, 1), (2, 4)), ((1, 3), 3, 0, 1)])
def test_conv2d_in_groups_and_dilated_is_its_definition(kernel, stride, padding, dilation, groups):
    x = rng.standard_normal((2, 4, 7, 6))
    layer = nn.Conv2d(4, 8, kernel, stride, padding, dilation, groups, dtype=np.float64)
    assert layer.weight.shape == (8, 4 // groups, *layer.kernel_size)
    options = layer.stride, [(p, p) for p in layer.padding], layer.dilation, groups
    expected = direct_convolution(x, layer.weight.data, layer.bias.data, *options)
    np.testing.assert_allclose(layer(x).data, expected, atol=1e-13)
    assert layer(x[:0]).shape == (0, *expected.shape[1:])


@each(("kernel", "dilation"), [(3, 1), ((2, 4), (1, 1)), ((4, 2), (2, 3)), (1, 5)])
def test_padding_same_keeps_the_size_with_the_odd_zeros_at_the_end(kernel, dilation):
    layer = nn.Conv2d(3, 2, kernel, padding="same", dilation=dilation, dtype=np.float64)
    over = [d * (k - 1) for k, d in zip(layer.kernel_size, layer.dilation)]
    frame = [(n // 2, n - n // 2) for n in over]
    expected = direct_convolution(IMAGES, layer.weight.data, layer.bias.data, (1, 1), frame, layer.dilation)
    assert expected.shape == (2, 2, 6, 5)
    np.testing.assert_allclose(layer(IMAGES).data, expected, atol=1e-13)
    valid = nn.Conv2d(3, 2, 2, padding="valid")
    assert valid(IMAGES.astype(np.float32)).shape == (2, 2, 5, 4)


@each("groups", [1, 2])
@each(
    ("size", "kernel", "stride", "padding", "dilation"),
    [
        ((5, 6), 3, 1, 1, 1),
        ((6, 5), (2, 3), (2, 3), (0, 1), 1),
        ((7, 8), 2, 2, 1, (3, 2)),
        ((6, 9), (1, 2), 3, 0, (1, 4)),
    ],
)
def test_a_transposed_convolution_is_the_transpose_of_one(size, kernel, stride, padding, dilation, groups):
    there = nn.Conv2d(4, 6, kernel, stride, padding, dilation, groups, bias=False, dtype=np.float64)
    x = rng.standard_normal((2, 4, *size))
    z = there(x)
    arguments = kernel, stride, padding
    short = nn.ConvTranspose2d(6, 4, *arguments, groups=groups, dilation=dilation)(np.zeros(z.shape, np.float32)).shape[
        2:
    ]
    more = tuple(n - m for n, m in zip(size, short))
    back = nn.ConvTranspose2d(6, 4, *arguments, more, groups, dilation=dilation, dtype=np.float64)
    assert back.weight.shape == there.weight.shape
    back.weight.data, back.bias.data = there.weight.data, np.zeros(4)
    u = rng.standard_normal(z.shape)
    assert back(u).shape == x.shape
    assert (z.data * u).sum() == pytest.approx((x * back(u).data).sum(), rel=1e-12)
    back.bias.data = np.arange(4.0)
    added = (
        back(u).data
        - nn.functional.conv_transpose2d(u, back.weight, None, stride, padding, more, groups, dilation).data
    )
    np.testing.assert_allclose(added, np.broadcast_to(np.arange(4.0).reshape(4, 1, 1), x.shape), atol=1e-12)
    assert back(u[:0]).shape == (0, *x.shape[1:])


def test_zeros_behind_a_transposed_convolution_where_only_the_dilation_allows_them():
    layer = nn.ConvTranspose2d(1, 1, 2, 1, 0, 2, dilation=3, bias=False, dtype=np.float64)
    out = layer(np.ones((1, 1, 2, 2))).data
    assert out.shape == (1, 1, 7, 7)
    assert (out[0, 0, 5:] == 0).all()
    plain = nn.functional.conv_transpose2d(np.ones((1, 1, 2, 2)), layer.weight, dilation=3).data
    np.testing.assert_array_equal(out[:, :, :5, :5], plain)


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
    assert nn.AvgPool2d(2)(IMAGES[:0]).shape == (0, 3, 3, 2)


def pooled(x, kernel, stride, padding, dilation, ceil_mode):
    """Of each window, its numbers in the image, and how many places it has in image and padding: loops."""
    shape = []
    for length, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation):
        starts = range(-p, length + p, s)
        whole = [at for at in starts if at + d * (k - 1) < length + p]
        inside = [at for at in starts if at < length and at - s + d * (k - 1) < length + p - 1]
        shape.append(inside if ceil_mode else whole)
    for i, j in np.ndindex(*map(len, shape)):
        down, across = ([at for at in range(starts[n], starts[n] + d * k, d) if at < length + p]
                        for starts, n, k, d, p, length
                        in zip(shape, (i, j), kernel, dilation, padding, x.shape[2:]))  # fmt: skip
        rows, columns = ([at for at in places if 0 <= at < length]
                         for places, length in zip((down, across), x.shape[2:]))  # fmt: skip
        yield (i, j), x[:, :, rows][:, :, :, columns], len(down) * len(across)


@each("ceil_mode", [False, True])
@each(
    ("kernel", "stride", "padding", "dilation"),
    [((2, 2), (2, 2), (0, 0), (1, 1)), ((3, 2), (2, 2), (1, 1), (1, 1)), ((2, 3), (4, 3), (1, 0), (2, 1)),
     ((2, 2), (1, 3), (0, 1), (3, 2)), ((3, 3), (3, 3), (1, 1), (1, 1))],
)  # fmt: skip
def test_pools_with_options_are_their_definition(kernel, stride, padding, dilation, ceil_mode):
    largest = nn.MaxPool2d(kernel, stride, padding, dilation, ceil_mode)(IMAGES).data
    found = np.zeros(largest.shape)
    for (i, j), window, _ in pooled(IMAGES, kernel, stride, padding, dilation, ceil_mode):
        found[:, :, i, j] = window.max(axis=(2, 3))
    np.testing.assert_array_equal(largest, found)
    for with_padding, divisor in ((True, None), (False, None), (True, 5)):
        options = {"ceil_mode": ceil_mode, "count_include_pad": with_padding, "divisor_override": divisor}
        mean = nn.AvgPool2d(kernel, stride, padding, **options)(IMAGES).data
        found = np.zeros(mean.shape)
        for (i, j), window, places in pooled(IMAGES, kernel, stride, padding, (1, 1), ceil_mode):
            own = window.shape[2] * window.shape[3]
            found[:, :, i, j] = window.sum(axis=(2, 3)) / (divisor or (places if with_padding else own))
        np.testing.assert_allclose(mean, found, rtol=1e-12)


@each("size", [1, 4, (6, 5), (2, None), (None, 7), (9, 3)])
def test_an_adaptive_pool_covers_the_images_evenly(size):
    out = nn.AdaptiveAvgPool2d(size)(IMAGES).data
    sizes = size if isinstance(size, tuple) else (size, size)
    rows, columns = (n or length for n, length in zip(sizes, (6, 5)))
    assert out.shape == (2, 3, rows, columns)
    for i, j in np.ndindex(rows, columns):
        window = IMAGES[
            :, :, i * 6 // rows : math.ceil((i + 1) * 6 / rows), j * 5 // columns : math.ceil((j + 1) * 5 / columns)
        ]
        np.testing.assert_allclose(out[:, :, i, j], window.mean(axis=(2, 3)), rtol=1e-12)


def test_ties_in_a_window_share_its_gradient():
    x = Tensor([[[[1.0, 1.0, 0.0], [0.0, 1.0, 2.0]]]], requires_grad=True)
    nn.MaxPool2d(2, stride=1)(x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy()[0, 0], [[1 / 3, 1 / 3, 0], [0, 1 / 3, 1]], rtol=1e-6)
