"""One table of cases that covers every operation: what to call, on what, and the plain formula it must equal.

A case is a call of a function `f`, which the tests make with the operation on tensors, with the operation on
arrays, and with the reference: NumPy's function of that name, or a formula written out here. To cover a new
operation, add one entry.

Numbers are drawn from one evenly spaced pool for each case, of distinct sizes and at least 0.2 from zero, so
that no input stands on a kink or ties with another.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.array_functions import einstein
from tinygrad_mnist.engine import OPS, ops
from tinygrad_mnist.nn import patches, special

Array = NDArray[Any]
Shape = tuple[int, ...]

FUNCTIONS = ops.FUNCTIONS | einstein.FUNCTIONS | special.FUNCTIONS | patches.FUNCTIONS
"""Every operation by its name, those of nn among them."""

ENGINE = {name: o for name, o in OPS.items() if "array_functions" not in str(o.module) or name == "einsum"}
"""The primitives of the engine and of images; those of NumPy's words have their lines in tests/array_functions."""


@dataclass(frozen=True)
class Case:
    """A call f(*inputs) of one operation; inputs are arrays, each of which is differentiated."""

    call: Callable[..., Any]
    inputs: tuple[Array, ...]


@dataclass(frozen=True)
class Entry:
    """An operation's cases; reference: the same on arrays; analytic: whether complex steps can judge it."""

    reference: Callable[..., Any]
    cases: Sequence[Case]
    analytic: bool = True


def numbers(*shapes: Shape, low: float = 0.2, high: float = 2.0, positive: bool = False) -> tuple[Array, ...]:
    """An array of each shape, all from one pool of distinct sizes between low and high."""
    sizes = [math.prod(shape) for shape in shapes]
    rng = np.random.default_rng(sizes)
    pool = rng.permutation(np.linspace(low, high, sum(sizes)))
    if not positive:
        pool *= rng.choice((-1.0, 1.0), pool.size)
    pieces = np.split(pool, np.cumsum(sizes)[:-1])
    return tuple(piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True))


def on(*shapes: Shape, positive: bool = False, **params: Any) -> Case:
    """f(x, y, …, **params) with an input of each shape."""
    return Case(lambda f, *xs: f(*xs, **params), numbers(*shapes, positive=positive))


def at(*values: Any, **params: Any) -> Case:
    """f(x, y, …, **params) at these values."""
    return Case(lambda f, *xs: f(*xs, **params), tuple(np.array(v, np.float64) for v in values))


def by(call: Callable[..., Any], *shapes: Shape, positive: bool = False) -> Case:
    """Any call of f with an input of each shape."""
    return Case(call, numbers(*shapes, positive=positive))


def joined(*shapes: Shape, **params: Any) -> Case:
    """f([x, y, …], **params)."""
    return by(lambda f, *xs: f(list(xs), **params), *shapes)


def summed(subscripts: str, *shapes: Shape) -> Case:
    """f(subscripts, x, y, …)."""
    return by(lambda f, *xs: f(subscripts, *xs), *shapes)


def indexed(shape: Shape, index: Any) -> Case:
    """f(x, index)."""
    return by(lambda f, x: f(x, index), shape)


