"""How many classes a data set has, and labels that are counted from 1."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from tinygrad_mnist.data.arrays import Array, Part
from tinygrad_mnist.data.dataset import CLASSES, DataError

OCCURRING, COMMON = 0.8, 0.25
"""Where there are more classes than ten, this share of them occurs, and the others than ten are so common, of what they
would be were all equally common. One label far from all others is a mistake, no class."""


def numbered(parts: Sequence[Part], stated: int | None, say: Callable[[str], None]) -> tuple[list[Part], int]:
    """The parts with labels from 0 on, and how many classes there are: as many as are stated, or ten, or more.

    Labels from 1 to the number of classes, as EMNIST's letters have, become those from 0 on, and `say` is told.
    Raises DataError where a label is none of the classes.
    """
    together = np.concatenate([_labels(part) for part in parts])
    if not together.size:
        return list(parts), stated or CLASSES  # there are no images, which is said elsewhere
    least, most = int(together.min()), int(together.max())
    from_one = least == 1 and most == (stated or max(most, CLASSES))
    if least < 0:
        _refuse(parts, stated or CLASSES, "")
    if stated is None or most >= stated + from_one:
        found = max(CLASSES, most + (least != 1))
        if found > CLASSES and _has_strays(together - (least == 1), found):
            _refuse(parts, stated or CLASSES, f", or state --classes {most + 1}, if it is right")
        if stated is not None:
            raise DataError(f"{parts[0].source}: has {found} classes, where {stated} are expected")
    classes = stated or max(CLASSES, most + (not from_one))
    if from_one:
        say(f"data: the labels are 1 to {most}, taken as classes 0 to {most - 1}")
        parts = [replace(part, labels=_labels(part) - 1) for part in parts]
    return list(parts), classes


def _has_strays(labels: Array, classes: int) -> bool:
    """Whether the labels from ten on are too few to be classes."""
    common = (labels >= CLASSES).mean() * classes / (classes - CLASSES)
    return len(np.unique(labels)) < OCCURRING * classes or bool(common < COMMON)


def _labels(part: Part) -> Array:
    assert part.labels is not None
    return part.labels.astype(np.int64)


def _refuse(parts: Sequence[Part], classes: int, otherwise: str) -> None:
    """Raise DataError at the first label that is none of so many classes."""
    for part in parts:
        wrong = np.flatnonzero((_labels(part) < 0) | (_labels(part) >= classes))
        if wrong.size:
            raise DataError(
                f"{part.source}: labels[{wrong[0]}] is {_labels(part)[wrong[0]]}, expected 0 to {classes - 1}; "
                f"correct or remove it{otherwise}"
            )
