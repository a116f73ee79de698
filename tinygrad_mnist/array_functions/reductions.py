"""Reductions: the engine's, called with NumPy's arguments in NumPy's order, and what is composed of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.array_functions.table import Array, means, refuse, with_signature_of
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import Node, plain
from tinygrad_mnist.engine.ops import Axis
from tinygrad_mnist.engine.primitive import Function, op
from tinygrad_mnist.engine.tensor import NUMPY

REDUCTIONS: dict[Any, Any] = {
    np.sum: ops.sum, np.mean: ops.mean, np.max: ops.max, np.amax: ops.max, np.min: ops.min, np.amin: ops.min,
    np.prod: ops.prod, np.var: ops.var, np.std: ops.std, np.cumsum: ops.cumsum,
}  # fmt: skip
NUMPY.update({function: with_signature_of(function, operation) for function, operation in REDUCTIONS.items()})


def clip(a: Array, min: Array = None, max: Array = None) -> Array:
    """a, or the bound that it is beyond; bounds that are tensors get the gradient there."""
    if not any(isinstance(bound, Node) for bound in (min, max)):
        return ops.clip(a, min, max)
    for bound, beyond in ((min, np.less), (max, np.greater)):
        if bound is not None:
            a = ops.where(beyond(plain(a), plain(bound)) | np.isnan(plain(bound)), bound, a)
    return a


NUMPY[np.clip] = with_signature_of(np.clip, clip, a_min="min", a_max="max")


def _cumprod_vjp(g: Array, out: Array, x: Array, axis: int) -> Array:
    return ops.flip(ops.cumsum(ops.flip(g * out, axis), axis), axis) / x


_cumprod = op(_cumprod_vjp, name="cumprod")(np.cumprod)


@means(np.cumprod)
def cumprod(a: Array, axis: int | None = None, dtype: None = None, out: None = None) -> Array:
    """The products of the first elements along an axis, one by one.

    Where a zero is among them nothing can be divided by it: pass after pass multiplies by the products of twice as
    many elements, so that log₂ n passes do.
    """
    refuse(np.cumprod, dtype=dtype, out=out)
    if axis is None:
        a, axis = ops.flatten(a), 0
    if np.all(plain(a) != 0):
        return _cumprod(a, axis)
    a, reach = ops.swapaxes(a, axis, -1), 1
    while reach < a.shape[-1]:
        a = ops.concatenate([a[..., :reach], a[..., reach:] * a[..., :-reach]], -1)
        reach *= 2
    return ops.swapaxes(a, axis, -1)


def _reduce(operation: Function) -> Function:
    """A ufunc's reduce: along an axis, the first by default."""
    return lambda x, axis=0, keepdims=False: operation(x, axis, keepdims)


REDUCES = {"multiply": ops.prod, "maximum": ops.max, "minimum": ops.min}
NUMPY.update({f"{ufunc}.reduce": _reduce(operation) for ufunc, operation in REDUCES.items()})


@means(np.bincount)
def bincount(x: Array, /, weights: Array = None, minlength: int = 0) -> Array:
    """How often each number is there, plain, or the sum of their weights, in float64 as NumPy's."""
    counts = np.bincount(plain(x), plain(weights), minlength)
    if not getattr(weights, "requires_grad", False):
        return counts
    return ops.scatter_add(ops.astype(weights, np.float64), plain(x), counts.shape)


@means(np.histogram)
def histogram(a: Array, bins: Any = 10, range: Any = None, density: Any = None, weights: Array = None) -> Any:
    """How many elements lie in each bin, plain; weights that require gradients are refused."""
    refuse(np.histogram, weights=weights if getattr(weights, "requires_grad", False) else None)
    return np.histogram(plain(a), plain(bins), range, density, plain(weights))


