"""What a data set is here: labelled images of 28 × 28 pixels, checked once, when they come in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import views
from tinygrad_mnist.shown import LineError, one_line

SIDE = 28
CLASSES = 10

Rows = slice | NDArray[np.integer]
"""Some of the examples, by their positions."""


class DataError(LineError):
    """Data that cannot be used; the message says in one line what is wrong, where, and what to do."""


@dataclass(frozen=True, eq=False, repr=False)
class Split:
    """Images and their labels, in the same order.

    images: (n, 28, 28), uint8 from 0 to 255 or floating point from 0 to 1.
    labels: (n,), any integer type coming in, int64 afterwards, from 0 to classes - 1.
    classes: how many there are, whether or not each of them occurs.

    Raises DataError when images and labels do not fit this or each other, or hold NaN or infinity.
    """

    images: NDArray[Any]
    labels: NDArray[Any]
    classes: int = CLASSES

    def __post_init__(self) -> None:
        _check_images(self.images)
        _check_labels(self.labels, self.classes)
        if len(self.images) != len(self.labels):
            raise DataError(f"{len(self.images)} images but {len(self.labels)} labels; every image needs one")
        # Arithmetic on bytes wraps around: 10 * label + prediction would be wrong from 256 on.
        object.__setattr__(self, "labels", self.labels.astype(np.int64))

    def __repr__(self) -> str:
        dtype = self.images_at(slice(1)).dtype
        return f"Split({len(self):,} images of {SIDE} × {SIDE}, {dtype}, {self.classes} classes)"

    def _repr_html_(self) -> str:
        return views.split(self)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, rows: Rows) -> Split:
        """Some of the examples: `split[:1000]`, or those at the positions in an array, in its order."""
        return Split(self.images_at(rows), self.labels[rows], self.classes)

    def images_at(self, rows: Rows) -> NDArray[Any]:
        """The images of some of the examples."""
        images: NDArray[Any] = self.images[rows]
        return images

    def inputs(self) -> NDArray[np.float32]:
        """The images as rows for a model: a new float32 array (n, 784), from 0 to 1."""
        return as_inputs(self.images)


class Part(Split):
    """Some examples of a split, in any order, which takes no memory for their images until they are asked for."""

    whole: Split
    rows: NDArray[np.integer]

    def __init__(self, whole: Split, rows: NDArray[np.integer]) -> None:
        vars(self).update(whole=whole, rows=rows, labels=whole.labels[rows], classes=whole.classes)

    @property
    def images(self) -> NDArray[Any]:
        """All of them: a new array."""
        return self.images_at(slice(None))

    def images_at(self, rows: Rows) -> NDArray[Any]:
        return self.whole.images_at(self.rows[rows])


def as_inputs(images: NDArray[Any]) -> NDArray[np.float32]:
    """Images of a split as rows: a new float32 array (n, 784), from 0 to 1."""
    white = 255 if images.dtype == np.uint8 else 1
    rows: NDArray[np.float32] = np.divide(images.reshape(len(images), -1), white, dtype=np.float32)
    return rows


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """A named data set: what a model may learn from, and what it is scored on once, at the end."""

    name: str
    train: Split
    test: Split

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name))  # it may be that of a folder, and goes into files

    def __repr__(self) -> str:
        sizes = f"{len(self.train):,} images to train on, {len(self.test):,} to test"
        return f"Dataset({self.name!r}: {sizes}, {self.classes} classes)"

    def _repr_html_(self) -> str:
        return views.dataset(self)

    @property
    def classes(self) -> int:
        """How many classes the images are told apart by."""
        return max(self.train.classes, self.test.classes)


def _check_images(images: NDArray[Any]) -> None:
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise DataError(f"images have shape {images.shape}, expected (n, {SIDE}, {SIDE})")
    if len(images) == 0:
        raise DataError("there are no images; at least one is needed")
    if images.dtype == np.uint8:
        return
    if images.dtype.kind != "f":
        raise DataError(f"images are {images.dtype}, expected uint8 (0 to 255) or floating point (0 to 1)")
    _require(np.isfinite(images), "images", images, "a finite number")
    _require((images >= 0) & (images <= 1), "images", images, "0 to 1 in floating point")


def _check_labels(labels: NDArray[Any], classes: int) -> None:
    if labels.ndim != 1:
        raise DataError(f"labels have shape {labels.shape}, expected (n,), one class number per image")
    if labels.dtype.kind not in "iu":
        raise DataError(f"labels are {labels.dtype}, expected whole numbers from 0 to {classes - 1}")
    _require((labels >= 0) & (labels < classes), "labels", labels, f"0 to {classes - 1}")


def _require(good: NDArray[np.bool_], name: str, values: NDArray[Any], expected: str) -> None:
    """Raise DataError at the first value that is not good."""
    if not good.all():
        first = tuple(int(i) for i in np.argwhere(~good)[0])
        place = ", ".join(map(str, first))
        raise DataError(f"{name}[{place}] is {values[first]}, expected {expected}; correct or remove it")
