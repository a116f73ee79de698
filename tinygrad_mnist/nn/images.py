"""Convolutions and pools as functions of images, composed of the operations on their windows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.arguments import COUNT, check_name
from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine import Tensor, ops
from tinygrad_mnist.nn.module import as_tensor
from tinygrad_mnist.nn.patches import Pair, fold, max_pool, patches, reach

PADDINGS = ("same", "valid")

Window = tuple[Pair, Pair, Pair, Pair]
"""Kernel, stride, padding and dilation."""


def conv2d(
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair | str = 0,
    dilation: int | Pair = 1,
    groups: int = 1,
) -> Tensor:
    """Each output channel is the product of its kernel with every window of the images (cross-correlation).

    x: shape (batch, in, height, width). weight: (out, in / groups, *kernel). bias: (out,). stride: from one window
    to the next; padding: of zeros on every side; dilation: from one number of a window to the next; each a number,
    or one for rows and one for columns. padding="same" keeps the image's size, with an odd row or column of zeros
    at the end; "valid" is none. groups: parts of the channels, in order, each of which is convolved by itself.
    The result has the shape (batch, out, rows, columns) with
    rows = (height + 2 padding - dilation (kernel - 1) - 1) // stride + 1.

    Raises ValueError for shapes that do not fit together, or a window larger than the image.
    """
    images = _images("conv2d", x)
    _check_weight("conv2d", images, weight, groups, channels=1)
    out, inputs, *size = weight.shape
    kernel, dilation = (size[0], size[1]), pair("dilation", dilation, 1)
    padding = check_padding(padding, stride)
    if isinstance(padding, str):
        images, padding = _same_or_valid(images, reach(kernel, dilation), padding)
    window, counts = _windows("conv2d", images, kernel, stride, padding, dilation)
    rows = patches(images, *window)
    if groups == 1:
        z = rows @ weight.transpose(2, 3, 1, 0).reshape(-1, out)
    else:
        area = kernel[0] * kernel[1]
        kernels = weight.reshape(groups, out // groups, inputs, area).transpose(0, 3, 2, 1)
        z = _by_group(_exchanged(rows, area, groups, inputs), kernels.reshape(groups, area * inputs, out // groups))
    if bias is not None:
        z = z + bias
    return z.reshape(len(images), *counts, out).transpose(0, 3, 1, 2)


def conv_transpose2d(
    x: Any,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
    dilation: int | Pair = 1,
) -> Tensor:
    """The transpose of `conv2d` as a matrix: every pixel adds its multiple of the kernel to a window of the result.

    x: shape (batch, in, height, width). weight: (in, out / groups, *kernel). The result has the shape
    (batch, out, rows, columns), that of images which `conv2d` with these arguments takes to images like x:
    rows = (height - 1) stride - 2 padding + dilation (kernel - 1) + 1 + output_padding.

    Raises ValueError for shapes that do not fit together, for an output_padding that is neither below the stride nor
    below the dilation, and for a padding that leaves nothing.
    """
    images = _images("conv_transpose2d", x)
    _check_weight("conv_transpose2d", images, weight, groups, channels=0)
    inputs, outputs, *size = weight.shape
    kernel, stride, dilation = (size[0], size[1]), pair("stride", stride, 1), pair("dilation", dilation, 1)
    padding, more = pair("padding", padding, 0), pair("output_padding", output_padding, 0)
    if any(m >= max(s, d) for m, s, d in zip(more, stride, dilation, strict=True)):
        raise ValueError(
            f"conv_transpose2d: output_padding={more} must be below stride={stride} or dilation={dilation}"
        )
    over = reach(kernel, dilation)
    rows, columns = ((images.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + over[i] + more[i] for i in (0, 1))
    if rows < 1 or columns < 1:
        raise ValueError(f"conv_transpose2d: padding={padding} leaves nothing of {images.shape}: {(rows, columns)}")
    images = _extended(images, [m // s for m, s in zip(more, stride, strict=True)])
    pixels = images.transpose(0, 2, 3, 1).reshape(-1, inputs)
    area = kernel[0] * kernel[1]
    if groups == 1:
        products = pixels @ weight.transpose(0, 2, 3, 1).reshape(inputs, area * outputs)
    else:
        kernels = weight.reshape(groups, inputs // groups, outputs, area).swapaxes(2, 3)
        products = _by_group(pixels, kernels.reshape(groups, inputs // groups, area * outputs))
        products = _exchanged(products, groups, area, outputs)
    z = fold(products, (len(images), groups * outputs, rows, columns), kernel, stride, padding, dilation)
    return z if bias is None else z + bias.reshape(-1, 1, 1)


def _by_group(rows: Tensor, kernels: Tensor) -> Tensor:
    """Rows (n, groups · in) times kernels (groups, in, out), each group by itself: (n, groups · out)."""
    groups, inputs, outputs = kernels.shape
    products = rows.reshape(len(rows), groups, inputs).swapaxes(0, 1) @ kernels
    return products.swapaxes(0, 1).reshape(len(rows), groups * outputs)


def _exchanged(rows: Tensor, first: int, second: int, third: int) -> Tensor:
    """Rows of numbers in the order (first, second, third) in the order (second, first, third)."""
    return rows.reshape(len(rows), first, second, third).swapaxes(1, 2).reshape(rows.shape)


def max_pool2d(
    x: Any,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    dilation: int | Pair = 1,
    ceil_mode: bool = False,
) -> Tensor:
    """The maximum of each window, channel by channel: (batch, channels, rows, columns).

    Arguments and errors are as in `conv2d`; stride is the kernel's size by default. ceil_mode: the last windows may
    hang over the end of the image. Ties share the gradient.
    """
    images = _images("max_pool2d", x)
    window, counts = _windows("max_pool2d", images, kernel_size, stride, padding, dilation, ceil_mode)
    return max_pool(_reaching(images, window, counts, -np.inf), *window)


def avg_pool2d(
    x: Any,
    kernel_size: int | Pair,
    stride: int | Pair | None = None,
    padding: int | Pair = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """The mean of each window, channel by channel; otherwise as `max_pool2d`.

    count_include_pad: whether the zeros of the padding count; what hangs over the padding never does.
    divisor_override: what sums are divided by in place of the number of pixels.
    """
    COUNT.check_given(divisor_override=divisor_override)
    images = _images("avg_pool2d", x)
    window, counts = _windows("avg_pool2d", images, kernel_size, stride, padding, 1, ceil_mode)
    area, channels = window[0][0] * window[0][1], images.shape[1]
    rows = patches(_reaching(images, window, counts, 0), *window)
    sums = rows.reshape(len(images), *counts, area, channels).sum(axis=3)
    pixels: Any = area if divisor_override is None else divisor_override
    if divisor_override is None and (ceil_mode or not count_include_pad):
        down, across = (_pixels(images.shape[2 + i], counts[i], window, i, count_include_pad) for i in (0, 1))
        pixels = as_array(np.multiply.outer(down, across)[..., None], images.dtype, like=images.data)
    return (sums / pixels).transpose(0, 3, 1, 2)


def _pixels(length: int, count: int, window: Window, i: int, with_padding: bool) -> NDArray[Any]:
    """Along one axis, how many pixels of the image, or of it and its padding, each window has."""
    kernel, stride, padding, _ = (each[i] for each in window)
    start = np.arange(count) * stride - padding
    end = np.minimum(start + kernel, length + padding)
    return end - start if with_padding else np.minimum(end, length) - np.maximum(start, 0)


def adaptive_avg_pool2d(x: Any, output_size: int | tuple[int | None, int | None] | None) -> Tensor:
    """The means of as many windows as output_size says, which cover the images evenly: (batch, channels, *output_size).

    Window i of n over a length reaches from ⌊i length / n⌋ to ⌈(i + 1) length / n⌉. None keeps the image's size.
    """
    images = _images("adaptive_avg_pool2d", x)
    sizes = output_size if isinstance(output_size, tuple | list) else (output_size, output_size)
    if len(sizes) != 2:
        raise ValueError(f"output_size={output_size!r} must be a number, or one for rows and one for columns")
    COUNT.check_given(output_size=sizes[0])
    COUNT.check_given(output_size=sizes[1])
    for axis, size in zip((2, 3), sizes, strict=True):
        if size is not None:
            images = _means(images, axis, size)
    return images


def _means(images: Tensor, axis: int, count: int) -> Tensor:
    """The means of evenly placed windows along an axis."""
    length = images.shape[axis]
    if not length:
        raise ValueError(f"adaptive_avg_pool2d: images of shape {images.shape} have no pixels")
    before = (slice(None),) * axis
    places = [(*before, slice(i * length // count, -(-(i + 1) * length // count))) for i in range(count)]
    return ops.stack([images[place].mean(axis=axis) for place in places], axis)


def pair(name: str, value: int | Pair, least: int) -> Pair:
    """A number for rows and one for columns; raises ValueError unless they are integers, not below the least."""
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or not all(isinstance(v, int | np.integer) and v >= least for v in both):
        raise ValueError(f"{name}={value!r} must be an integer from {least} on, or a pair of them")
    return int(both[0]), int(both[1])


def check_padding(padding: int | Pair | str, stride: int | Pair) -> Pair | str:
    """A padding as a pair, or the word for one; raises ValueError for another word, and for "same" with a stride."""
    if not isinstance(padding, str):
        return pair("padding", padding, 0)
    check_name("padding", padding, PADDINGS)
    if padding == "same" and pair("stride", stride, 1) != (1, 1):
        raise ValueError(f'padding="same" keeps the size with stride=1 alone, not {stride}')
    return padding


def _images(what: str, x: Any) -> Tensor:
    images = as_tensor(x)
    if images.ndim != 4:
        advice = {2: "; rows become images by .reshape(-1, 1, 28, 28)", 3: "; a single image needs a batch, x[None]"}
        raise ValueError(
            f"{what} takes images of shape (batch, channels, height, width), not {images.shape}"
            f"{advice.get(images.ndim, '')}"
        )
    if images.dtype.kind not in "fc":
        raise TypeError(f"{what} takes floating-point images, not {images.dtype}: use .astype(np.float32)")
    return images


def _check_weight(what: str, images: Tensor, weight: Tensor, groups: int, channels: int) -> None:
    """Raise ValueError unless a weight, whose axis `channels` is that of the images', fits them."""
    COUNT.check(groups=groups)
    expected = images.shape[1] if channels == 0 else images.shape[1] / groups
    if weight.ndim != 4 or weight.shape[channels] != expected or weight.shape[0] % groups:
        axes = "(out, in, *kernel)" if channels else "(in, out, *kernel)"
        in_groups = f" in {groups} groups" if groups > 1 else ""
        raise ValueError(
            f"{what}: a weight of shape {weight.shape}, {axes}, does not fit images of shape {images.shape}, which "
            f"have {images.shape[1]} channels{in_groups}"
        )


