"""Values along a line: differences, slopes, what lies between samples, evenly spaced numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.array_functions.table import Array, means, refuse
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import Axis


@means(np.diff)
def diff(a: Array, n: int = 1, axis: int = -1, prepend: Array = None, append: Array = None) -> Array:
    """Each element less the one before it along an axis, n times over, of a with what is put before and behind it."""
    line = [a.shape[i] if i != axis % a.ndim else 1 for i in range(a.ndim)]
    ends = [x if x is None or np.ndim(x) else ops.broadcast_to(x, tuple(line)) for x in (prepend, append)]
    if any(x is not None for x in ends):
        a = ops.concatenate([x for x in (ends[0], a, ends[1]) if x is not None], axis)
    a = ops.swapaxes(a, axis, -1)
    for _ in range(n):
        a = a[..., 1:] - a[..., :-1]
    return ops.swapaxes(a, axis, -1)


@means(np.gradient)
def gradient(f: Array, *varargs: Any, axis: Axis = None, edge_order: int = 1) -> Any:
    """The slope along each of these axes, all by default: central differences, one-sided at the ends.

    varargs: the distance between samples, one for all axes or one for each, or the places of the samples along an axis.
    """
    axes = tuple(range(f.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, f.ndim)
    spacings = varargs * len(axes) if len(varargs) == 1 else varargs or (1.0,) * len(axes)
    if len(spacings) != len(axes):
        raise TypeError(f"np.gradient takes one distance, or one for each of {len(axes)} axes, and got {len(spacings)}")
    slopes = [_slope(f, spacing, i, edge_order) for spacing, i in zip(spacings, axes, strict=True)]
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _slope(f: Array, spacing: Any, axis: int, edge_order: int) -> Array:
    f = ops.swapaxes(f, axis, -1)
    n = f.shape[-1]
    if n < edge_order + 1:
        raise ValueError(f"a slope of edge_order {edge_order} needs {edge_order + 1} samples, and axis {axis} has {n}")
    steps = np.diff(spacing) if np.ndim(spacing) else ops.broadcast_to(spacing, (n - 1,))
    if np.shape(steps) != (n - 1,):
        raise ValueError(f"axis {axis} has {n} samples, and {np.size(spacing)} places are given")
    steps = ops.astype(steps, f.dtype)
    slopes, before, after = (f[..., 1:] - f[..., :-1]) / steps, steps[:-1], steps[1:]
    inside = (slopes[..., :-1] * after + slopes[..., 1:] * before) / (before + after)
    first, last = slopes[..., :1], slopes[..., -1:]
    if edge_order == 2:  # the parabola through three samples
        first, last = 2 * first - inside[..., :1], 2 * last - inside[..., -1:]
    return ops.swapaxes(ops.concatenate([first, inside, last], -1), axis, -1)


@means(np.trapezoid)
def trapezoid(y: Array, x: Array = None, dx: Any = 1.0, axis: int = -1) -> Array:
    """The area below the line through y, at these places x or dx apart."""
    if np.ndim(x) == 1:
        x = ops.reshape(x, tuple(-1 if i == axis % np.ndim(y) else 1 for i in range(np.ndim(y))))
    y = ops.swapaxes(y, axis, -1)
    steps = dx if x is None else np.diff(ops.swapaxes(x, axis, -1))
    return ops.sum(steps * (y[..., 1:] + y[..., :-1]) / 2, -1)


@means(np.interp)
def interp(x: Array, xp: Array, fp: Array, left: Any = None, right: Any = None, period: Any = None) -> Array:
    """What lies at x on the line through the points (xp, fp), xp rising: linear between two, constant beyond the ends.

    In float64, as NumPy's. left, right: what stands beyond the ends instead. Raises TypeError where a period is given.
    """
    refuse(np.interp, period=period)
    x, xp, fp = (ops.astype(v if hasattr(v, "dtype") else np.asarray(v), np.float64) for v in (x, xp, fp))
    places, at = plain(xp), plain(x)
    start = np.clip(np.searchsorted(places, at, "right") - 1, 0, max(np.size(places) - 2, 0))
    end = np.minimum(start + 1, np.size(places) - 1)
    width = xp[end] - xp[start]
    slope = (fp[end] - fp[start]) / ops.where(plain(width) == 0, 1, width)
    result = fp[start] + slope * (x - xp[start])
    result = ops.where(at < places[0], fp[0] if left is None else left, result)
    return ops.where(at >= places[-1], ops.where(at > places[-1], fp[-1] if right is None else right, fp[-1]), result)


@means(np.linspace)
def linspace(
    start: Array, stop: Array, num: int = 50, endpoint: bool = True, retstep: bool = False, dtype: None = None,
    axis: int = 0,
) -> Array:  # fmt: skip
    """num evenly spaced values from start to stop, along a new axis."""
    refuse(np.linspace, retstep=retstep or None, dtype=dtype)
    shape = np.broadcast_shapes(np.shape(start), np.shape(stop))
    share = np.linspace(0, 1, num, endpoint, dtype=np.result_type(plain(start), plain(stop), 0.0))
    share = share.reshape(-1, *[1] * len(shape))
    values: Array = ops.mul(start, 1 - share) + ops.mul(stop, share)
    return np.moveaxis(values, 0, axis)
