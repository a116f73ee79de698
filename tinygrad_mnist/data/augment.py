"""Digits shifted, turned, scaled, slanted and bent, so that each epoch sees new ones.

Every distortion says for each pixel of the new image where in the old one it comes from; what lies between
pixels is interpolated bilinearly, what lies outside is black. Because places add up, any combination of
distortions takes one interpolation, and the digits stay as sharp as after one.

Source: P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks applied to
visual document analysis", ICDAR 2003, section 2.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mnist.arguments import Checked, Range, setting
from tinygrad_mnist.data.dataset import SIDE
from tinygrad_mnist.jit import is_loaded

Images = NDArray[np.floating[Any]]
Places = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Where each pixel of each new image comes from: rows and columns of the old one, both (n, 28, 28)."""

_CENTRE = (SIDE - 1) / 2

SHIFTS = Range(f"a number from 0 on, {SIDE} pixels at most", most=SIDE)
ANGLES = Range("a number from 0 on, 360 degrees at most", most=360)
SCALES = Range("a number from 0 on, 10 at most", most=10)
STRENGTHS = Range("a number from 0 on, 10,000 at most", most=10_000)
SLANTS = Range("a number of degrees from 0 on, and less than 90", most=90, excluded=(90,))
WIDTHS = Range(f"a positive number of pixels, {SIDE} at most, and 0.01 at least", least=0.01, most=SIDE)


@dataclass(frozen=True)
class Distortion(Checked):
    """Distorts each image of a batch in its own way: `Distortion(rotate=15, elastic=34)(images, rng)`.

    shift: pixels, down and right each. rotate, shear: degrees. scale: share of the size, 0.1 for 1/1.1 to 1.1 times.
        Each is the largest; what an image gets is drawn uniformly from its negative to itself.
    elastic: α of Simard's elastic distortion, its strength in pixels before smoothing. sigma: σ of the Gaussian
        that smooths it, in pixels. The paper takes 34 and 4.

    images: (n, 784), (n, 28, 28) or (n, 1, 28, 28), floating point; the result is a new float32 array of this shape,
    within the range of the images and 0. rng: what it draws depends on n and the strengths alone.
    Raises ValueError for strengths out of range and images of another shape, TypeError for images of whole numbers.
    """

    shift: float = setting(0.0, allowed=SHIFTS)
    rotate: float = setting(0.0, allowed=ANGLES)
    scale: float = setting(0.0, allowed=SCALES)
    shear: float = setting(0.0, allowed=SLANTS)
    elastic: float = setting(0.0, allowed=STRENGTHS)
    sigma: float = setting(4.0, allowed=WIDTHS)

    def __call__(self, images: Images, rng: np.random.Generator) -> NDArray[np.float32]:
        n = len(images)
        down, right, degrees, size, slant = rng.uniform(-1, 1, (5, n))
        rows, columns = affine_places(
            n,
            down=self.shift * down,
            right=self.shift * right,
            degrees=self.rotate * degrees,
            factor=(1 + self.scale) ** size,
            slant=self.shear * slant,
        )
        if self.elastic:
            down, right = elastic_field(n, rng, self.elastic, self.sigma)
            rows, columns = rows + down, columns + right
        return warp(images, (rows, columns))


def shift(images: Images, down: ArrayLike, right: ArrayLike) -> NDArray[np.float32]:
    """Images moved by this many pixels, one number for all or one for each; what leaves the frame is lost."""
    return warp(images, affine_places(len(images), down=down, right=right))


def rotate(images: Images, degrees: ArrayLike) -> NDArray[np.float32]:
    """Images turned counter-clockwise around the middle of the frame."""
    return warp(images, affine_places(len(images), degrees=degrees))


def scale(images: Images, factor: ArrayLike) -> NDArray[np.float32]:
    """Images enlarged around the middle of the frame; a factor below 1 makes them smaller."""
    return warp(images, affine_places(len(images), factor=factor))


def shear(images: Images, slant: ArrayLike) -> NDArray[np.float32]:
    """Images leaning to the right by this many degrees, as italics do."""
    return warp(images, affine_places(len(images), slant=slant))


def elastic(images: Images, rng: np.random.Generator, alpha: float = 34, sigma: float = 4) -> NDArray[np.float32]:
    """Images bent by smooth random displacements (Simard 2003)."""
    return Distortion(elastic=alpha, sigma=sigma)(images, rng)