def _windows(
    what: str,
    images: Tensor,
    kernel: int | Pair,
    stride: int | Pair | None,
    padding: int | Pair,
    dilation: int | Pair,
    ceil_mode: bool | None = None,
) -> tuple[Window, Pair]:
    """The arguments as pairs, and how many windows there are in a column and in a row; ceil_mode: of pools alone."""
    kernel = pair("kernel_size", kernel, 1)
    stride = kernel if stride is None else pair("stride", stride, 1)
    padding, dilation = pair("padding", padding, 0), pair("dilation", dilation, 1)
    window = kernel, stride, padding, dilation
    if ceil_mode is not None and any(2 * p > k for k, p in zip(kernel, padding, strict=True)):
        raise ValueError(f"{what}: padding={padding} is more than half of kernel_size={kernel}")
    rows, columns = (_count(images.shape[2 + i], window, i, bool(ceil_mode)) for i in (0, 1))
    if rows < 1 or columns < 1:
        over, sizes = reach(kernel, dilation), [images.shape[2 + i] + 2 * padding[i] for i in (0, 1)]
        raise ValueError(
            f"{what}: windows of {over[0]} × {over[1]} do not fit into images of {sizes[0]} × {sizes[1]} pixels"
            + (" (padding included)" if any(padding) else "")
        )
    return window, (rows, columns)


