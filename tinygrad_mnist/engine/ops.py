"""Every operation: first the primitives, each with its forward and its rules, then what composes from them.

A rule is `vjp(g, out, *inputs, **params)`: g is ∂L/∂out, and the result is ∂L/∂input. It may have the
shape that broadcasting gave; `autodiff.unbroadcast` sums it back. It is written with operators, methods and
functions that arrays and tensors share (np.exp of a tensor records), so the same line runs on arrays, for speed,
and on tensors, to be differentiated again. Masks come from comparisons, which give plain boolean arrays: a
constant, as the derivative wants it.

At a kink a rule takes one side: relu'(0) = 0, leaky_relu'(0) = negative_slope, elu'(0) = alpha,
abs'(0) = 0, and clip' is 1 on its bounds. Ties in max, min, maximum and minimum share equally.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Sequence
from itertools import accumulate, pairwise
from types import FunctionType
from typing import Any, TypeVar

import numpy as np

from tinygrad_mnist import devices
from tinygrad_mnist.engine.node import plain as _plain
from tinygrad_mnist.engine.primitive import Function, op

Array = Any
"""An ndarray or a Tensor; what comes out is of the same kind."""

Axis = int | tuple[int, ...] | None
F = TypeVar("F", bound=Function)


def _masked(g: Array, mask: Any) -> Array:
    """g where the mask holds and 0 elsewhere, were g infinite or NaN there, of which a product makes NaN."""
    if isinstance(g, np.ndarray) and g.itemsize <= 8:  # its bits, times 0 or 1: np.where takes 3 to 10 times as long
        return (g.view(f"i{g.itemsize}") * mask).view(g.dtype)
    return where(mask, g, 0)


def _in_float32(function: F) -> F:
    """A function that computes with float16 in float32, as NumPy's mean does: 70 000 ones add up beyond its range."""

    def wide(x: Array, *args: Any, **named: Any) -> Array:
        half = x.dtype == np.float16
        out = function(astype(x, np.float32) if half else x, *args, **named)
        return astype(out, np.float16) if half else out

    return functools.wraps(function)(wide)  # type: ignore[return-value]


# arithmetic

add = op(lambda g, out, x, y: g, lambda g, out, x, y: g, label="+")(np.add)
sub = op(lambda g, out, x, y: g, lambda g, out, x, y: -g, name="sub", label="−")(np.subtract)
mul = op(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x, name="mul", label="×")(np.multiply)
div = op(lambda g, out, x, y: g / y, lambda g, out, x, y: -g * out / y, name="div", label="÷")(np.divide)
neg = op(lambda g, out, x: -g, name="neg", label="−")(np.negative)


def _pow_vjp_base(g: Array, out: Array, x: Array, y: Array) -> Array:
    if isinstance(y, int | float):
        return g * (y * x ** (y - 1)) if y != 0 else _masked(g, False)
    return g * y * where((x == 0) & (y == 0), 1, x) ** (y - 1.0)  # 0 ** 0 is flat, though 0 ** -1 has no value


def _pow_vjp_exponent(g: Array, out: Array, x: Array, y: Array) -> Array:
    return g * out * log(where(np.logical_and(x == 0, y >= 0), g.dtype.type(1), x))  # 0 ** y stays 0 as y varies


pow = op(_pow_vjp_base, _pow_vjp_exponent, label="^")(operator.pow)


def _matmul_vjp_left(g: Array, out: Array, x: Array, y: Array) -> Array:
    if y.ndim == 1:
        return g * y if x.ndim == 1 else expand_dims(g, -1) * y
    return (y @ expand_dims(g, -1))[..., 0] if x.ndim == 1 else g @ y.mT


def _matmul_vjp_right(g: Array, out: Array, x: Array, y: Array) -> Array:
    if x.ndim == 1:
        return g * x if y.ndim == 1 else expand_dims(x, -1) * expand_dims(g, -2)
    as_y_lies = _plain(y).flags.f_contiguous  # then W of x @ W.T gets its gradient in W's order
    return (x.mT @ expand_dims(g, -1))[..., 0] if y.ndim == 1 else (g.mT @ x).mT if as_y_lies else x.mT @ g


matmul = op(_matmul_vjp_left, _matmul_vjp_right, label="@")(np.matmul)


@op(lambda g, out, x, y: g * y, lambda g, out, x, y: g * x, label="Σ×")
def vdot(x: Array, y: Array, /) -> Array:
    """Σ x y over all elements of two arrays of one shape: their inner product (nothing is conjugated)."""
    x, y = devices.as_array(x), devices.as_array(y)
    if x.shape != y.shape:
        raise ValueError("an inner product takes two arrays of one shape")
    inner = np.dot if x.dtype.kind == "c" else np.vdot  # which conjugates, but does not warn of 0 times infinity
    return inner(x.reshape(-1), y.reshape(-1))


