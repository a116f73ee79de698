"""Ruled lines, grids and margins: found by their length, and taken out from under what is written on them."""

from __future__ import annotations

import numpy as np

from tinygrad_mnist.data.arrays import Array

STEEPEST = 0.10
"""The slope up to which a sheet lies askew: 6 degrees."""

THICKEST = 0.02
"""Of the longer side: what is thicker is no line but a stroke."""

LONGEST_STROKE = 0.2
"""Of the sheet's width: a thin stroke that runs on for longer is a line."""

UNBROKEN = 0.7
"""The share of a line that is seen between the strokes which it crosses."""

THICKER = 1.9
"""How many times as thick as its line a stroke is where the two cross or run along each other."""


def without_lines(mask: Array) -> Array:
    """The strokes without those lines that run through the whole sheet, along its rows or its columns."""
    return np.asarray(mask & ~_lines(mask) & ~_lines(mask.T).T)


def _lines(mask: Array) -> Array:
    """Where lines run along the rows, but for where strokes cross them."""
    thickness = _runs(mask)
    limit = max(4, round(THICKEST * max(mask.shape)))
    thin, thick = mask & (thickness <= limit), thickness > limit
    at_thin = np.nonzero(thin)
    found = np.zeros(mask.shape, bool)
    columns = np.arange(mask.shape[1])
    steps = max(3, round(STEEPEST * mask.shape[1] / 2))
    for slope in np.linspace(-STEEPEST, STEEPEST, 2 * steps + 1):
        offsets = np.rint((columns - mask.shape[1] // 2) * slope).astype(int)
        for line in np.flatnonzero(_along(at_thin, offsets, len(mask)) >= LONGEST_STROKE * mask.shape[1]):
            at = np.clip(line + offsets, 0, len(mask) - 1)
            on, crossed = thin[at, columns], thick[at, columns]
            if on.sum() < UNBROKEN * (~crossed).sum():
                continue
            usual = np.median(thickness[at, columns][on])
            reach = int(usual) + 1
            rows = np.clip(at + np.arange(-reach, reach + 1)[:, None], 0, len(mask) - 1)
            found[rows, columns] |= thickness[rows, columns] <= max(THICKER * usual, usual + 2)
    return np.asarray(found & mask)


def _along(points: tuple[Array, ...], offsets: Array, height: int) -> Array:
    """How many of the points lie on the line that starts in each row and runs by these offsets."""
    rows, columns = points
    start = rows - offsets[columns]
    return np.asarray(np.bincount(start[(start >= 0) & (start < height)], minlength=height))


def _runs(mask: Array) -> Array:
    """For each pixel with ink, how many lie above each other there without a gap."""
    padded = np.zeros((mask.shape[1], len(mask) + 2), np.int8)
    padded[:, 1:-1] = mask.T
    turns = np.diff(padded, axis=1)
    starts, ends = np.nonzero(turns == 1)[1], np.nonzero(turns == -1)[1]
    lengths = np.zeros(mask.T.shape, int)
    lengths[mask.T] = np.repeat(ends - starts, ends - starts)
    return np.asarray(lengths.T)