ELEMENTWISE = [on(()), on((4,)), on((2, 3)), on((2, 1, 3))]
POSITIVE = [on((), positive=True), on((2, 3), positive=True), on((1, 4), positive=True)]
BROADCAST = [
    on((3, 4), (3, 4)),
    on((3, 4), (4,)),
    on((3, 1), (1, 4)),
    on((1,), (2, 3)),
    on((), (2, 3)),
    on((2, 1, 3), (4, 1)),
    on((), ()),
    by(lambda f, x: f(x, 0.75), (2, 3)),
    by(lambda f, x: f(3, x), (2, 3)),
    by(lambda f, x: f(x, x), (2, 3)),
    by(lambda f, x: f(x, np.array([[0.55], [-0.85]])), (2, 3)),
]
AXES = [
    on((2, 3)),
    on((2, 3), axis=0),
    on((2, 3), axis=-1, keepdims=True),
    on((2, 3), keepdims=True),
    on((2, 3, 2), axis=(0, 2)),
    on((2, 3, 2), axis=(-1, 0), keepdims=True),
    on((2, 1, 3), axis=1),
    on((2, 3), axis=()),
    on(()),
    on((1,), axis=0),
]
SPREAD = [
    on((2, 3)),
    on((2, 3), axis=0, ddof=1),
    on((2, 3, 2), axis=(0, -1), keepdims=True),
    on((4,), axis=-1),
    on((3, 2), ddof=1, keepdims=True),
]
INDICES: list[tuple[Shape, Any]] = [
    ((4, 3), 2),
    ((4, 3), -1),
    ((4, 3), np.int64(1)),
    ((4, 3), slice(1, 3)),
    ((5, 3), slice(None, None, -2)),
    ((5, 3), (slice(4, 0, -3), 1)),
    ((2, 3, 4), (..., 1)),
    ((2, 3, 4), (0, ..., slice(None, None, 2))),
    ((3, 4), (None, slice(1), None)),
    ((3,), slice(2, 2)),
    ((4, 3), [0, 2, 2, 0, 2]),
    ((4, 3), np.array([[1, 1], [3, -1]])),
    ((4, 3), (np.array([0, 0, 3]), np.array([2, 2, 1]))),
    ((4, 3), (np.array([[0], [2]]), np.array([1, 1, 0]))),
    ((2, 3, 4), (slice(None), [2, 0, 2])),
    ((2, 3, 4), ([1, 1], slice(None), [3, 3])),
    ((4, 3), (slice(None), (0, 0, 2))),
    ((4, 3), np.array([True, False, True, True])),
    ((2, 3), np.array([[True, False, True], [False, True, False]])),
    ((4, 3), (np.array([False, True, True, False]), 2)),
    ((2,), np.zeros(2, bool)),
    ((), ()),
    ((), None),
]
MASK = np.array([[True, False, True], [False, False, True]])


def _scatter_add(x: Array, index: Any, shape: Shape) -> Array:
    """Element by element, as a loop over where each element of the index points."""
    places = np.arange(math.prod(shape)).reshape(shape)[index]
    out = np.zeros(math.prod(shape), x.dtype)
    for place, value in zip(np.ravel(places), np.ravel(np.broadcast_to(x, np.shape(places))), strict=True):
        out[place] += value
    return out.reshape(shape)


def _pad(x: Array, pad_width: Any, constant_values: float = 0) -> Array:
    return np.pad(x, pad_width, constant_values=constant_values)


def _logsumexp(x: Array, axis: Any = None, keepdims: bool = False) -> Array:
    return np.log(np.sum(np.exp(x), axis=axis, keepdims=keepdims))


def _softmax(x: Array, axis: Any = -1) -> Array:
    return np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True)


def _gelu(x: Array) -> Array:
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))


def _erf(x: Array) -> Array:
    return np.vectorize(math.erf, otypes=[x.dtype])(x)


def _flatten(x: Array, start_axis: int = 0) -> Array:
    return x.reshape((*x.shape[:start_axis], math.prod(x.shape[start_axis:])))


def _window_rows(
    x: Array, kernel: Shape, stride: Shape = (1, 1), padding: Shape = (0, 0), dilation: Shape = (1, 1), fill: float = 0
) -> Array:
    """Window by window, as loops: shape (batch, rows, columns, *kernel, channels)."""
    frame = ((0, 0), (0, 0), *((p, p) for p in padding))
    x = np.pad(x, frame, constant_values=fill)
    over = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    starts = [range(0, size - n + 1, s) for size, n, s in zip(x.shape[2:], over, stride, strict=True)]
    rows = [
        [x[:, :, i : i + over[0] : dilation[0], j : j + over[1] : dilation[1]] for j in starts[1]] for i in starts[0]
    ]
    return np.array(rows).transpose(2, 0, 1, 4, 5, 3)


def _patches(
    x: Array, kernel: Shape, stride: Shape = (1, 1), padding: Shape = (0, 0), dilation: Shape = (1, 1)
) -> Array:
    rows = _window_rows(x, kernel, stride, padding, dilation)
    return rows.reshape(math.prod(rows.shape[:3]), -1)