# elementwise functions

exp = op(lambda g, out, x: g * out)(np.exp)
log: Function = op(lambda g, out, x: g / x)(np.log)
log1p = op(lambda g, out, x: g / (1 + x))(np.log1p)
expm1 = op(lambda g, out, x: g * exp(x))(np.expm1)
sqrt = op(lambda g, out, x: g / (2 * out), label="√")(np.sqrt)
abs = op(lambda g, out, x: _masked(where(x > 0, g, -g), x != 0), name="abs", label="|·|")(np.absolute)
sin = op(lambda g, out, x: g * cos(x))(np.sin)
cos: Function = op(lambda g, out, x: -g * sin(x))(np.cos)
tanh = op(lambda g, out, x: g * (1 - out * out))(np.tanh)


def _share(wins: Array, ties: Array, g: Array) -> Array:
    return _masked(g, wins) + _masked(0.5 * g, ties)


maximum = op(lambda g, out, x, y: _share(x > y, x == y, g), lambda g, out, x, y: _share(y > x, x == y, g))(np.maximum)
minimum = op(lambda g, out, x, y: _share(x < y, x == y, g), lambda g, out, x, y: _share(y < x, x == y, g))(np.minimum)


def _exp_of_minus_abs(x: Array) -> Array:
    return np.exp(np.where(x > 0, -x, x))


@op(lambda g, out, x: g * out * (1 - out), label="σ")
def sigmoid(x: Array, /) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    small = _exp_of_minus_abs(x)
    return np.where(x > 0, 1, small) / (1 + small)


@op(lambda g, out, x: g * sigmoid(x))
def softplus(x: Array, /) -> Array:
    """log(1 + exp(x)), without overflow."""
    return np.where(x > 0, x, 0) + np.log1p(_exp_of_minus_abs(x))


@op(lambda g, out, x: _masked(g, x > 0))
def relu(x: Array, /) -> Array:
    """max(x, 0)."""
    return np.maximum(x, 0)


def _leaky_relu_vjp(g: Array, out: Array, x: Array, negative_slope: float) -> Array:
    if not negative_slope:
        return _masked(g, x > 0)
    slope = (x > 0).astype(g.dtype)  # in place from here, as np.where would take twice as long
    slope *= 1 - negative_slope
    slope += negative_slope
    return g * slope


@op(_leaky_relu_vjp)
def leaky_relu(x: Array, /, negative_slope: float = 0.01) -> Array:
    """x where it is positive, negative_slope * x elsewhere."""
    return (np.maximum if negative_slope <= 1 else np.minimum)(x, negative_slope * x if negative_slope else 0.0)


