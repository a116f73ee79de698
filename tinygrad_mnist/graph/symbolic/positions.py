"""Where an element comes from: the indices of one array from those of another."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.engine import OPS
from tinygrad_mnist.graph.symbolic.index import Element, Index, Letter, index
from tinygrad_mnist.graph.symbolic.traced import Traced

At = tuple[Index, ...]
Shape = tuple[int, ...]


def broadcast(shape: Shape, at: At) -> At:
    """The indices of what is broadcast, from those of the result."""
    return tuple(Index() if n == 1 else i for n, i in zip(shape, at[len(at) - len(shape) :], strict=True))


def new_letters(shape: Shape) -> tuple[list[Letter], At]:
    """A new letter for each axis."""
    letters = [*map(Letter, shape)]
    return letters, tuple(map(index, letters))


def ravelled(at: Sequence[Index], shape: Shape) -> Index:
    """The position among all elements, row by row."""
    total = Index()
    for i, n in zip(at, shape, strict=True):
        total = total * n + i
    return total


def unravelled(position: Index, shape: Shape) -> At:
    """The indices of the element at a position."""
    steps = [max(math.prod(shape[a + 1 :]), 1) for a in range(len(shape))]
    return tuple(position // step % n if n > 1 else Index() for n, step in zip(shape, steps, strict=True))


def sources(shape: Shape, move: Callable[[NDArray[Any]], NDArray[Any]], at: At) -> At:
    """The indices in an array of this shape of what stands at these when it is moved."""
    axes = (np.arange(n).reshape(-1, *[1] * (len(shape) - a - 1)) for a, n in enumerate(shape))
    return tuple(_read_off(np.asarray(move(np.broadcast_to(own, shape))), at) for own in axes)


def order(op: str, params: Mapping[str, Any], ndim: int) -> tuple[int, ...]:
    """The axes of what is transposed, in their new order: the shape of an array whose axis i has the length i."""
    return np.shape(OPS[op].forward(np.empty(range(ndim)), **params))


def spacing(numbers: NDArray[Any]) -> tuple[int, list[int]] | None:
    """start and steps, where an array of whole numbers is start + step · i + …; None where there are no such steps."""
    start = int(numbers.flat[0])
    steps = [int(np.take(numbers, 1, a).flat[0]) - start if n > 1 else 0 for a, n in enumerate(numbers.shape)]
    grid = np.ogrid[tuple(map(slice, numbers.shape))]
    even = start + sum((s * g for s, g in zip(steps, grid, strict=True)), np.zeros(()))
    return (start, steps) if np.array_equal(numbers, even) else None


def _read_off(numbers: NDArray[Any], at: At) -> Index:
    """An array of whole numbers as an index: start + step · i + …; an element of it where there are no such steps."""
    if not numbers.size:
        return Index()
    if even := spacing(numbers):
        start, steps = even
        return sum((i * s for i, s in zip(at, steps, strict=True)), Index((), start))
    varies = [bool(np.any(numbers != np.take(numbers, [0], a))) for a in range(numbers.ndim)]
    smaller = numbers[tuple(slice(None) if v else 0 for v in varies)]
    return index(Element(Traced(smaller), tuple(i for i, v in zip(at, varies, strict=True) if v)))


# sums of products


def subscripts(op: str, params: Mapping[str, Any], ndims: Sequence[int]) -> tuple[list[str], str] | None:
    """Letters for the axes of each operand and of the result, as of einsum; None for what is no sum of products.

    ndims: how many axes each operand has.
    """
    if op == "einsum":
        terms, result = params["subscripts"].split("->")
        return terms.split(","), result
    if op == "vdot":
        return [ascii_letters[:ndim] for ndim in ndims], ""
    if op == "matmul":
        left, right = ndims
        most = max(left, right, 2)
        batch, rows, columns = ascii_letters[: most - 2], "y" * (left > 1), "z" * (right > 1)
        return [batch[most - left :] + rows + "x", batch[most - right :] + "x" + columns], batch + rows + columns
    return None


# windows over images


def window_counts(images: Shape, params: Any) -> Shape:
    """How many windows there are below each other, and side by side."""
    each = zip(images[2:], *(params[name] for name in ("kernel", "stride", "padding", "dilation")), strict=True)
    return tuple((n + 2 * pad - d * (k - 1) - 1) // s + 1 for n, k, s, pad, d in each)


def in_window(params: Any, window: Sequence[Index], inside: Sequence[Index]) -> At:
    """The row and the column of an image that a place in a window is; they may be in the frame."""
    s, pad, d = (params[name] for name in ("stride", "padding", "dilation"))
    return tuple(window[a] * s[a] + inside[a] * d[a] - pad[a] for a in (0, 1))
