"""The embedded data set: 1,797 real handwritten digits, so that everything runs without a download.

They are the test part of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998),
UCI Machine Learning Repository, https://doi.org/10.24432/C50P49, licensed CC BY 4.0
(https://creativecommons.org/licenses/by/4.0/). The two files beside this module hold them unchanged, 8 × 8
pixels of 0 to 16 and in the order of scikit-learn's `load_digits`, as gzipped IDX; loading enlarges them.
"""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import SIDE, Dataset, Split
from tinygrad_mnist.data.idx import parse_idx
from tinygrad_mnist.data.reading import decompress

DIGITS = "digits"
"""What they are called."""

TEST_COUNT = 297
LEVELS = 16
DIGIT_SIDE = 20
"""MNIST fits every digit into 20 × 20 pixels, in the middle of 28 × 28."""


def load_digits() -> Dataset:
    """The embedded digits as 28 × 28 images: the first 1,500 to learn from, the last 297 to test with."""
    images = _enlarge(_read("digits-images-idx3-ubyte.gz"))
    everything = Split(images, _read("digits-labels-idx1-ubyte.gz"))
    return Dataset(DIGITS, train=everything[:-TEST_COUNT], test=everything[-TEST_COUNT:])


def _read(name: str) -> NDArray[Any]:
    return parse_idx(decompress(files(__package__).joinpath(name).read_bytes(), name), name)


def _enlarge(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images (n, 8, 8) of 0 to 16, bilinearly enlarged and framed: (n, 28, 28) of 0 to 255."""
    weights = _bilinear_weights(images.shape[1], DIGIT_SIDE)
    enlarged = weights @ images.astype(np.int64) @ weights.T
    white = LEVELS * int(weights[0].sum()) ** 2
    pixels = (enlarged * 255 + white // 2) // white
    margin = (SIDE - DIGIT_SIDE) // 2
    return np.pad(pixels.astype(np.uint8), ((0, 0), (margin, margin), (margin, margin)))


def _bilinear_weights(old: int, new: int) -> NDArray[np.int64]:
    """How much each of `old` pixels in a line gives to each of `new` ones: (new, old), rows sum to 2 · new.

    Whole numbers, so that every machine rounds to the same bytes.
    """
    unit = 2 * new
    centres = np.clip((2 * np.arange(new) + 1) * old - new, 0, (old - 1) * unit)
    weights: NDArray[np.int64] = np.maximum(unit - np.abs(centres[:, None] - unit * np.arange(old)), 0)
    return weights
