"""The loops of a distortion as numba compiles them: the numbers are those of `augment`, bit for bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from tinygrad_mnist.data.dataset import SIDE

WIDTH = SIDE + 3


@njit(cache=True, nogil=True)
def affine(constant: Any, per_row: Any, per_column: Any, out: Any) -> None:
    """constant + per_row · i + per_column · j for each image, each pixel: (n,) to (n, 28, 28), in float32."""
    for n in range(len(constant)):
        for i in range(SIDE):
            start = constant[n] + per_row[n] * np.float32(i)
            for j in range(SIDE):
                out[n, i, j] = start + per_column[n] * np.float32(j)


@njit(cache=True, nogil=True)
def warp(images: Any, rows: Any, columns: Any, out: Any) -> None:
    """The images read at other places, in float32; all are (n, 784). The places come first, as many at once."""
    zero, one, edge = np.float32(0), np.float32(1), np.float32(SIDE + 1)
    framed = np.zeros(WIDTH * WIDTH, np.float32)
    corners = np.empty(SIDE * SIDE, np.int32)
    downs, rights = np.empty(SIDE * SIDE, np.float32), np.empty(SIDE * SIDE, np.float32)
    for n in range(len(images)):
        for i in range(SIDE):
            for j in range(SIDE):
                framed[(i + 1) * WIDTH + j + 1] = images[n, i * SIDE + j]
        for k in range(SIDE * SIDE):
            row, column = rows[n, k] + one, columns[n, k] + one
            row = edge if row > edge else row if row > zero else zero
            column = edge if column > edge else column if column > zero else zero
            top, left = np.int32(row), np.int32(column)
            corners[k] = top * np.int32(WIDTH) + left
            downs[k], rights[k] = row - np.float32(top), column - np.float32(left)
        for k in range(SIDE * SIDE):
            corner, right = corners[k], rights[k]
            a, b = framed[corner], framed[corner + 1]
            c, d = framed[corner + WIDTH], framed[corner + WIDTH + 1]
            upper = a + right * (b - a)
            lower = c + right * (d - c)
            out[n, k] = upper + downs[k] * (lower - upper)