def affine_places(
    n: int,
    down: ArrayLike = 0,
    right: ArrayLike = 0,
    degrees: ArrayLike = 0,
    factor: ArrayLike = 1,
    slant: ArrayLike = 0,
) -> Places:
    """Where the pixels of n images come from that are scaled, then sheared, then rotated, then shifted.

    A pixel at p moves to A (p - c) + c + t, c being the middle; so the one at p comes from A⁻¹ (p - c - t) + c.
    """
    down, right, degrees, factor, slant = (
        np.broadcast_to(np.asarray(value, np.float64), n) for value in (down, right, degrees, factor, slant)
    )
    sin, cos, lean = np.sin(np.radians(degrees)), np.cos(np.radians(degrees)), np.tan(np.radians(slant))
    # A is a scaling by the factor times [[cos, -sin], [sin, cos]] [[1, 0], [-lean, 1]]; rows count downward
    inverse = np.array([[cos, sin], [lean * cos - sin, lean * sin + cos]]) / factor
    start = _CENTRE - inverse[:, 0] * (down + _CENTRE) - inverse[:, 1] * (right + _CENTRE)
    (row, column), coefficients = start.astype(np.float32), inverse.astype(np.float32)
    return _places(row, *coefficients[0]), _places(column, *coefficients[1])


def _places(constant: NDArray[np.float32], per_row: NDArray[np.float32], per_column: NDArray[np.float32]) -> Any:
    """constant + per_row · i + per_column · j for each image, each pixel: (n,) to (n, 28, 28)."""
    if is_loaded():
        from tinygrad_mnist.data import loops

        places = np.empty((len(constant), SIDE, SIDE), np.float32)
        loops.affine(constant, per_row, per_column, places)
        return places
    constant, per_row, per_column = (each[:, None, None] for each in (constant, per_row, per_column))
    grid = np.arange(SIDE, dtype=np.float32)
    return (constant + per_row * grid[:, None]) + per_column * grid


def elastic_field(n: int, rng: np.random.Generator, alpha: float, sigma: float) -> Places:
    """Displacements of n images, down and right: uniform noise from -1 to 1, smoothed by a Gaussian, times α.

    Both the noise and the field end at the frame. The Gaussian, whose weights sum to 1, is one for the rows and one
    for the columns: two matrix products.
    """
    noise = rng.random((2, n, SIDE, SIDE), dtype=np.float32)
    noise *= 2
    noise -= 1
    weights = _gaussian(sigma)
    along_rows = (noise.reshape(-1, SIDE) @ weights).reshape(noise.shape)
    down, right = weights @ along_rows * np.float32(alpha)
    return down, right


@functools.lru_cache(maxsize=8)
def _gaussian(sigma: float) -> NDArray[np.float32]:
    """What each of 28 numbers in a line gives to each of the smoothed ones: (28, 28)."""
    reach = SIDE + math.ceil(6 * sigma)
    bell = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    bell /= bell.sum()
    line = np.arange(SIDE)
    weights: NDArray[np.float32] = bell[reach + line[:, None] - line].astype(np.float32)
    return weights


def warp(images: Images, places: Places) -> NDArray[np.float32]:
    """The images read at other places, between pixels bilinearly, outside as 0: a new array of their shape."""
    pixels = _as_frames(images)
    if is_loaded():
        from tinygrad_mnist.data import loops

        found = np.empty(images.shape, np.float32)
        each = (x.astype(np.float32, copy=False).reshape(len(images), SIDE**2) for x in (pixels, *places))
        loops.warp(*each, found.reshape(len(images), SIDE**2))
        return found
    width = SIDE + 3  # black around them: one pixel before, two behind, so that every place has four neighbours
    framed = np.zeros((len(pixels), width, width), np.float32)
    framed[:, 1:-2, 1:-2] = pixels
    rows, columns = (np.clip(place, -1, SIDE) + 1 for place in places)
    top, left = np.floor(rows), np.floor(columns)
    first = np.arange(len(pixels))[:, None, None] * width**2
    corner = (top * width + left).astype(np.intp) + first
    flat = framed.ravel()
    a, b, c, d = (flat[offset:].take(corner) for offset in (0, 1, width, width + 1))
    right = columns - left
    upper = a + right * (b - a)
    lower = c + right * (d - c)
    between: NDArray[np.float32] = upper + (rows - top) * (lower - upper)
    return between.reshape(images.shape)


def _as_frames(images: Images) -> Images:
    shape = images.shape
    if shape[1:] not in ((SIDE**2,), (SIDE, SIDE), (1, SIDE, SIDE)):
        raise ValueError(
            f"images have shape {shape}, expected (n, {SIDE**2}), (n, {SIDE}, {SIDE}) or (n, 1, {SIDE}, {SIDE})"
        )
    if images.dtype.kind != "f":
        raise TypeError(f"images are {images.dtype}, expected floating point from 0 to 1, as split.inputs() gives them")
    return images.reshape(-1, SIDE, SIDE)
