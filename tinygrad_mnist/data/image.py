"""Digits from the file of a picture, framed as MNIST frames its digits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import views
from tinygrad_mnist.data.arrays import Array
from tinygrad_mnist.data.dataset import SIDE, DataError
from tinygrad_mnist.data.photographs.digits import MOST, SMALLEST, SMALLEST_ON_LINES, digits
from tinygrad_mnist.data.photographs.framing import framed
from tinygrad_mnist.data.photographs.ink import FAINTEST, drawing, photographed, rim, strokes
from tinygrad_mnist.data.photographs.lines import without_lines
from tinygrad_mnist.data.photographs.opening import brightness
from tinygrad_mnist.data.photographs.resemblance import unlike
from tinygrad_mnist.screens.cell import sheet

MAGNIFIED, A_ROW, GREY = 10, 10, 128
"""How many pixels of a picture for people each pixel of the network's takes, how many digits stand in a row, and what
is between them."""

NEEDED = "to read {} SciPy is needed: pip install 'tinygrad-mnist[photos]'"


@dataclass(frozen=True)
class Digit:
    """A digit of a picture.

    pixels: (28, 28) uint8, white on black, as a network sees it.
    doubts: what speaks against it, in words, such as "it is cut off at the picture's edge".
    """

    pixels: NDArray[np.uint8] = field(repr=False)
    doubts: tuple[str, ...] = ()

    def _repr_html_(self) -> str:
        return views.digit(self.pixels, *self.doubts)


def read_image(path: str | Path) -> NDArray[np.uint8]:
    """The digit in a picture as (28, 28) uint8; see `read_digits`. Raises DataError also where there are several."""
    found = read_digits(path)
    if len(found) > 1:
        raise DataError(f"{path}: {len(found)} digits are to be seen, where one is expected; read_digits gives each")
    return found[0].pixels


def read_digits(path: str | Path) -> list[Digit]:
    """The digits in a picture, from left to right: of any size, in colour or grey, dark on light or light on dark.

    What is drawn is what stands out from the paper beside it, in strokes; ruled lines, dots and what lies around the
    paper are left out. A digit is scaled into 20 × 20 and put into the frame with its centre of mass in the middle. A
    picture of 28 × 28 counts as framed already. Photographs need SciPy; a drawing on a paper that is all of one
    brightness does not.

    Raises DataError where the file is no picture, or nothing is drawn on it.
    """
    grey = brightness(path)
    if grey.shape == (SIDE, SIDE):
        found = _framed_already(grey)
    else:
        found = _with_scipy(grey) if find_spec("scipy") else _without_scipy(grey, path)
    if not found:
        raise DataError(f"{path}: no digit to be seen; draw one that stands out from its background")
    return found


def _framed_already(grey: Array) -> list[Digit]:
    """A picture of 28 × 28 as it is, white on black."""
    difference = grey - np.median(rim(grey))
    contrast = np.maximum(-difference if -difference.min() > difference.max() else difference, 0)
    if contrast.max() < FAINTEST:
        return []
    return [Digit(np.asarray((contrast * (255 / contrast.max())).round(), np.uint8))]


def _with_scipy(grey: Array) -> list[Digit]:
    drawn = drawing(grey)
    ink = photographed(grey) if drawn is None else drawn
    drawn_at = strokes(ink)
    mask = without_lines(drawn_at)
    found = digits(mask, SMALLEST if mask.sum() == drawn_at.sum() else SMALLEST_ON_LINES)
    extra = (f"there are {len(found)} marks in the picture",) if len(found) > MOST else ()
    return [_digit(ink[each.place], each.strokes, each.doubts + extra, drawn is not None) for each in found[:MOST]]


def _without_scipy(grey: Array, path: str | Path) -> list[Digit]:
    ink = drawing(grey)
    if ink is None:
        raise DataError(f"{path}: {NEEDED.format('a photograph')}")
    if ink.max() < FAINTEST:
        return []
    rows, columns = _extent(ink)
    if (np.diff(rows) > 1).any() or (np.diff(columns) > 1).any():
        raise DataError(f"{path}: {NEEDED.format('a drawing in several parts')}")
    return [read_drawing(ink)]


def read_drawing(ink: Array) -> Digit:
    """All that is drawn, (h, w) from 0 on, as one digit; raises DataError where nothing is."""
    rows, columns = _extent(ink)
    if not rows.size:
        raise DataError("there is no digit to be seen: draw one")
    pixels = framed(ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return Digit(pixels, unlike(pixels))


def _extent(ink: Array) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows and the columns in which something is drawn."""
    drawn = ink > 0.2 * ink.max(initial=0)
    return np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))


def _digit(ink: Array, strokes: Array, doubts: tuple[str, ...], is_drawing: bool) -> Digit:
    """The ink of one digit alone: a drawing's as it is, with its soft edges; a photograph's as dark as most of it."""
    own = np.where(strokes, ink, 0)
    if is_drawing:
        from scipy import ndimage

        reach = max(1, max(ink.shape) // 20)
        own = np.where(ndimage.maximum_filter(strokes, 2 * reach + 1), ink, 0) / own.max()
    else:
        own = np.clip(own / np.quantile(ink[strokes], 0.6), 0, 1)
    pixels = framed(own)
    return Digit(pixels, doubts or unlike(pixels))


def as_the_network_sees(digits: Sequence[NDArray[np.uint8]]) -> bytes:
    """A PNG of framed digits, each (28, 28) uint8, in rows and magnified, for people to look at.

    Ten stand in a row, and where there are more than a hundred, as many as there are rows, which makes each smaller.
    """
    from PIL import Image

    columns = min(len(digits), max(A_ROW, math.isqrt(len(digits) - 1) + 1))
    size = max(1, MAGNIFIED * A_ROW // max(columns, A_ROW))
    cells = np.full((len(digits), SIDE * size + 2, SIDE * size + 2), GREY, np.uint8)
    cells[:, 1:-1, 1:-1] = np.asarray(digits).repeat(size, 1).repeat(size, 2)
    file = BytesIO()
    Image.fromarray(sheet(cells, columns, GREY)).save(file, "PNG")
    return file.getvalue()
