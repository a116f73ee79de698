"""Digits drawn of seven strokes, as many as asked for: 28 × 28 pixels from 0 to 255, white on black."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

STROKES = {
    "top": (5, 8, 8, 20), "middle": (12, 15, 8, 20), "bottom": (19, 22, 8, 20),
    "upper left": (5, 14, 8, 11), "upper right": (5, 14, 17, 20),
    "lower left": (13, 22, 8, 11), "lower right": (13, 22, 17, 20),
}  # fmt: skip
"""First and last row and column of each."""

DRAWN = (
    ("top", "bottom", "upper left", "upper right", "lower left", "lower right"),
    ("upper right", "lower right"),
    ("top", "middle", "bottom", "upper right", "lower left"),
    ("top", "middle", "bottom", "upper right", "lower right"),
    ("middle", "upper left", "upper right", "lower right"),
    ("top", "middle", "bottom", "upper left", "lower right"),
    ("top", "middle", "bottom", "upper left", "lower left", "lower right"),
    ("top", "upper right", "lower right"),
    tuple(STROKES),
    ("top", "middle", "bottom", "upper left", "upper right", "lower right"),
)

MOST = 400
"""How many are drawn; more than that are these again, which a program that needs 60,000 does not mind."""

Digits = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images (n, 28, 28) and their labels (n,)."""


@lru_cache
def digits(count: int, seed: int = 0) -> Digits:
    """So many digits; the first ten are one of each class, and so on."""
    rng = np.random.default_rng(seed)
    labels = np.concatenate([rng.permutation(10) for _ in range(-(-count // 10))])[:count].astype(np.uint8)
    few = min(count, MOST)
    shapes = np.zeros((10, 28, 28))
    for digit, strokes in enumerate(DRAWN):
        for stroke in strokes:
            top, bottom, left, right = STROKES[stroke]
            shapes[digit, top:bottom, left:right] = 1
    images = np.zeros((few, 28, 28), np.uint8)
    for i in range(few):
        moved = np.roll(shapes[labels[i]], rng.integers(-1, 2, 2), (0, 1))
        ink = moved * rng.uniform(190, 255) * (rng.random((28, 28)) > 0.05)
        images[i] = np.clip(ink + (moved > 0) * rng.normal(0, 20, (28, 28)), 0, 255)
    if count > few:
        by_class = [np.flatnonzero(labels[:few] == digit) for digit in range(10)]
        chosen = np.array([by_class[label][i // 10 % len(by_class[label])] for i, label in enumerate(labels)])
        images = images[chosen]
    return images, labels


def small(images: NDArray[Any]) -> NDArray[np.float64]:
    """The same with 8 × 8 pixels from 0 to 16."""
    ink = images[:, 2:26, 2:26].reshape(-1, 8, 3, 8, 3).mean(axis=(2, 4))
    return np.asarray(ink / np.maximum(ink.max(axis=(1, 2), keepdims=True), 1) * 16 // 1)
