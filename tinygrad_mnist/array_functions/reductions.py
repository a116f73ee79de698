"""Reductions: the engine's, called with NumPy's arguments in NumPy's order, and what is composed of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.array_functions.table import Array, means, with_signature_of
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import Axis
from tinygrad_mnist.engine.tensor import NUMPY

REDUCTIONS: dict[Any, Any] = {
    np.sum: ops.sum, np.mean: ops.mean, np.max: ops.max, np.amax: ops.max, np.min: ops.min, np.amin: ops.min,
    np.prod: ops.prod, np.var: ops.var, np.std: ops.std, np.cumsum: ops.cumsum,
}  # fmt: skip
NUMPY.update({function: with_signature_of(function, operation) for function, operation in REDUCTIONS.items()})
NUMPY[np.clip] = with_signature_of(np.clip, ops.clip, a_min="min", a_max="max")


@means("multiply.reduce")
def product(x: Array, axis: Axis = 0, keepdims: bool = False) -> Array:
    """The product along an axis, the first by default, as of every ufunc's reduce."""
    return ops.prod(x, axis, keepdims)


@means("maximum.reduce")
def maximum(x: Array, axis: Axis = 0, keepdims: bool = False) -> Array:
    """The largest along an axis, the first by default."""
    return ops.max(x, axis, keepdims)


@means("minimum.reduce")
def minimum(x: Array, axis: Axis = 0, keepdims: bool = False) -> Array:
    """The smallest along an axis, the first by default."""
    return ops.min(x, axis, keepdims)


@means(np.ptp)
def ptp(a: Array, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """The largest minus the smallest."""
    return ops.max(a, axis, keepdims) - ops.min(a, axis, keepdims)


@means(np.nansum)
def nansum(a: Array, axis: Axis = None, dtype: None = None, out: None = None, keepdims: bool = False) -> Array:
    """The sum, with zero for nan."""
    return ops.sum(ops.where(np.isnan(plain(a)), 0, a), axis, keepdims)


@means(np.average)
def average(
    a: Array, axis: Axis = None, weights: Array = None, returned: bool = False, keepdims: bool = False
) -> Array:
    """The mean, or Σ weights · a / Σ weights; weights are of a's shape, or one for each along an axis."""
    if weights is None:
        total, result = a.size / max(ops.mean(a, axis).size, 1), ops.mean(a, axis, keepdims)
    else:
        factors = _along(weights, axis, np.shape(a))
        total = ops.sum(ops.broadcast_to(factors, np.shape(a)), axis, keepdims)
        result = ops.sum(ops.mul(a, factors), axis, keepdims) / total
    return (result, total) if returned else result


def _along(weights: Any, axis: Axis, shape: tuple[int, ...]) -> Array:
    """Weights in a shape that broadcasts against what they weigh."""
    if np.shape(weights) == shape or not isinstance(axis, int):
        return weights
    lengths = [1] * len(shape)
    lengths[axis] = -1
    return ops.reshape(weights, tuple(lengths))
