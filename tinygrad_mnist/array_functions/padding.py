"""np.pad in every mode: a frame of constants, of the elements themselves, or of what is computed of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist.array_functions.shapes import moved
from tinygrad_mnist.array_functions.table import Array, means
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import plain

TAKEN = ("edge", "reflect", "symmetric", "wrap")
"""Modes that repeat elements: the places are NumPy's own."""

STATISTICS: dict[str, Callable[..., Array]] = {
    "maximum": ops.max, "minimum": ops.min, "mean": ops.mean, "median": np.median
}  # fmt: skip
"""Modes that take one number of the elements next to the frame."""


@means(np.pad)
def pad(array: Array, pad_width: Any, mode: Any = "constant", **options: Any) -> Array:
    """The array in a frame, in each of NumPy's modes ("empty" is of zeros); a function as the mode is not recorded."""
    if array.dtype.kind != "f":
        return array.wrap(np.pad(plain(array), pad_width, mode, **options))
    widths = _pairs(pad_width, array.ndim)
    if mode in ("constant", "empty"):
        return ops.pad(array, widths, **options)
    if callable(mode):
        raise TypeError("np.pad with a function of yours is not recorded: np.concatenate([before, t, after], axis)")
    np.pad(np.empty((1,) * array.ndim), 0, mode, **options)  # raises where there is no such mode or option
    if mode in TAKEN and options.get("reflect_type", "even") == "even":
        return moved(np.pad)(array, widths, mode=mode)
    if min(array.shape, default=1) == 0:
        raise ValueError(f"np.pad in mode {mode!r} needs elements to take its frame from, and {array.shape} has none")
    for axis, width in enumerate(widths):
        array = ops.swapaxes(_framed(ops.swapaxes(array, axis, -1), width, mode, axis, options), axis, -1)
    return array


def _pairs(value: Any, ndim: int) -> list[tuple[Any, Any]]:
    """One value, two, or two for each axis, as two for each axis."""
    if isinstance(value, dict):
        return [_pairs(value.get(i, value.get(i - ndim, 0)), 1)[0] for i in range(ndim)]
    return [(pair[0], pair[1]) for pair in np.broadcast_to(np.asarray(value), (ndim, 2)).tolist()]


def _framed(x: Array, width: tuple[int, int], mode: Any, axis: int, options: dict[str, Any]) -> Array:
    """The array with its frame before and behind the last axis."""
    if mode == "linear_ramp":
        ends = _pairs(options.get("end_values", 0), x.ndim)[axis]
        before, after = _ramp(ends[0], x[..., :1], width[0]), ops.flip(_ramp(ends[1], x[..., -1:], width[1]), -1)
    elif mode in STATISTICS:
        n = x.shape[-1]
        lengths = _pairs(options.get("stat_length"), x.ndim)[axis]
        near = (x[..., : lengths[0] or n], x[..., -min(lengths[1] or n, n) :])
        before, after = (
            ops.broadcast_to(STATISTICS[mode](part, -1, keepdims=True), (*x.shape[:-1], w))
            for part, w in zip(near, width, strict=True)
        )
    else:  # odd reflections are sums of elements: what becomes of each
        shares = np.pad(np.eye(x.shape[-1], dtype=x.dtype), ((0, 0), width), mode, **options)
        before, after = x @ shares[:, : width[0]], x @ shares[:, shares.shape[1] - width[1] :]
    return ops.concatenate([before, x, after], -1)


def _ramp(start: float, edge: Array, n: int) -> Array:
    share = np.arange(n, dtype=edge.dtype) / max(n, 1)
    return start + (edge - start) * share
