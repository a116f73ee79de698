"""Whether a framed picture looks like any digit at all."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import SIDE

LEAST = 0.66
"""The least cosine between a handwritten digit and the nearest embedded one: of MNIST's, one in 200 has less."""


def unlike(pixels: NDArray[np.uint8]) -> tuple[str, ...]:
    """A doubt where a picture (28, 28) resembles none of the embedded digits."""
    return () if resemblance(pixels) >= LEAST else ("it is unlike any digit",)


def resemblance(pixels: NDArray[np.uint8]) -> float:
    """The cosine between a picture (28, 28) and the nearest of the embedded digits, both in squares of 4 × 4 pixels."""
    return float((_embedded() @ _coarse(pixels[None])[0]).max())


@cache
def _embedded() -> NDArray[Any]:
    from tinygrad_mnist.data.digits import load_digits

    return _coarse(load_digits().train.images)


def _coarse(images: NDArray[Any]) -> NDArray[Any]:
    """Images (n, 28, 28) as unit vectors (n, 49) of their squares' means."""
    means = images.reshape(-1, SIDE // 4, 4, SIDE // 4, 4).mean(axis=(2, 4), dtype=np.float64)
    squares = means.reshape(len(images), -1)
    return np.asarray(squares / np.maximum(np.linalg.norm(squares, axis=1, keepdims=True), 1e-12))