def _count(length: int, window: Window, i: int, ceil_mode: bool) -> int:
    """How many windows there are along one axis; where the last may hang over, it starts within image or padding."""
    kernel, stride, padding, dilation = (each[i] for each in window)
    room = length + 2 * padding - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return room // stride + 1
    last = -(-room // stride)
    return last + (last * stride < length + padding)


def _reaching(images: Tensor, window: Window, counts: Pair, fill: float) -> Tensor:
    """The images, and after their end what the last windows hang over."""
    kernel, stride, padding, dilation = window
    over = reach(kernel, dilation)
    ends = [(counts[i] - 1) * stride[i] + over[i] - 2 * padding[i] for i in (0, 1)]
    return _extended(images, [max(end - n, 0) for end, n in zip(ends, images.shape[2:], strict=True)], fill)


def _extended(images: Tensor, more: Sequence[int], fill: float = 0) -> Tensor:
    """The images with so many rows and columns of a constant after their own."""
    if not any(more):
        return images
    return ops.pad(images, ((0, 0), (0, 0), (0, more[0]), (0, more[1])), constant_values=fill)


def _same_or_valid(images: Tensor, over: Pair, padding: str) -> tuple[Tensor, Pair]:
    """The images, and the padding on every side, for a padding that a word gives."""
    if padding == "valid":
        return images, (0, 0)
    return _extended(images, [(n - 1) % 2 for n in over]), ((over[0] - 1) // 2, (over[1] - 1) // 2)
