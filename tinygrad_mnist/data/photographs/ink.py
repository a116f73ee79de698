"""What is drawn on a paper that may lie on a table, in light from one side, and have a grain."""

from __future__ import annotations

from typing import Any

import numpy as np

from tinygrad_mnist.data.arrays import Array

WIDEST_STROKE = 0.14
"""Of the longer side: what is wider is no stroke of a pen, but paper, table or shadow."""

WIDEST_BLOT, ALIKE = 0.35, 0.8
"""Of the longer side: what is wider is no ink at all; and of the darkest ink within reach: what strokes have."""

SHARPNESS = 1 / 400
"""Of the longer side: the width of the blur that takes the paper's grain away."""

FAINTEST = 24.0
"""The least difference between ink and paper, of 255, that counts as writing."""

GRAIN = 5.0
"""How many times the paper's own deviation ink stands out at least."""

COARSE = 130
"""Pixels of the longer side by which paper and ink are told apart."""

SPARSE = 3
"""Every third pixel of the surroundings, in each direction, tells their median as well as all of them."""

DARK = 48.0
"""The brightness, of 255, below which a surface in a photograph tells nothing: its grain is all there is."""

DARKEST = 0.998
"""Of the pixels of a sheet: the share that the darkest ink is darker than."""

WEAK, STRONG = 0.3, 0.55
"""Of the darkest ink: where strokes end, and what each of them must reach somewhere."""

EVEN, RIM = 10.0, 3
"""How far, of 255, the brightness of evenly lit paper goes apart along the rim, but for so many percent at each end."""

MOST_INK = 0.4
"""Of a picture: the share that the strokes on it take at most."""

CLEAN = 4.0
"""How far, of 255, the brightness of a drawing's paper goes apart along the rim; a camera's grain goes further."""


def rim(grey: Array) -> Array:
    """The pixels along the edge of a picture, where a drawing's paper is to be seen."""
    return np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])


def drawing(grey: Array) -> Array | None:
    """How much each pixel differs from a paper that is all of one brightness; None where there is none such."""
    edge = rim(grey)
    difference = grey - np.median(edge)
    paper = np.abs(difference) <= CLEAN
    if np.ptp(edge) > CLEAN or paper.mean() < 0.3 or min(-difference.min(), difference.max()) > FAINTEST:
        return None
    return np.asarray(np.abs(difference))


def photographed(grey: Array) -> Array:
    """How much each pixel stands out from the paper beside it, 0 to 255, in the direction in which strokes do.

    Ink takes away a share of the light that falls on it.
    """
    from scipy import ndimage

    smooth = ndimage.gaussian_filter(grey, max(grey.shape) * SHARPNESS, mode="nearest")
    even = _even(smooth)
    if even:
        return _ink(smooth, *even)
    paper, board = _paper(smooth, WIDEST_STROKE), _paper(smooth, WIDEST_STROKE, in_light=True)
    in_light = _is_written_in_light(smooth, paper - smooth, smooth - board)
    ink = _ink(smooth, board if in_light else paper, in_light)
    wider = _ink(smooth, _paper(smooth, WIDEST_BLOT, in_light), in_light)
    return _with_blots(ink, wider, 255 - smooth if in_light else smooth)


def _ink(smooth: Array, ground: Any, in_light: bool) -> Array:
    return np.asarray(smooth - ground if in_light else (ground - smooth) * (255 / np.maximum(ground, DARK)))


def _with_blots(ink: Array, wider: Array, shade: Array) -> Array:
    """The ink, and what stands out of wider surroundings and is as dark as the strokes that lead there: a blot hides
    the paper beside it."""
    from scipy import ndimage

    least = WEAK * max(float(np.quantile(ink, DARKEST)), FAINTEST)
    strokes = (ink > least) & (ink > ALIKE * ndimage.maximum_filter(ink, _window(ink, WIDEST_STROKE)))
    lightest = ndimage.maximum_filter(np.where(strokes, shade, 0), _window(ink, WIDEST_BLOT))
    blots = _leading_to((wider > least) & (shade <= lightest), strokes)
    return np.where(blots, wider, ink)


def _even(smooth: Array) -> tuple[float, bool] | None:
    """The paper of a sheet that is of one brightness all along the rim, on which strokes may be of any width; and
    whether it is written on in light.

    None where it is not, or where so much is of another that a paper lies on a table.
    """
    low, paper, high = np.percentile(rim(smooth), [RIM, 50, 100 - RIM])
    difference = smooth - paper
    ink = np.abs(difference) > FAINTEST
    if high - low > EVEN or ink.mean() > MOST_INK:
        return None
    return float(paper), bool(difference[ink].sum() > 0)


def _paper(smooth: Array, widest: float, in_light: bool = False) -> Array:
    """The paper beside each pixel: what closing with a window wider than any dark stroke leaves (Serra 1982), the
    brightest within reach, and of that again the darkest; or the board, that is written on in light: what opening with
    a window wider than any light stroke leaves."""
    from scipy import ndimage

    filtered = ndimage.grey_opening if in_light else ndimage.grey_closing
    return np.asarray(filtered(smooth, size=(_window(smooth, widest),) * 2, mode="nearest"))


def _window(picture: Array, widest: float) -> int:
    """The pixels, an odd number, of a share of the longer side."""
    return max(3, round(float(max(picture.shape) * widest))) | 1


def _is_written_in_light(grey: Array, dark: Array, light: Array) -> bool:
    """Whether more stands out above the median of the surroundings than below it: most of a sheet is paper."""
    from scipy import ndimage

    step = max(1, max(grey.shape) // COARSE)
    grey, dark, light = grey[::step, ::step], dark[::step, ::step], light[::step, ::step]
    window = round(2 * WIDEST_STROKE * max(grey.shape))
    some = np.zeros((window, window), bool)
    some[window // 2 % SPARSE :: SPARSE, window // 2 % SPARSE :: SPARSE] = True  # the pixel itself among them
    difference = grey - ndimage.median_filter(grey, footprint=some, mode="nearest")
    lighter = np.minimum(light, difference)
    darker = np.minimum(dark, -difference)
    return bool(lighter[lighter > FAINTEST].sum() > darker[darker > FAINTEST].sum())


def strokes(response: Array) -> Array:
    """Where there is ink: all that is weakly dark and leads to what is strongly so (hysteresis, Canny 1986)."""
    faintest = max(FAINTEST, GRAIN * _grain(response))
    if response.max() < faintest:
        return np.zeros(response.shape, bool)
    top = max(float(np.quantile(response, DARKEST)), faintest)
    return _leading_to(response > max(WEAK * top, faintest * 0.6), response > max(STRONG * top, faintest))


def _leading_to(some: Array, others: Array) -> Array:
    """The connected regions of some pixels in which there are others."""
    from scipy import ndimage

    labels, _ = ndimage.label(some, np.ones((3, 3)))
    reached = np.unique(labels[others])
    return np.isin(labels, reached[reached > 0])


def _grain(response: Array) -> float:
    """The paper's own deviation: the median distance from the median, times 1.48 as for a normal distribution.

    Closing lays the paper over the grain's brightest points, so half of what most of the sheet lies below it is grain.
    """
    middle = np.median(response)
    return float(1.4826 * np.median(np.abs(response - middle)) + max(middle, 0) / 2)