def _fold(
    rows: Array, shape: Shape, kernel: Shape, stride: Shape = (1, 1), padding: Shape = (0, 0), dilation: Shape = (1, 1)
) -> Array:
    """The transpose of patches, which takes each number of each row from one place, or from the frame."""
    places = _patches(np.arange(1.0, math.prod(shape) + 1).reshape(shape), kernel, stride, padding, dilation).astype(
        int
    )
    out = np.zeros(math.prod(shape) + 1, rows.dtype)
    np.add.at(out, places, rows)
    return out[1:].reshape(shape)


def _max_pool(x: Array, kernel: Shape, stride: Shape, padding: Shape = (0, 0), dilation: Shape = (1, 1)) -> Array:
    return _window_rows(x, kernel, stride, padding, dilation, -np.inf).max(axis=(3, 4)).transpose(0, 3, 1, 2)


def _unpool(
    g: Array, x: Array, top: Array, kernel: Shape, stride: Shape, padding: Shape = (0, 0), dilation: Shape = (1, 1)
) -> Array:
    by_window = (slice(None), slice(None), slice(None), None, None)
    wins = _window_rows(x, kernel, stride, padding, dilation, -np.inf) == top.transpose(0, 2, 3, 1)[by_window]
    shares = wins * (g.transpose(0, 2, 3, 1)[by_window] / wins.sum(axis=(3, 4), keepdims=True, dtype=g.dtype))
    return _fold(shares.reshape(math.prod(shares.shape[:3]), -1), x.shape, kernel, stride, padding, dilation)


WINDOWS: list[tuple[Shape, ...]] = [
    # the shape of the images, kernel, stride, padding, dilation
    ((2, 1, 4, 4), (2, 2), (2, 2), (0, 0)),
    ((1, 2, 5, 4), (3, 2), (1, 1), (1, 0)),
    ((2, 4, 3, 5), (2, 3), (1, 2), (0, 1)),
    ((1, 5, 5, 3), (2, 1), (3, 2), (1, 0)),
    ((1, 3, 2, 2), (2, 2), (1, 1), (0, 0)),
    ((2, 1, 3, 3), (1, 1), (2, 1), (0, 0)),
    ((1, 2, 6, 5), (2, 3), (1, 1), (1, 0), (3, 2)),
    ((1, 4, 5, 6), (3, 2), (2, 3), (1, 1), (2, 4)),
]
"""Few and many channels; windows that overlap, touch, leave pixels out between or within them; with a frame or not."""

WINDOW = ("kernel", "stride", "padding", "dilation")


def tied(shape: Shape, dtype: Any) -> Array:
    """Images of few numbers, so that several places of a window hold its maximum."""
    return np.random.default_rng(0).integers(0, 3, shape).astype(dtype)