@op(lambda g, out, x, alpha: where(x > 0, g, g * alpha * exp(minimum(x, 0))))
def elu(x: Array, /, alpha: float = 1.0) -> Array:
    """x where it is positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


clip = op(lambda g, out, x, min, max: _masked(g, out == x))(devices.clip)
where: Function = op(None, lambda g, out, c, x, y: where(c, g, 0), lambda g, o, c, x, y: where(c, 0, g))(devices.where)


# shape


def _axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axis is None or not ndim else np.lib.array_utils.normalize_axis_tuple(axis, ndim)


reshape = op(lambda g, out, x, shape: g.reshape(x.shape))(devices.reshape)


def _transpose_vjp(g: Array, out: Array, x: Array, axes: Axis = None) -> Array:
    return g.transpose(None if axes is None else tuple(np.argsort(_axes(axes, x.ndim))))


transpose = op(_transpose_vjp, label="ᵀ")(np.transpose)
flip: Function = op(lambda g, out, x, axis=None: flip(g, axis))(np.flip)
swapaxes = op(lambda g, out, x, axis1, axis2: g.swapaxes(axis1, axis2), label="ᵀ")(np.swapaxes)
astype = op(lambda g, out, x, dtype: g)(devices.astype)


@op(lambda g, out, x, shape: g)
def broadcast_to(x: Array, /, shape: tuple[int, ...]) -> Array:
    """x repeated along axes of length one, and along new ones on the left, to fill the shape."""
    return np.broadcast_to(x, shape).copy()  # its rows lie apart again, which a matrix product needs


def _pad_vjp(g: Array, out: Array, x: Array, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Array:
    before = np.broadcast_to(pad_width, (x.ndim, 2))[:, 0]
    return g[tuple(slice(start, start + n) for start, n in zip(before, x.shape, strict=True))]


pad = op(_pad_vjp)(np.pad)
"""A frame of a constant around x: NumPy takes no other mode together with constant_values."""


# reductions


_ones = functools.lru_cache(maxsize=8)(np.ones)
_BLOCK = 256


def _sum_of_rows(x: Array) -> Array:
    """By BLAS, 2 to 20 times as fast as np.add; many rows by blocks, or a million would lose three digits of seven."""
    if len(x) <= _BLOCK:
        return np.dot(_ones(len(x), x.dtype), x)
    n = len(x) // _BLOCK
    blocks = _ones(_BLOCK, x.dtype) @ x[: n * _BLOCK].reshape(n, _BLOCK, -1 if x.size else 0)
    return (np.add.reduce(blocks, axis=0, dtype=np.float64) + _sum_of_rows(x[n * _BLOCK :])).astype(x.dtype)


def _kept(g: Array, axis: Axis, keepdims: bool, x: Array) -> Array:
    """g in a shape that broadcasts against x, which was reduced: the axes that were dropped put back, of length one."""
    return g if keepdims or axis is None or not x.ndim else expand_dims(g, axis)


@op(lambda g, out, x, axis, keepdims: broadcast_to(_kept(g, axis, keepdims, x), x.shape), label="Σ")
def sum(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """The sum over the axes, over all by default."""
    if isinstance(x, np.ndarray) and x.ndim == 2 and axis in (0, -2, (0,)) and x.dtype.kind == "f":
        return _sum_of_rows(x)[None] if keepdims else _sum_of_rows(x)
    total: Function = np.add.reduce
    return total(x, axis=axis, keepdims=keepdims)


def _extremum_vjp(g: Array, out: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    ties = x == _kept(out, axis, keepdims, x)
    share = _kept(g, axis, keepdims, x) / np.sum(ties, axis=axis, keepdims=True)
    return _masked(share.astype(g.dtype), ties)


def _prod_vjp(g: Array, out: Array, x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    if np.all((np.abs(_plain(out)) >= np.finfo(out.dtype).tiny) & np.isfinite(_plain(out))):
        return _kept(g * out, axis, keepdims, x) / x
    return _kept(g, axis, keepdims, x) * _product_of_others(x, _axes(axis, x.ndim))


def _product_of_others(x: Array, axes: tuple[int, ...]) -> Array:
    """For each element, the product of the others along the axes, zeros among them or not."""
    if not axes:
        return np.ones_like(_plain(x), shape=())
    along = _others(x.swapaxes(axes[0], -1)).swapaxes(axes[0], -1)
    return along * _product_of_others(prod(x, axes[0], True), axes[1:])


def _others(x: Array) -> Array:
    """The same along the last axis, by halves: those outside an element's pair, times the other of the pair."""
    n = x.shape[-1]
    if n < 2:
        return np.ones_like(_plain(x))
    pairs = concatenate([x, np.ones_like(_plain(x)[..., : n % 2])], -1).reshape((*x.shape[:-1], -1, 2))
    return flatten(expand_dims(_others(pairs[..., 0] * pairs[..., 1]), -1) * flip(pairs, -1), x.ndim - 1)[..., :n]


max = op(_extremum_vjp)(np.max)
min = op(_extremum_vjp)(np.min)
prod = op(_prod_vjp, label="Π")(np.prod)
cumsum: Function = op(lambda g, out, x, axis=None: flip(cumsum(flip(g, axis), axis), axis).reshape(x.shape))(np.cumsum)


@op(lambda g, out, x, axis, keepdims: _kept(g, axis, keepdims, x) * exp(x - _kept(out, axis, keepdims, x)))
def logsumexp(x: Array, /, axis: Axis = None, keepdims: bool = False) -> Array:
    """log Σ exp(x) over the axes, without overflow: the maximum is subtracted first, where it is finite."""
    top = devices.top(x, axis) if x.size else np.sum(x, axis=axis, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=keepdims))
    return total + top.reshape(total.shape)


@op(lambda g, out, x, axis: g - np.exp(out) * np.add.reduce(g, axis=axis, keepdims=True))
def log_softmax(x: Array, /, axis: Axis = -1) -> Array:
    """x - logsumexp(x): log-probabilities along an axis, never the log of a rounded zero."""
    if not x.size:
        return np.exp(x)
    shifted = x - devices.top(x, axis)
    return shifted - np.log(np.add.reduce(np.exp(shifted), axis=axis, keepdims=True))


# indexing and joining


scatter_add = op(lambda g, out, x, index, shape: g[index])(devices.scatter_add)


