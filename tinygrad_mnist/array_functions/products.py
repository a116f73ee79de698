"""Products and what is a product at heart: dot, inner, outer, tensordot, the trace, norms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_mnist.array_functions import einstein
from tinygrad_mnist.array_functions.table import Array, means, refuse
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.ops import Axis


@means(np.dot)
def dot(a: Array, b: Array, out: Any = None) -> Array:
    """Σ over the last axis of a and the last but one of b (the only one of a vector); numbers multiply."""
    if out is not None:
        refuse(np.dot, ["out"])
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


@means(np.outer)
def outer(a: Array, b: Array, out: Any = None) -> Array:
    """Every element of a, laid out flat, times every element of b."""
    if out is not None:
        refuse(np.outer, ["out"])
    return ops.mul(ops.reshape(a, (-1, 1)), ops.reshape(b, (1, -1)))


@means(np.einsum)
def einsum(subscripts: str, *operands: Array, optimize: Any = False) -> Array:
    """Einstein's sum over letters, in the order in which the engine takes it."""
    return einstein.einsum(subscripts, *operands)


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


@means(np.linalg.norm)
def norm(x: Array, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Array:
    """Lengths of vectors, √Σx² (or ord 1, Σ|x|, and inf, max|x|), and the Frobenius norm of matrices.

    Raises TypeError for the norms of matrices that need singular values or the like.
    """
    vectors = np.ndim(x) == 1 if axis is None else np.size(axis) == 1
    if ord is None or (vectors and ord == 2) or (not vectors and ord == "fro"):
        return ops.sqrt(ops.sum(ops.pow(x, 2), axis, keepdims))
    if vectors and ord in (1, np.inf):
        return (ops.sum if ord == 1 else ops.max)(ops.abs(x), axis, keepdims)
    raise TypeError(
        f"np.linalg.norm(…, ord={ord!r}) is not recorded: vectors have ord 2, 1 and np.inf, matrices the Frobenius norm"
    )
