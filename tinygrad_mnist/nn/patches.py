"""Windows over images, as operations: patches and their transpose fold (im2col, col2im), and the maximum of each.

Images have the shape (batch, channels, height, width). Whatever the shape says, what is computed here lies in
memory with the channels last, as PyTorch's channels_last: neighbours in a row are copied as one run, and
each operation meets the order that the one before it left.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from itertools import product

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import Array
from tinygrad_mnist.engine.ops import _masked as masked
from tinygrad_mnist.engine.primitive import op

Pair = tuple[int, int]
FEW_CHANNELS = 4

# One large block taken and given back: from then on glibc keeps as much freed memory for the next step, which
# would otherwise spend a third of its time getting the same pages from the system anew. 32 MiB is the largest
# block it learns from; no page of it is touched. Others ignore it.
np.empty(31 << 20, np.uint8)


def _channels_last(x: Array) -> Array:
    return x.transpose(0, 2, 3, 1)


def _channels_first(x: Array) -> Array:
    return x.transpose(0, 3, 1, 2)


def _frame(shape: tuple[int, ...], padding: Pair, fill: float, like: Array) -> tuple[Array, Array]:
    """Images of a constant, channels last, with a frame around the shape; and what lies within the frame.

    They are on the device, and of the dtype, of another array.
    """
    n, c, h, w = shape
    dy, dx = padding
    framed = np.empty((n, h + 2 * dy, w + 2 * dx, c), like.dtype, like=like)
    framed[...] = fill
    return framed, framed[:, dy : dy + h, dx : dx + w]


def _framed(x: Array, padding: Pair, fill: float) -> Array:
    if padding == (0, 0):
        return _channels_last(x)
    framed, inside = _frame(x.shape, padding, fill, x)
    inside[...] = _channels_last(x)
    return framed


def reach(kernel: Pair, dilation: Pair) -> Pair:
    """How many rows and columns of pixels a window lies over: between its numbers, dilation - 1 are left out."""
    return dilation[0] * (kernel[0] - 1) + 1, dilation[1] * (kernel[1] - 1) + 1


def _windows(framed: Array, kernel: Pair, stride: Pair, dilation: Pair, writeable: bool = False) -> Array:
    """Every window, as a view of shape (batch, rows, columns, *kernel, channels)."""
    view = sliding_window_view(framed, reach(kernel, dilation), axis=(1, 2), writeable=writeable)
    view = view[:, :: stride[0], :: stride[1], :, :: dilation[0], :: dilation[1]]
    return view.transpose(0, 1, 2, 4, 5, 3)


def _places(framed: Array, kernel: Pair, stride: Pair, dilation: Pair) -> list[Array]:
    """The first number of every window, as a view of shape (batch, rows, columns, channels), the second, and so on."""
    rows, columns = reach(kernel, dilation)
    heights, widths = framed.shape[1] - rows + 1, framed.shape[2] - columns + 1
    return [
        framed[:, i : i + heights : stride[0], j : j + widths : stride[1]]
        for i, j in product(range(0, rows, dilation[0]), range(0, columns, dilation[1]))
    ]


def _turns(over: Pair, stride: Pair) -> Iterator[tuple[slice, ...]]:
    """Indices of windows, by turns: those of one turn do not overlap, and all turns together are every window."""
    down, across = (-(-length // s) for length, s in zip(over, stride, strict=True))
    return ((slice(None), slice(i, None, down), slice(j, None, across)) for i, j in product(range(down), range(across)))


def _patches_vjp(g: Array, out: Array, x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    return fold(g, x.shape, kernel, stride, padding, dilation)


@op(_patches_vjp)
def patches(x: Array, /, kernel: Pair, stride: Pair = (1, 1), padding: Pair = (0, 0), dilation: Pair = (1, 1)) -> Array:
    """A row for each window, its numbers in the order (*kernel, channels), with a frame of zeros around x."""
    framed, length = _framed(x, padding, 0), kernel[0] * kernel[1] * x.shape[1]
    if not isinstance(x, np.ndarray):  # on a device, a copy for each place takes one program for all
        return np.stack(_places(framed, kernel, stride, dilation), axis=3).reshape(-1, length)
    windows = _windows(framed, kernel, stride, dilation)
    # of one channel or three, the pixels of a row make longer runs than the channels of a window
    order = (3, 4, 5, 0, 1, 2) if x.shape[1] < FEW_CHANNELS else (0, 1, 2, 3, 4, 5)
    copy = np.empty([windows.shape[i] for i in order], x.dtype).transpose(np.argsort(order))
    copy[...] = windows
    return copy.reshape(-1, length)


@op(lambda g, out, rows, shape, **window: patches(g, **window))
def fold(
    rows: Array,
    /,
    shape: tuple[int, ...],
    kernel: Pair,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
) -> Array:
    """Images of a shape, to which every row is added where `patches` takes it from."""
    framed, inside = _frame(shape, padding, 0, rows)
    if not isinstance(rows, np.ndarray):  # CuPy's windows can't be written to
        places = _places(framed, kernel, stride, dilation)
        by_place = rows.reshape(*places[0].shape[:3], len(places), shape[1])
        for i, place in enumerate(places):
            place += by_place[:, :, :, i]
        return _channels_first(inside)
    windows = _windows(framed, kernel, stride, dilation, writeable=True)
    rows = rows.reshape(windows.shape)
    for turn in _turns(reach(kernel, dilation), stride):
        windows[turn] += rows[turn]
    return _channels_first(inside)


def _max_pool_vjp(g: Array, out: Array, x: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> Array:
    return unpool(g, x, out, kernel, stride, padding, dilation)


@op(_max_pool_vjp)
def max_pool(x: Array, /, kernel: Pair, stride: Pair, padding: Pair = (0, 0), dilation: Pair = (1, 1)) -> Array:
    """The maximum of each window, channel by channel; ties share the gradient, and the frame never wins."""
    return _channels_first(reduce(np.maximum, _places(_framed(x, padding, -np.inf), kernel, stride, dilation)))


def _winners(x: Array, top: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair) -> tuple[Array, Array]:
    """Which places of each window hold its maximum, (places, batch, rows, columns, channels); and how many do."""
    top = _channels_last(top)
    places = _places(_framed(x, padding, -np.inf), kernel, stride, dilation)
    wins = np.empty((len(places), *top.shape), bool, like=top)
    for place, wins_there in zip(places, wins, strict=True):
        np.equal(place, top, out=wins_there)
    return wins, _channels_first(np.add.reduce(wins, axis=0, dtype=top.dtype))


def _unpool_vjp(
    u: Array, out: Array, g: Array, x: Array, top: Array, kernel: Pair, stride: Pair, padding: Pair, dilation: Pair
) -> Array:
    wins, ties = _winners(plain(x), plain(top), kernel, stride, padding, dilation)
    rows = patches(u, kernel, stride, padding, dilation)
    by_place = rows.reshape(*wins.shape[1:4], len(wins), wins.shape[4]).transpose(3, 0, 1, 2, 4)
    return _channels_first(masked(by_place, wins).sum(axis=0)) / ties


@op(_unpool_vjp, None, None)
def unpool(
    g: Array, x: Array, top: Array, /, kernel: Pair, stride: Pair, padding: Pair = (0, 0), dilation: Pair = (1, 1)
) -> Array:
    """Images like x, to which every window adds its g, shared equally among the places where x is at its top."""
    framed, inside = _frame(x.shape, padding, 0, g)
    wins, ties = _winners(x, top, kernel, stride, padding, dilation)
    share = _channels_last(g / ties)
    for place, wins_there in zip(_places(framed, kernel, stride, dilation), wins, strict=True):
        place += masked(share, wins_there)
    return _channels_first(inside)


FUNCTIONS = {"patches": patches, "fold": fold, "max_pool": max_pool, "unpool": unpool}
"""The operations of this module by name."""
