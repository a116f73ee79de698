"""The loop of an average as numba compiles it: the numbers are those of `average`, bit for bit."""

from __future__ import annotations

from typing import Any

from numba import njit


@njit(cache=True, nogil=True)
def average(old: Any, new: Any, decay: Any, share: Any) -> None:
    """old ← decay · old + share · new, where all are flat and of one dtype, in one pass over memory."""
    for i in range(len(old)):
        old[i] = old[i] * decay + share * new[i]
