"""Shapes: flat, joined, cut, repeated and rearranged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from tinygrad_mnist.array_functions.table import Array, means, named
from tinygrad_mnist.engine import ops
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.tensor import NUMPY


@means(np.reshape)
def reshape(a: Array, /, shape: Any, order: str = "C", *, copy: bool | None = None) -> Array:
    """The same elements in another shape, read and laid out by rows (order "C") or by columns ("F")."""
    if order == "F":
        return ops.transpose(ops.reshape(ops.transpose(a), np.empty(np.size(a)).reshape(shape, order="F").shape[::-1]))
    return ops.reshape(a, shape)


@means(np.ravel)
def ravel(a: Array, order: str = "C") -> Array:
    """The elements in one row, read by rows (order "C") or by columns ("F")."""
    return reshape(a, -1, order)


def _reshaped(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that changes shapes alone: the shape is NumPy's of an array of that shape."""

    def reshaped(*arrays: Array) -> Any:
        results = tuple(ops.reshape(a, function(np.empty(np.shape(a), bool)).shape) for a in arrays)
        return results if len(arrays) > 1 else results[0]

    return reshaped


def moved(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function that takes elements from one place to another, or several: the places are NumPy's."""

    def taken(a: Array, *args: Any, **options: Any) -> Any:
        places = np.arange(np.size(a)).reshape(np.shape(a))
        return ops.reshape(a, -1)[function(places, *map(plain, args), **options)]

    return taken


NUMPY.update({f: _reshaped(f) for f in (np.atleast_1d, np.atleast_2d, np.atleast_3d)})
NUMPY.update({f: moved(f) for f in named("roll", "rot90", "rollaxis", "delete", "resize")})
NUMPY[sliding_window_view] = lambda x, *args, **options: moved(sliding_window_view)(x, *args, **options)


# joined


@means(np.vstack)
def vstack(tup: Sequence[Array]) -> Array:
    """Rows, or matrices, one below the other."""
    return ops.concatenate([np.atleast_2d(a) for a in tup], 0)


@means(np.hstack)
def hstack(tup: Sequence[Array]) -> Array:
    """Arrays side by side; vectors one after the other."""
    arrays = [np.atleast_1d(a) for a in tup]
    return ops.concatenate(arrays, 0 if arrays and arrays[0].ndim == 1 else 1)


@means(np.dstack)
def dstack(tup: Sequence[Array]) -> Array:
    """Arrays one behind the other, along a third axis."""
    return ops.concatenate([np.atleast_3d(a) for a in tup], 2)


@means(np.column_stack)
def column_stack(tup: Sequence[Array]) -> Array:
    """Columns side by side; a vector is a column."""
    return ops.concatenate([a if np.ndim(a) > 1 else ops.reshape(a, (-1, 1)) for a in tup], 1)


@means(np.append)
def append(arr: Array, values: Array, axis: int | None = None) -> Array:
    """The values behind the array, both laid out flat unless an axis is given."""
    arr, values = (x if hasattr(x, "dtype") else np.asarray(x) for x in (arr, values))
    return ops.concatenate([arr, values], axis)


@means(np.insert)
def insert(arr: Array, obj: Any, values: Array, axis: int | None = None) -> Array:
    """The values before these indices along an axis; without one, of the array laid out flat."""
    arr, values = (x if hasattr(x, "dtype") else np.asarray(x) for x in (arr, values))
    numbers = arr.size + np.arange(values.size).reshape(values.shape)
    places = np.insert(np.arange(arr.size).reshape(arr.shape), plain(obj), numbers, axis)
    return ops.concatenate([ops.reshape(arr, -1), ops.reshape(values, -1).astype(arr.dtype)])[places]


@means(np.broadcast_arrays)
def broadcast_arrays(*args: Array, subok: bool = False) -> tuple[Array, ...]:
    """Each repeated to the shape that all of them have together."""
    shape = np.broadcast_shapes(*map(np.shape, args))
    return tuple(ops.broadcast_to(a, shape) for a in args)


# cut


@means(np.array_split)
def array_split(ary: Array, indices_or_sections: Any, axis: int = 0) -> list[Array]:
    """The array cut along an axis, into sections whose lengths differ by one at most, or before these indices."""
    pieces = np.array_split(np.arange(ary.shape[axis]), indices_or_sections)
    return ops.split(ary, list(accumulate(map(len, pieces)))[:-1], axis)


NUMPY[np.unstack] = lambda x, *, axis=0: tuple(np.moveaxis(x, axis, 0))
NUMPY[np.vsplit] = lambda ary, indices_or_sections: ops.split(ary, indices_or_sections, 0)
NUMPY[np.dsplit] = lambda ary, indices_or_sections: ops.split(ary, indices_or_sections, 2)
NUMPY[np.hsplit] = lambda ary, indices_or_sections: ops.split(ary, indices_or_sections, int(ary.ndim > 1))


# repeated


@means(np.repeat)
def repeat(a: Array, repeats: Any, axis: int | None = None) -> Array:
    """Each element, or each part along the axis, several times."""
    if axis is not None and np.ndim(repeats) == 0 and a.shape[axis] == 1:
        return ops.broadcast_to(a, np.repeat(np.empty(a.shape, bool), repeats, axis).shape)
    return moved(np.repeat)(a, repeats, axis)


@means(np.tile)
def tile(A: Array, reps: Any) -> Array:
    """The array several times along each axis."""
    shape = np.tile(np.empty(A.shape, bool), reps).shape
    own = (1,) * (len(shape) - A.ndim) + A.shape
    if all(n in (1, m) for n, m in zip(own, shape, strict=True)):
        return ops.broadcast_to(A, shape)
    return moved(np.tile)(A, reps)


@means(np.full_like, options=["dtype"])
def full_like(
    a: Array, fill_value: Array, dtype: Any = None, order: Any = "K", subok: bool = True, *, shape: Any = None,
    device: Any = None,
) -> Array:  # fmt: skip
    """One value in the shape and dtype of a: plain, unless the value is a tensor that requires gradients."""
    like = np.full_like(plain(a), plain(fill_value), dtype, order, subok, shape)
    if not getattr(fill_value, "requires_grad", False):
        return like
    return ops.broadcast_to(ops.astype(fill_value, like.dtype), like.shape)


# rearranged


@means(np.moveaxis)
def moveaxis(a: Array, source: Any, destination: Any) -> Array:
    """These axes in other places, the rest in their order."""
    lengths = range(a.ndim)  # no array of such a shape has an element
    return ops.transpose(a, np.moveaxis(np.empty(lengths, bool), source, destination).shape)


NUMPY[np.flipud] = lambda m: ops.flip(m, 0)
NUMPY[np.fliplr] = lambda m: ops.flip(m, 1)
NUMPY[np.matrix_transpose] = lambda x: x.mT


@means(np.sort)
def sort(a: Array, axis: int | None = -1, kind: Any = None, order: None = None, *, stable: bool | None = None) -> Array:
    """The elements along an axis in rising order."""
    if axis is None:
        a, axis = ops.flatten(a), 0
    return ops.take_along_axis(a, np.argsort(plain(a), axis, kind=kind, stable=stable), axis)


@means(np.partition)
def partition(a: Array, kth: Any, axis: int | None = -1, kind: Any = "introselect", order: None = None) -> Array:
    """The elements along an axis, the k-th in its place in rising order, what is smaller before and the rest behind."""
    if axis is None:
        a, axis = ops.flatten(a), 0
    return ops.take_along_axis(a, np.argpartition(plain(a), kth, axis, kind), axis)


@means(np.triu)
def triu(m: Array, k: int = 0) -> Array:
    """The matrix with zeros below its k-th diagonal."""
    return ops.where(np.triu(np.ones(m.shape[-2:], bool), k), m, 0)


@means(np.tril)
def tril(m: Array, k: int = 0) -> Array:
    """The matrix with zeros above its k-th diagonal."""
    return ops.where(np.tril(np.ones(m.shape[-2:], bool), k), m, 0)


@means(np.diag)
def diag(v: Array, k: int = 0) -> Array:
    """A matrix with the vector on its k-th diagonal, or the diagonal of a matrix."""
    if v.ndim != 1:
        return np.diagonal(v, k)
    places = np.diag(np.arange(1, v.size + 1), k)
    return ops.where(places > 0, v[np.maximum(places - 1, 0)], 0)
