"""How many classes a data set has, and labels that are counted from 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tinygrad_mnist.data.arrays import Array, Part
from tinygrad_mnist.data.dataset import CLASSES, DataError

OCCURRING = 0.8
"""Of more classes than ten so many must occur: one label far from all others is a mistake, no class."""


def numbered(parts: Sequence[Part], stated: int | None, say: Callable[[str], None]) -> tuple[list[Part], int]:
    """The parts with labels from 0 on, and how many classes there are: as many as are stated, or ten, or more.

    Labels from 1 to the number of classes, as EMNIST's letters have, become those from 0 on, and `say` is told.
    Raises DataError where a label is none of the classes.
    """
    labels = np.unique(np.concatenate([_labels(part) for part in parts]))
    least, most = int(labels[0]), int(labels[-1])
    from_one = least == 1 and most == (stated or max(most, CLASSES))
    classes = stated or max(CLASSES, most + (not from_one))
    if stated is None and len(labels) < OCCURRING * classes and classes > CLASSES:
        _refuse(parts, CLASSES, f"--classes {classes}, if it is right")
    if least < 0 or most >= classes + from_one:
        _refuse(parts, classes, "" if stated is None else f"--classes {most + 1}, if it is right")
    if from_one:
        say(f"data: the labels are 1 to {most}, taken as classes 0 to {most - 1}")
        parts = [replace(part, labels=_labels(part) - 1) for part in parts]
    return list(parts), classes


def _labels(part: Part) -> Array:
    assert part.labels is not None
    return part.labels.astype(np.int64)


def _refuse(parts: Sequence[Part], classes: int, otherwise: str) -> None:
    for part in parts:
        wrong = np.flatnonzero((_labels(part) < 0) | (_labels(part) >= classes))
        if wrong.size:
            raise DataError(
                f"{part.source}: labels[{wrong[0]}] is {_labels(part)[wrong[0]]}, expected 0 to {classes - 1}; "
                f"correct or remove it{', or state ' + otherwise if otherwise else ''}"
            )