TABLE: dict[str, Entry] = {
    # arithmetic
    "add": Entry(np.add, BROADCAST),
    "sub": Entry(np.subtract, BROADCAST),
    "mul": Entry(np.multiply, BROADCAST),
    "div": Entry(np.divide, BROADCAST),
    "neg": Entry(np.negative, ELEMENTWISE),
    "pow": Entry(
        np.power,
        [
            *(by(lambda f, x, n=n: f(x, n), (2, 3)) for n in (0, 1, 2, 3, -1, -2)),
            *(by(lambda f, x, y=y: f(x, y), (2, 3), positive=True) for y in (0.5, -1.5, 0.0)),
            *(by(lambda f, x, y=y: f(y, x), (2, 3)) for y in (2, 0.5)),
            on((2, 3), (2, 3), positive=True),
            on((2, 1), (3,), positive=True),
            on((), (), positive=True),
            by(lambda f, x: f(x, x), (4,), positive=True),
            by(lambda f, x: f(x, np.array([0, 1, 2, 3, -1])), (5,)),
            at([0.7, 1.3, 1.9], [0.0, 1.0, 2.0]),
            Case(lambda f, x: f(x, np.array([0.0, 1.0, 2.0, 3.0])), (np.zeros(4),)),
            Case(lambda f, x: f(x, 2), (np.array([0.0, 1.0, -1.0]),)),
        ],
    ),
    "vdot": Entry(lambda x, y: (x * y).sum(), [on((3,), (3,)), on((2, 3), (2, 3)), on((), ())]),
    "matmul": Entry(
        np.matmul,
        [
            on((3,), (3,)),
            on((3,), (3, 2)),
            on((2, 3), (3,)),
            on((2, 3), (3, 4)),
            on((1, 3), (3, 1)),
            on((3,), (2, 3, 4)),
            on((2, 4, 3), (3,)),
            on((2, 2, 3), (2, 3, 2)),
            on((2, 2, 3), (3, 2)),
            on((2, 3), (2, 3, 2)),
            on((2, 1, 2, 3), (3, 3, 1)),
            by(lambda f, x: f(x, x), (3, 3)),
        ],
    ),
    # elementwise functions
    "exp": Entry(np.exp, ELEMENTWISE),
    "log": Entry(np.log, POSITIVE),
    "log1p": Entry(np.log1p, [*POSITIVE, at([-0.9, -1e-9, 1e-12])]),
    "expm1": Entry(np.expm1, [*ELEMENTWISE, at([-1e-9, 1e-12])]),
    "sqrt": Entry(np.sqrt, POSITIVE),
    "abs": Entry(np.abs, ELEMENTWISE, analytic=False),
    "sin": Entry(np.sin, ELEMENTWISE),
    "cos": Entry(np.cos, ELEMENTWISE),
    "tanh": Entry(np.tanh, ELEMENTWISE),
    "sigmoid": Entry(lambda x: 1 / (1 + np.exp(-x)), ELEMENTWISE),
    "softplus": Entry(lambda x: np.log(1 + np.exp(x)), ELEMENTWISE),
    "relu": Entry(lambda x: np.where(x > 0, x, 0), ELEMENTWISE),
    "leaky_relu": Entry(
        lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        [*ELEMENTWISE, on((2, 3), negative_slope=0.3), on((2, 3), negative_slope=1.5), on((4,), negative_slope=0)],
    ),
    "elu": Entry(
        lambda x, alpha=1.0: np.where(x > 0, x, alpha * (np.exp(x) - 1)), [*ELEMENTWISE, on((2, 3), alpha=0.4)]
    ),
    "gelu": Entry(_gelu, ELEMENTWISE),
    "erf": Entry(_erf, [*ELEMENTWISE, at([0.4687, 0.4688, -0.4687, -0.4688, 3.0, -5.0, 0.0])]),
    "silu": Entry(lambda x: x / (1 + np.exp(-x)), ELEMENTWISE),
    "maximum": Entry(np.maximum, BROADCAST),
    "minimum": Entry(np.minimum, BROADCAST),
    "clip": Entry(
        np.clip,
        [
            on((2, 3), min=-0.7, max=0.6),
            on((2, 3), min=-0.7),
            on((2, 3), max=0.6),
            on((), min=0.01, max=5),
            by(lambda f, x: f(x, -0.7, 0.6), (4,)),
            on((2, 3), min=np.array([-1.9, 0.01, -0.01]), max=np.array([[0.05], [0.3]])),
            on((3,), min=np.array([[-0.4], [0.1]])),
        ],
    ),
    "where": Entry(
        np.where,
        [
            by(lambda f, x, y: f(MASK, x, y), (2, 3), (2, 3)),
            by(lambda f, x, y: f(MASK, x, y), (3,), (2, 1)),
            by(lambda f, x, y: f(MASK[0], x, y), (2, 3), ()),
            by(lambda f, x: f(MASK, x, 0), (2, 3)),
            by(lambda f, x: f(MASK, 1.5, x), (3,)),
            by(lambda f, x, y: f(True, x, y), (2,), (2,)),
            by(lambda f, x: f(x > 0, x, -2 * x), (2, 3)),
        ],
    ),
    # reductions
    "sum": Entry(np.sum, AXES),
    "mean": Entry(np.mean, AXES),
    "max": Entry(np.max, AXES),
    "min": Entry(np.min, AXES),
    "prod": Entry(
        np.prod,
        [
            *AXES,
            at([[0.5, 0.0, 2.0], [1.5, -1.0, 0.7]], axis=1),
            at([[0.5, 0.0, 2.0], [0.0, -1.0, 0.7]], axis=-1, keepdims=True),
            at([[0.5, 0.0, 2.0], [0.0, -1.0, 0.7]], axis=0),
            at([[0.0, 0.5, 0.0], [0.8, -1.0, 0.7]], axis=1),
            at([0.0, 0.0, 0.0, 0.9]),
            at([[[0.0, 1.1], [0.6, -0.4]], [[1.7, 0.9], [0.8, 0.3]]], axis=(0, 2)),
            at(0.0),
        ],
    ),
    "var": Entry(np.var, SPREAD),
    "std": Entry(np.std, SPREAD),
    "cumsum": Entry(
        np.cumsum, [on((4,)), on((2, 3)), on((2, 3), axis=0), on((2, 3), axis=-1), on((2, 1, 3), axis=1), on(())]
    ),
    "logsumexp": Entry(_logsumexp, AXES),
    "softmax": Entry(
        _softmax, [on((2, 3)), on((4,)), on((3, 2), axis=0), on((2, 3, 2), axis=(0, 2)), on((2, 3), axis=None)]
    ),
    "log_softmax": Entry(
        lambda x, axis=-1: np.log(_softmax(x, axis)),
        [on((2, 3)), on((4,)), on((3, 2), axis=0), on((2, 3, 2), axis=(0, -1)), on((2, 1), axis=1)],
    ),
    # shape
    "reshape": Entry(
        np.reshape,
        [
            on((2, 6), shape=(3, 4)),
            on((2, 6), shape=(-1, 3)),
            on((2, 3), shape=6),
            on((1,), shape=()),
            on((), shape=(1, 1)),
        ],
    ),
    "transpose": Entry(
        np.transpose,
        [on((2, 3)), on((2, 3, 4)), on((2, 3, 4), axes=(1, 2, 0)), on((2, 3, 4), axes=(-1, 0, -2)), on((3,)), on(())],
    ),
    "swapaxes": Entry(
        np.swapaxes, [on((2, 3), axis1=0, axis2=1), on((2, 3, 4), axis1=-1, axis2=0), on((2, 3), axis1=1, axis2=1)]
    ),
    "broadcast_to": Entry(
        np.broadcast_to,
        [
            on((3,), shape=(2, 3)),
            on((2, 1), shape=(4, 2, 3)),
            on((), shape=(2, 2)),
            on((1, 1), shape=(1, 1)),
            on((3,), shape=3),
        ],
    ),
    "flip": Entry(
        np.flip, [on((2, 3)), on((2, 3), axis=0), on((2, 3), axis=-1), on((2, 3, 2), axis=(0, -1)), on((4,))]
    ),
    "pad": Entry(
        _pad,
        [
            on((2, 3), pad_width=1),
            on((2, 3), pad_width=(1, 2)),
            on((2, 3), pad_width=((0, 1), (2, 0))),
            on((2, 3), pad_width=((1, 2),), constant_values=0.5),
            on((2, 3), pad_width=((1,), (2,))),
            on((3,), pad_width=(2,)),
            on((2, 3), pad_width=0),
        ],
    ),
    "astype": Entry(
        lambda x, dtype: x.astype(dtype), [by(lambda f, x: f(x, x.dtype), (2, 3)), by(lambda f, x: f(x, x.dtype), ())]
    ),
    "expand_dims": Entry(
        np.expand_dims,
        [on((2, 3), axis=0), on((2, 3), axis=-1), on((2, 3), axis=(0, 2)), on((3,), axis=(-1, 0)), on((), axis=0)],
    ),
    "squeeze": Entry(
        np.squeeze,
        [on((1, 3, 1)), on((1, 3, 1), axis=0), on((1, 3, 1), axis=-1), on((1, 3, 1), axis=(0, 2)), on((2, 3)), on(())],
    ),
    "flatten": Entry(_flatten, [on((2, 3)), on((2, 3, 2), start_axis=1), on((2, 3, 2), start_axis=-1), on(())]),
    # indexing and joining
    "getitem": Entry(lambda x, index: x[index], [indexed(shape, index) for shape, index in INDICES]),
    "scatter_add": Entry(
        _scatter_add,
        [by(lambda f, x, i=index, s=shape: f(x, i, s), np.empty(shape)[index].shape) for shape, index in INDICES],
    ),
    "concatenate": Entry(
        np.concatenate,
        [
            joined((2, 3), (1, 3)),
            joined((2, 3), (2, 1), (2, 2), axis=-1),
            joined((2, 0), (2, 2), axis=1),
            joined((3,)),
            joined((2, 3), (4,), axis=None),
            by(lambda f, x: f([x, x], axis=1), (2, 3)),
            by(lambda f, x: f([x, np.array([[1.0, 2.0]], x.dtype)]), (1, 2)),
        ],
    ),
    "stack": Entry(
        np.stack,
        [joined((2, 3), (2, 3)), joined((2, 3), (2, 3), axis=-1), joined((), ()), joined((3,), (3,), (3,), axis=1)],
    ),
    "split": Entry(
        np.split,
        [
            by(lambda f, x: f(x, 2), (4, 3)),
            by(lambda f, x: f(x, 3, axis=-1), (2, 3)),
            by(lambda f, x: f(x, [1, 3], axis=0), (4, 2)),
            by(lambda f, x: f(x, (2, 2, 5), axis=1), (2, 4)),
            by(lambda f, x: f(x, 1), (2,)),
        ],
    ),
    "take": Entry(
        np.take,
        [
            by(lambda f, x: f(x, [5, 0, 0, -1]), (2, 3)),
            by(lambda f, x: f(x, np.array([[2, 2], [0, -3]]), axis=1), (2, 3)),
            by(lambda f, x: f(x, 1, axis=0), (2, 3)),
            by(lambda f, x: f(x, [0, 0], axis=-2), (2, 3, 2)),
        ],
    ),
    "take_along_axis": Entry(
        np.take_along_axis,
        [
            by(lambda f, x: f(x, np.array([[2, 0], [1, 1]]), axis=1), (2, 3)),
            by(lambda f, x: f(x, np.array([[1, 0, 1]]), axis=0), (2, 3)),
            by(lambda f, x: f(x, np.array([[-1], [0]]), axis=-1), (2, 3)),
            by(lambda f, x: f(x, np.array([2, 2, 0]), axis=0), (3,)),
            by(lambda f, x: f(x, np.zeros((2, 1, 2), int), axis=1), (2, 3, 2)),
        ],
    ),
    "einsum": Entry(
        np.einsum,
        [
            summed("ij,jk->ik", (2, 3), (3, 4)),
            summed("ij,jk", (2, 3), (3, 2)),
            summed("ba", (2, 3)),
            summed("ii", (3, 3)),
            summed("ii->i", (3, 3)),
            summed("iij->j", (2, 2, 3)),
            summed("iii->i", (2, 2, 2)),
            summed("ij->", (2, 3)),
            summed("ij->j", (2, 3)),
            summed("ij,k->i", (2, 3), (2,)),
            summed("i,i->", (3,), (3,)),
            summed("i,j->ij", (2,), (3,)),
            summed("ij,ij->ji", (2, 3), (2, 3)),
            summed("ii,i->", (3, 3), (3,)),
            summed("ij,jk,kl->il", (2, 3), (3, 2), (2, 2)),
            summed("b i, i j, b j -> b", (2, 3), (3, 2), (2, 2)),
            summed("...i,i->...", (2, 2, 3), (3,)),
            summed("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
            summed("...ij,...jk", (2, 1, 2, 3), (3, 3, 2)),
            summed("i...->...", (3, 2)),
            summed("...ii->...i", (2, 3, 3)),
            summed("...,...->...", (2, 1), (3,)),
            summed("ij,ij->j", (2, 3), (1, 3)),
            summed(",i->i", (), (3,)),
            by(lambda f, x: f("ij,ij->i", x, x), (2, 3)),
            by(lambda f, x: f("ij,jk->ik", x, np.array([[1.0], [2.0], [3.0]], x.dtype)), (2, 3)),
        ],
    ),
    # windows over images
    "patches": Entry(_patches, [on(shape, **dict(zip(WINDOW, window))) for shape, *window in WINDOWS]),
    "fold": Entry(
        _fold,
        [
            on(_patches(np.zeros(shape), *window).shape, shape=shape, **dict(zip(WINDOW, window)))
            for shape, *window in WINDOWS
        ],
    ),
    "max_pool": Entry(_max_pool, [on(shape, **dict(zip(WINDOW, window))) for shape, *window in WINDOWS]),
    "unpool": Entry(
        _unpool,
        [
            by(
                lambda f, g, shape=shape, window=window: f(
                    g, x := tied(shape, g.dtype), _max_pool(x, *window), *window
                ),
                _max_pool(np.zeros(shape), *window).shape,
            )
            for shape, *window in WINDOWS
        ],
    ),
}
