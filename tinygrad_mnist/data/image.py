"""A picture of a digit from a file, framed as MNIST frames its digits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import SIDE, DataError

BOX = 20
_FAINTEST = 24
"""The least difference between ink and paper, of 255, that counts as writing."""


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """A digit as (28, 28) uint8, white on black: of any size, in colour or grey, dark on light or light on dark.

    The paper is a plane through the picture's rim, so light may fall unevenly. What differs from it is cropped,
    scaled into 20 × 20 and put into the frame with its centre of mass in the middle, as MNIST was made
    (http://yann.lecun.com/exdb/mnist/). A picture of 28 × 28 counts as framed already.

    Raises DataError where the file is no picture, or nothing is drawn on it.
    """
    ink = _ink(_grey(path))
    if ink.max() < _FAINTEST:
        raise DataError(f"{path}: no digit to be seen; draw one that stands out from its background")
    ink = ink * (255 / ink.max())
    framed = ink if ink.shape == (SIDE, SIDE) else _frame(ink)
    return np.asarray(framed.round(), np.uint8)


def _grey(path: str | Path) -> NDArray[Any]:
    """The brightness of each pixel, 0 to 255; what is transparent takes the opposite of what is drawn."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(path) as file:
            upright = ImageOps.exif_transpose(file)
            if upright.mode.startswith(("I", "F")):
                return _stretch(np.asarray(upright, np.float64))
            image = upright.convert("RGBA")
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: not a readable picture ({error}); give a PNG, JPEG or the like") from None
    grey: NDArray[Any] = np.asarray(image.convert("L"), np.float64)
    alpha = np.asarray(image.getchannel("A"), np.float64) / 255
    if not alpha.any() or alpha.all():
        return grey
    drawn = np.average(grey, weights=alpha)
    paper = 255 if drawn < 128 else 0
    return np.asarray(alpha * grey + (1 - alpha) * paper)


def _stretch(values: NDArray[Any]) -> NDArray[Any]:
    """Numbers of any range, as 16-bit scans have them, as brightness from 0 to 255."""
    low, high = values.min(), values.max()
    brightness: NDArray[Any] = (values - low) * (255 / max(high - low, 1e-12))
    return brightness


def _ink(grey: NDArray[Any]) -> NDArray[Any]:
    """How much each pixel differs from the paper, in the direction in which the writing does."""
    difference: NDArray[Any] = grey - _paper(grey)
    darker = -difference.min() > difference.max()
    ink: NDArray[Any] = np.maximum(-difference if darker else difference, 0)
    return ink


def _paper(grey: NDArray[Any]) -> NDArray[Any]:
    """The brightness of the paper, a plane laid through the picture's rim: light falls unevenly on photos."""
    rows, columns = np.indices(grey.shape)
    rim = np.ones(grey.shape, bool)
    rim[1:-1, 1:-1] = False
    plane = np.stack([np.ones(grey.shape), rows / max(grey.shape), columns / max(grey.shape)], axis=-1)
    level = np.median(grey[rim])
    slope, *_ = np.linalg.lstsq(plane[rim], grey[rim] - level, rcond=None)
    paper: NDArray[Any] = level + plane @ slope
    return paper


def _frame(ink: NDArray[Any]) -> NDArray[Any]:
    from PIL import Image

    drawn = ink > 255 * 0.2
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    digit = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = BOX / max(digit.shape)
    height, width = (max(1, round(n * scale)) for n in digit.shape)
    small = Image.fromarray(digit.astype(np.float32)).resize((width, height), Image.Resampling.BOX)
    digit = np.asarray(small, np.float64)
    mass = digit.sum()
    centre = [(digit.sum(axis=1 - axis) @ np.arange(n)) / mass for axis, n in enumerate(digit.shape)]
    top, left = (int(np.clip(round((SIDE - 1) / 2 - c), 0, SIDE - n)) for c, n in zip(centre, digit.shape, strict=True))
    framed = np.zeros((SIDE, SIDE))
    framed[top : top + height, left : left + width] = digit
    return np.asarray(framed * (255 / framed.max()))
