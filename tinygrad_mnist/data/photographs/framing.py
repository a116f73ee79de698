"""A digit put into MNIST's frame: http://yann.lecun.com/exdb/mnist/."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import SIDE

BOX = 20

TURN = 15
"""Degrees by which a digit may be turned and stay what it is."""


def framed(ink: NDArray[Any]) -> NDArray[np.uint8]:
    """A digit, cropped to its strokes, scaled into 20 × 20, its centre of mass in the middle of 28 × 28 uint8."""
    scale = BOX / max(ink.shape)
    down, across = (_boxes(n, max(1, round(n * scale))) for n in ink.shape)
    digit = (down @ ink.astype(np.float64) @ across.T).astype(np.float32).astype(np.float64)
    (height, width), mass = digit.shape, digit.sum()
    centre = [(digit.sum(axis=1 - axis) @ np.arange(n)) / mass for axis, n in enumerate(digit.shape)]
    top, left = (int(np.clip(round((SIDE - 1) / 2 - c), 0, SIDE - n)) for c, n in zip(centre, digit.shape, strict=True))
    frame = np.zeros((SIDE, SIDE))
    frame[top : top + height, left : left + width] = digit
    return np.asarray((frame * (255 / frame.max())).round(), np.uint8)


def _boxes(old: int, new: int) -> NDArray[np.float64]:
    """How much each of `old` pixels in a line gives to each of `new` ones, (new, old): the mean of those it covers.

    A pixel is covered where its middle is. Whole numbers, so that every machine decides alike.
    """
    middles = (2 * np.arange(old) + 1) * new - (2 * np.arange(new)[:, None] + 1) * old
    reach = max(old, new)
    covered = (middles > -reach) & (middles <= reach)
    return np.asarray(covered / covered.sum(axis=1, keepdims=True))


def moved(pixels: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """A framed digit as it is and as it might as well have been put, turned or a pixel further; by what was done."""
    from PIL import Image

    picture = Image.fromarray(pixels)
    turned = {f"turned by {TURN}° {way}": angle for way, angle in (("to the left", TURN), ("to the right", -TURN))}
    shifted = {"a pixel higher": (-1, 0), "a pixel lower": (1, 0), "to the left": (0, -1), "to the right": (0, 1)}
    return {
        "as it is": pixels,
        **{words: np.asarray(picture.rotate(angle, Image.Resampling.BILINEAR)) for words, angle in turned.items()},
        **{words: np.roll(pixels, by, axis=(0, 1)) for words, by in shifted.items()},
    }