@op(lambda g, out, x, index: scatter_add(g, index, x.shape), label="[ ]")
def getitem(x: Array, /, index: Any) -> Array:
    """x[index], for basic, boolean and integer-array indices."""
    return x[index]


def _along(axis: int, x: Array, part: Any) -> tuple[Any, ...]:
    """The index that takes a part along one axis, and all of the axes before it."""
    return (*[slice(None)] * _axes(axis, x.ndim)[0], part)


def _concatenate_vjp(position: int, g: Array, out: Array, *arrays: Array, axis: int) -> Array:
    spans = list(pairwise(accumulate((a.shape[axis] for a in arrays), initial=0)))
    return g[_along(axis, g, slice(*spans[position]))]


_concatenate = op(each=_concatenate_vjp, name="concatenate")(lambda *arrays, axis: np.concatenate(arrays, axis))

_RUN = 32
"""How many are joined at once: the rule of one input passes over all that stand beside it."""


def concatenate(arrays: Sequence[Array], axis: int | None = 0) -> Array:
    """The arrays joined along an axis that they all have; as flat ones when axis is None."""
    if axis is None:
        arrays, axis = [flatten(a) for a in arrays], 0
    while len(arrays) > _RUN:
        arrays = [_concatenate(*arrays[i : i + _RUN], axis=axis) for i in range(0, len(arrays), _RUN)]
    return _concatenate(*arrays, axis=axis)


# composed of the above


@_in_float32
def mean(x: Array, axis: Axis = None, keepdims: bool = False) -> Array:
    """The mean over the axes."""
    return sum(x, axis, keepdims) / math.prod(x.shape[i] for i in _axes(axis, x.ndim))


@_in_float32
def var(x: Array, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Array:
    """The variance over the axes: squares summed and divided by n - ddof."""
    deviation = x - mean(x, axis, keepdims=True)
    count = math.prod(x.shape[i] for i in _axes(axis, x.ndim))
    return sum(deviation * deviation, axis, keepdims) / (count - ddof if count > ddof else 0)


@_in_float32
def std(x: Array, axis: Axis = None, ddof: int = 0, keepdims: bool = False) -> Array:
    """The standard deviation over the axes."""
    squared = var(x, axis, ddof, keepdims)
    flat = squared == 0  # of equal values, a kink: 0, as of abs
    return where(flat, 0, sqrt(squared + flat)) if np.any(flat) else sqrt(squared)


def softmax(x: Array, axis: Axis = -1) -> Array:
    """Probabilities exp(x) / Σ exp(x) along an axis."""
    return exp(log_softmax(x, axis))


@_in_float32
def gelu(x: Array) -> Array:
    """x Φ(x) in its tanh form (Hendrycks and Gimpel 2016), PyTorch's approximate="tanh"."""
    return 0.5 * x * (1 + tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def silu(x: Array) -> Array:
    """x sigmoid(x), also called swish."""
    return x * sigmoid(x)


def expand_dims(x: Array, axis: int | tuple[int, ...]) -> Array:
    """New axes of length one, at these places of the result."""
    return x.reshape(np.expand_dims(np.empty(x.shape, bool), axis).shape)


def squeeze(x: Array, axis: Axis = None) -> Array:
    """Axes of length one left out: these, or all."""
    return x.reshape(np.squeeze(np.empty(x.shape, bool), axis).shape)


def flatten(x: Array, start_axis: int = 0) -> Array:
    """The axes from start_axis on as one."""
    return x.reshape((*x.shape[:start_axis], math.prod(x.shape[start_axis:])))


def stack(arrays: Sequence[Array], axis: int = 0) -> Array:
    """The arrays joined along a new axis."""
    return concatenate([expand_dims(a, axis) for a in arrays], axis)


def split(x: Array, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Array]:
    """x cut along an axis: into equal sections, or before these indices."""
    pieces = np.split(np.arange(x.shape[axis]), indices_or_sections)
    return [x[_along(axis, x, slice(*span))] for span in pairwise(accumulate(map(len, pieces), initial=0))]


def take(x: Array, indices: Array, axis: int | None = None) -> Array:
    """Elements by their position along an axis, or in the flattened x."""
    return flatten(x)[indices] if axis is None else x[_along(axis, x, indices)]


def take_along_axis(x: Array, indices: Array, axis: int = -1) -> Array:
    """For each row along the axis, the elements at that row's own indices."""
    grid = list(np.ogrid[tuple(map(slice, x.shape))])
    grid[axis] = indices
    return x[tuple(grid)]


FUNCTIONS = {n: f for n, f in globals().items() if isinstance(f, FunctionType) and n[0] != "_" and f is not op}
"""Every operation on arrays and tensors by its name, primitive or composed."""
