"""Products and what is a product at heart: dot, inner, outer, tensordot, einsum, the trace, convolutions."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinygrad_mnist.array_functions import einstein
from tinygrad_mnist.array_functions.table import Array, means, refuse
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.primitive import Function
from tinygrad_mnist.engine.tensor import NUMPY


@means(np.dot)
def dot(a: Array, b: Array, out: Any = None) -> Array:
    """Σ over the last axis of a and the last but one of b (the only one of a vector); numbers multiply."""
    refuse(np.dot, out=out)
    if not (np.ndim(a) and np.ndim(b)):
        return ops.mul(*(x if hasattr(x, "dtype") else np.asarray(x) for x in (a, b)))
    return ops.matmul(a, b) if np.ndim(b) <= 2 else tensordot(a, b, (-1, -2))


@means(np.inner)
def inner(a: Array, b: Array) -> Array:
    """Σ over the last axes of both."""
    return dot(a, ops.swapaxes(b, -1, -2) if np.ndim(b) > 1 else b)


@means(np.vdot)
def vdot(a: Array, b: Array) -> Array:
    """Σ over all elements of both, each laid out flat."""
    return ops.vdot(*(x if np.shape(a) == np.shape(b) else ops.reshape(x, -1) for x in (a, b)))


def _outer(function: Function) -> Function:
    def every(a: Array, b: Array) -> Array:
        return function(ops.reshape(a, np.shape(a) + (1,) * np.ndim(b)), b)

    return every


NUMPY.update(
    {f"{f.__name__}.outer": _outer(f) for f in (np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum)}
)


@means(np.vecdot)
def vecdot(x: Array, y: Array, axis: int = -1) -> Array:
    """Σ over one axis of both, of the rest together."""
    return ops.sum(ops.mul(np.moveaxis(x, axis, -1), np.moveaxis(y, axis, -1)), -1)


@means(np.outer)
def outer(a: Array, b: Array, out: Any = None) -> Array:
    """Every element of a, laid out flat, times every element of b."""
    refuse(np.outer, out=out)
    return ops.mul(ops.reshape(a, (-1, 1)), ops.reshape(b, (1, -1)))


@means(np.einsum)
def einsum(*operands: Any, optimize: Any = False) -> Array:
    """Einstein's sum over letters, or over the numbers of axes: einsum(x, [0, 1], y, [1, 2], [0, 2]).

    In the order in which the engine takes it, whatever optimize says.
    """
    if isinstance(operands[0], str):
        return einstein.einsum(*operands)
    arrays, terms = operands[0 : len(operands) // 2 * 2 : 2], operands[1::2]
    result = [operands[-1]] if len(operands) % 2 else []
    subscripts = ",".join(map(_letters, terms)) + "->".join(["", *map(_letters, result)])
    return einstein.einsum(subscripts, *arrays)


_LETTERS = string.ascii_uppercase + string.ascii_lowercase  # which sort as the numbers do


def _letters(axes: Sequence[Any]) -> str:
    """The numbers of axes as letters, in the same order."""
    return "".join("..." if axis is Ellipsis else _LETTERS[axis] for axis in axes)


@means(np.tensordot)
def tensordot(a: Array, b: Array, axes: Any = 2) -> Array:
    """Σ over these axes of a and those of b, or over the last of a and the first of b: one matrix product."""
    left, right = (range(-axes, 0), range(axes)) if isinstance(axes, int) else axes
    summed_a, summed_b = (_axes(axis, np.ndim(x)) for axis, x in ((left, a), (right, b)))
    free_a, free_b = ([i for i in range(np.ndim(x)) if i not in s] for x, s in ((a, summed_a), (b, summed_b)))
    lengths, others = [np.shape(a)[i] for i in summed_a], [np.shape(b)[i] for i in summed_b]
    if lengths != others:
        raise ValueError(f"tensordot sums over axes of equal lengths, and these are {lengths} and {others}")
    rows, columns = ([np.shape(x)[i] for i in free] for x, free in ((a, free_a), (b, free_b)))
    n = math.prod(lengths)
    matrix_a = ops.reshape(ops.transpose(a, (*free_a, *summed_a)), (math.prod(rows), n))
    matrix_b = ops.reshape(ops.transpose(b, (*summed_b, *free_b)), (n, math.prod(columns)))
    return ops.reshape(ops.matmul(matrix_a, matrix_b), (*rows, *columns))


def _axes(axis: Any, ndim: int) -> tuple[int, ...]:
    return np.lib.array_utils.normalize_axis_tuple(axis, ndim)


@means(np.diagonal)
def diagonal(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The elements whose two indices differ by the offset, along a new last axis."""
    places = np.diagonal(np.arange(np.size(a)).reshape(np.shape(a)), offset, axis1, axis2)
    return ops.reshape(a, -1)[places]


