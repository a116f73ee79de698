"""Which of many arrays are the images and the labels, to learn from and to test with; and brings them into one form."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import SIDE, DataError

Array = NDArray[Any]
PIXELS = SIDE**2
TRAIN, TEST, VALIDATION, WHOLE = "train", "test", "validation", "whole"

_PARTS = {TRAIN: r"train|learn", TEST: r"test|t10k", VALIDATION: r"val(?![a-z])|valid"}
_LETTER = r"(?<![a-z]){0}(?![a-z])|(?<![a-z]){0}(?=train|test|val)|(?:(?<=train)|(?<=test)){0}(?![a-z])"
_LABELS = r"label|target|class|lbl|" + _LETTER.format("y")
_IMAGES = r"image|imgs?(?![a-z])|pixel|data|feature|digit|" + _LETTER.format("x")


@dataclass(frozen=True)
class Part:
    """Images of a data set as they were found, and their labels, if there are any. source: for messages."""

    source: str
    images: Array
    labels: Array | None = None


def part_of(name: str) -> str:
    """To which part of a data set a file, or an array, belongs by its path: the name that lies lowest decides."""
    for piece in reversed(name.lower().split("/")):
        for part, words in _PARTS.items():
            if re.search(words, piece):
                return part
    return WHOLE


def holds_labels(name: str) -> bool | None:
    """Whether an array holds labels by its path, or images; None where the path doesn't say."""
    for piece in reversed(name.lower().split("/")):
        if re.search(_LABELS, piece):
            return True
        if re.search(_IMAGES, piece):
            return False
    return None


def set_of(name: str) -> str:
    """What the names of the four files of one data set have in common."""
    words = "|".join([*_PARTS.values(), _LABELS, _IMAGES])
    return re.sub(rf"(?:{words})(?:es|s|ing)?|idx\d|ubyte|[^a-z0-9]", "", name.lower())


def as_images(array: Array, source: str) -> Array:
    """Images in any of the shapes and types in which they are kept as (n, 28, 28), uint8 or floating point.

    Shapes: (n, 784), (784, n), (n, 28, 28), with a channel before or after. Whole numbers from 0 to 255 become uint8.
    """
    if array.ndim == 2 and array.shape[0] == PIXELS != array.shape[1]:
        array = array.T  # an example in each column
    if array.ndim == 4 and 1 in (array.shape[1], array.shape[3]) and array.shape[0]:
        array = array.reshape(len(array), *(n for n in array.shape[1:] if n != 1))
    if array.ndim == 2 and array.shape[1] == PIXELS:
        array = array.reshape(len(array), SIDE, SIDE)
    if array.ndim != 3 or array.shape[1:] != (SIDE, SIDE):
        raise DataError(f"{source}: images have shape {array.shape}, expected (n, {SIDE}, {SIDE}) or (n, {PIXELS})")
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * 255
    if array.dtype == np.uint8 or array.dtype.kind not in "iuf" or not _are_bytes(array):
        return array
    return array.astype(np.uint8)


def _are_bytes(images: Array) -> bool:
    """Whether all are whole numbers from 0 to 255, and not all 0 or 1 in floating point; looked at in pieces."""
    most = 0.0
    for start in range(0, len(images), 4096):
        piece = images[start : start + 4096]
        with np.errstate(invalid="ignore"):
            if not ((piece >= 0) & (piece <= 255) & (piece == np.floor(piece))).all():
                return False
        most = max(most, float(piece.max(initial=0)))
    return images.dtype.kind in "iu" or most > 1


def as_labels(array: Array, source: str) -> Array:
    """Labels in any of the forms in which they are kept as whole numbers, (n,).

    Forms: numbers of any type, (n,), (n, 1) or (1, n); text that is a number; one-hot rows, (n, classes).
    """
    if array.ndim == 2 and 1 in array.shape:
        array = array.reshape(-1)
    if array.ndim == 2 and array.shape[1] > 1 and array.dtype.kind in "biuf" and _is_one_hot(array):
        return np.asarray(array.argmax(axis=1))
    if array.dtype.kind in "SU":
        array = _from_text(array, source)
    if array.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            broken = ~((array == np.floor(array)) & (np.abs(array) < 1e9))
        if broken.any():
            place = int(np.flatnonzero(broken)[0])
            raise DataError(f"{source}: labels[{place}] is {array.flat[place]}, expected a whole number")
        array = array.astype(np.int64)
    if array.dtype.kind not in "iu" or array.ndim != 1:
        raise DataError(
            f"{source}: labels are {array.dtype.name} of shape {array.shape}, expected one whole number per image"
        )
    return array


def _is_one_hot(array: Array) -> bool:
    return bool(((array == 0) | (array == 1)).all() and (array.sum(axis=1) == 1).all())


def _from_text(array: Array, source: str) -> Array:
    try:
        return array.astype(np.float64)
    except ValueError as error:
        raise DataError(f"{source}: labels are text ({error}), expected class numbers") from error


def paired(source: str, arrays: Iterable[Array]) -> list[Part]:
    """Images with the labels that follow them, where names say nothing: those with 784 pixels each are the images."""
    given = list(arrays)
    images = [array for array in given if _may_be_images(array)]
    labels = [array for array in given if not _may_be_images(array)]
    return [Part(source, *pair) for pair in zip(images, labels, strict=False)]


def _may_be_images(array: Array) -> bool:
    return array.ndim > 1 and PIXELS in (array.size // max(len(array), 1), len(array))
