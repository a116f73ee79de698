"""Signs of trouble in a graph's numbers: dead units, saturation, gradients that vanish or explode, NaN and Inf."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

SATURATED = 0.97
"""How near to its limits, as a share of the way, a sigmoid or tanh counts as saturated."""
LARGE, SMALL = 1e3, 1e-7
"""Norms of gradients beyond which they explode or vanish."""

_RANGES = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0)}


class Mark(TypedDict):
    """A symbol for the vertex, how bad it is (info or warning), and what it says."""

    symbol: str
    level: str
    text: str


def marks(op: str | None, value: Array, gradient: Array | None, is_parameter: bool) -> list[Mark]:
    """What is to be said about a vertex; nothing where all is well."""
    found = [*_not_finite("value", value), *(_not_finite("gradient", gradient) if gradient is not None else [])]
    if op == "relu" and value.size:
        found += _dead(value)
    if op in _RANGES and value.size:
        found += _saturation(value, *_RANGES[op])
    if is_parameter:
        none = Mark(symbol="∅", level="warning", text="no gradient reached it")
        found += [none] if gradient is None else _norm(gradient)
    return found


def norm(array: Array) -> float:
    """The Euclidean norm, of as many axes as there are."""
    with np.errstate(over="ignore", invalid="ignore"):
        return float(np.sqrt(np.sum(np.square(array, dtype=np.float64))))


def _not_finite(what: str, array: Array) -> list[Mark]:
    if np.isfinite(array).all():
        return []
    nans, infinite = int(np.isnan(array).sum()), int(np.isinf(array).sum())
    counts = [f"{n} {word}" for n, word in ((nans, "NaN"), (infinite, "Inf")) if n]
    text = f"the {what} has {' and '.join(counts)} among {array.size} elements"
    return [Mark(symbol="⚠", level="warning", text=text)]


def _dead(value: Array) -> list[Mark]:
    """Units, along the last axis, that are 0 for every example; a lone number is a unit too."""
    dead = ~(value.reshape(-1, value.shape[-1] if value.ndim else 1) > 0).any(axis=0)
    off = np.mean(~(value > 0))
    text = f"{int(dead.sum())} of {dead.size} units dead (0 for every example); {off:.0%} of the elements are 0"
    return [Mark(symbol="†", level="warning" if dead.mean() > 0.5 else "info", text=text)] if dead.any() else []


def _saturation(value: Array, low: float, high: float) -> list[Mark]:
    middle, half = (low + high) / 2, (high - low) / 2
    share = float(np.mean(np.abs(value - middle) > SATURATED * half))
    text = f"{share:.0%} of the elements are saturated: nearly no gradient passes there"
    return [Mark(symbol="▬", level="warning" if share > 0.5 else "info", text=text)] if share > 0.05 else []


def _norm(gradient: Array) -> list[Mark]:
    size = norm(gradient)
    if not gradient.size or (SMALL < size < LARGE):
        return []
    word = "is exactly 0" if size == 0 else f"has norm {size:.1e}: it {'vanishes' if size <= SMALL else 'explodes'}"
    return [Mark(symbol="∅" if size <= SMALL else "▲", level="warning", text=f"the gradient {word}")]
