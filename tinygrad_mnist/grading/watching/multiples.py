"""By which numbers one array is a multiple of another, or a sum of multiples, but for rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.grading.watching.graph import Node
from tinygrad_mnist.manual.activations import Array

RTOL = 1e-4
"""The relative difference that rounding may make, and the little number in a logarithm."""


def ratio(node: Node, other: Node) -> float | None:
    """By which number one value is a multiple of another of its shape; None where it is none."""
    found, base = np.asarray(node.value, float), np.asarray(other.value, float)
    if found.shape != base.shape or not base.any():
        return None
    factor = float((found * base).sum() / (base * base).sum())
    return factor if np.abs(found - factor * base).max() <= 1e-9 * np.abs(found).max() else None


def factor_of(found: Array, of: Array, allowed: float, factor: float | None = None) -> float | None:
    """By which number what is finite in one is a multiple of the other, but for what is allowed, and no less is finite.

    None where it is none. factor: the number, where that is known.
    """
    known = np.isfinite(of)
    if not (np.isfinite(found) == known).all():
        return None
    of, found = of[known], found[known]
    size = float((of * of).sum())
    if factor is None:
        factor = float((of * found).sum()) / size if size else 0.0
    fits = not found.size or (factor and np.abs(found - factor * of).max() <= allowed)
    return factor if fits else None


def shares(change: Array, step: Array, before: Array, allowed: float) -> tuple[float, float] | None:
    """By what a step and a parameter are multiplied in a change; the parameter by 0 where the step alone explains it.

    None where the change is no sum of such multiples, or has nothing of the step.
    """
    change, step, before = change.ravel(), step.ravel(), before.ravel()
    alone = factor_of(change, step, allowed)
    if alone is not None:
        return alone, 0.0
    length = np.linalg.norm(before)
    if not length or not np.isfinite(step).all() or not np.isfinite(change).all():
        return None
    along = before / length
    rest, of = (x - (along @ x) * along for x in (change, step))
    rate = factor_of(rest, of, allowed)
    return None if rate is None else (rate, float(along @ (change - rate * step)) / float(length))


def like(found: Any, array: Array) -> Array:
    """A value in the shape of an array, turned or broadcast; zeros where it does not fit."""
    value: Array = np.asarray(found, float)
    if value.shape == array.shape:
        return value
    if value.T.shape == array.shape:
        return np.asarray(value.T)
    if value.size == array.size:
        return np.asarray(value.reshape(array.shape))
    try:
        return np.asarray(np.broadcast_to(value, array.shape))
    except ValueError:
        return np.zeros(array.shape)


def multiple(value: Any, expected: Array) -> float | None:
    """By which number one array is a multiple of another; None where it is none. A transpose counts as the same."""
    if np.size(value) != expected.size:
        return None
    known = np.isfinite(expected)
    f, e = like(value, expected)[known], expected[known]
    if not np.isfinite(f).all() or not e.any() or not f.any():
        return None
    return factor_of(f, e, RTOL * np.abs(f).max())