@means(np.ptp)
def ptp(a: Array, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """The largest minus the smallest."""
    return ops.max(a, axis, keepdims) - ops.min(a, axis, keepdims)


@means(np.nansum)
def nansum(a: Array, axis: Axis = None, dtype: None = None, out: None = None, keepdims: bool = False) -> Array:
    """The sum, with zero for nan."""
    return ops.sum(ops.where(np.isnan(plain(a)), 0, a), axis, keepdims)


@means(np.nanmax)
def nanmax(a: Array, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """The largest that is not nan."""
    refuse(np.nanmax, out=out)
    holes = np.isnan(plain(a))
    return ops.max(ops.where(holes, -np.inf, a) if holes.any() else a, axis, keepdims)


@means(np.nanmin)
def nanmin(a: Array, axis: Axis = None, out: None = None, keepdims: bool = False) -> Array:
    """The smallest that is not nan."""
    return -nanmax(-a, axis, out, keepdims)


@means(np.nanmean)
def nanmean(a: Array, axis: Axis = None, dtype: None = None, out: None = None, keepdims: bool = False) -> Array:
    """The mean of what is not nan."""
    return nansum(a, axis, keepdims=keepdims) / np.sum(~np.isnan(plain(a)), axis, keepdims=keepdims, dtype=a.dtype)


@means(np.quantile)
def quantile(
    a: Array, q: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """What a share q of the elements lies below, linear between the two that are nearest; nan where one is nan."""
    refuse(np.quantile, out=out)
    if method != "linear":
        raise TypeError(f'np.quantile on a Tensor is recorded with method="linear", and not {method!r}')
    axes = tuple(range(a.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, a.ndim)
    rest = tuple(i for i in range(a.ndim) if i not in axes)
    rows = np.sort(ops.flatten(ops.transpose(a, (*rest, *axes)), len(rest)))
    last = rows.shape[-1] - 1
    place = np.asarray(q) * last
    below = np.clip(np.floor(place).astype(int), 0, max(last - 1, 0))
    weight = (place - below).astype(np.result_type(a.dtype, q if isinstance(q, float) else np.asarray(q)))
    low, high = rows[..., below], rows[..., np.minimum(below + 1, last)]
    ranked = ops.where(weight == 0, low, low + (high - low) * weight)
    result = ops.where(np.isnan(plain(rows)[..., -1:].reshape(rows.shape[:-1] + (1,) * np.ndim(q))), np.nan, ranked)
    result = np.moveaxis(result, range(len(rest), result.ndim), range(np.ndim(q)))
    if not keepdims:
        return result
    return ops.reshape(result, np.shape(q) + tuple(1 if i in axes else n for i, n in enumerate(a.shape)))


@means(np.percentile)
def percentile(
    a: Array, q: Any, axis: Axis = None, out: None = None, overwrite_input: bool = False, method: str = "linear",
    keepdims: bool = False,
) -> Array:  # fmt: skip
    """The same for shares in hundredths."""
    return quantile(
        a, q / 100 if isinstance(q, int | float) else np.asarray(q) / 100, axis, out, overwrite_input, method, keepdims
    )


@means(np.median)
def median(
    a: Array, axis: Axis = None, out: None = None, overwrite_input: bool = False, keepdims: bool = False
) -> Array:
    """The middle of the elements in rising order, or the mean of the two that are."""
    return quantile(a, 0.5, axis, out, keepdims=keepdims)


@means(np.average)
def average(
    a: Array, axis: Axis = None, weights: Array = None, returned: bool = False, keepdims: bool = False
) -> Array:
    """The mean, or Σ weights · a / Σ weights; weights are of a's shape, or of the lengths of these axes."""
    if weights is None:
        result = ops.mean(a, axis, keepdims)
        total: Array = np.full(result.shape, a.size / max(result.size, 1), result.dtype)
    else:
        weights = weights if hasattr(weights, "dtype") else np.asarray(weights)
        factors = _along(weights, axis, np.shape(a))
        total = ops.sum(ops.broadcast_to(factors, np.shape(a)), axis, keepdims)
        result = ops.sum(ops.mul(a, factors), axis, keepdims) / total
        total = total * result.dtype.type(1)
    return (result, total) if returned else result


def _along(weights: Array, axis: Axis, shape: tuple[int, ...]) -> Array:
    """Weights in a shape that broadcasts against what they weigh."""
    if weights.shape == shape or axis is None:
        return weights
    axes = np.lib.array_utils.normalize_axis_tuple(axis, len(shape))
    order = ops.transpose(weights, tuple(int(i) for i in np.argsort(axes)))
    return ops.reshape(order, tuple(n if i in axes else 1 for i, n in enumerate(shape)))