@means(np.trace)
def trace(a: Array, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Array:
    """The sum of the diagonal."""
    return ops.sum(diagonal(a, offset, axis1, axis2), axis=-1)


@means(np.kron)
def kron(a: Array, b: Array) -> Array:
    """Every element of a times the whole of b, in a's place."""
    ndim = max(np.ndim(a), np.ndim(b))
    shape_a, shape_b = ((1,) * (ndim - np.ndim(x)) + np.shape(x) for x in (a, b))
    blocks = ops.mul(
        ops.reshape(a, tuple(n for length in shape_a for n in (length, 1))),
        ops.reshape(b, tuple(n for length in shape_b for n in (1, length))),
    )
    return ops.reshape(blocks, tuple(n * m for n, m in zip(shape_a, shape_b, strict=True)))


@means(np.cross)
def cross(a: Array, b: Array, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Array:
    """The product of vectors of length 3 that is perpendicular to both."""
    if axis is not None:
        axisa = axisb = axisc = axis
    a, b = np.moveaxis(a, axisa, -1), np.moveaxis(b, axisb, -1)
    if a.shape[-1] != 3 or b.shape[-1] != 3:
        raise ValueError(f"np.cross takes vectors of length 3, and these have {a.shape[-1]} and {b.shape[-1]}")
    after, before = [1, 2, 0], [2, 0, 1]
    result: Array = ops.sub(ops.mul(a[..., after], b[..., before]), ops.mul(a[..., before], b[..., after]))
    return np.moveaxis(result, -1, axisc)


@means(np.convolve)
def convolve(a: Array, v: Array, mode: Any = "full") -> Array:
    """Σ a[i] v[k - i] for every k: all of them, as many as the longer has, or those where the shorter lies within."""
    n, m = np.size(a), np.size(v)
    length = np.convolve(np.empty(n), np.empty(m), mode).size
    places = np.add.outer(np.arange(n), np.arange(m))
    start = (n + m - 1 - length) // 2
    return ops.scatter_add(outer(a, v), places, (n + m - 1,))[start : start + length]


@means(np.correlate)
def correlate(a: Array, v: Array, mode: Any = "valid") -> Array:
    """Σ a[i + k] v[i] for every k, as many as for `convolve`."""
    if mode != "same" or np.size(a) >= np.size(v):
        return convolve(a, ops.flip(v), mode)
    return ops.flip(convolve(v, ops.flip(a), mode))


NUMPY.update(
    {np.linalg.outer: outer, np.linalg.cross: cross, np.linalg.tensordot: tensordot, np.linalg.matmul: ops.matmul}
)
NUMPY.update({np.linalg.vecdot: vecdot, np.linalg.matrix_transpose: lambda x: x.mT})
NUMPY[np.linalg.diagonal] = lambda x, *, offset=0: diagonal(x, offset, -2, -1)
NUMPY[np.linalg.trace] = lambda x, *, offset=0: trace(x, offset, -2, -1)
