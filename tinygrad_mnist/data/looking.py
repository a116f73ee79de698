"""A look at the images of a data set: whether they lie on their side, as EMNIST's files do, or are dark on light.

Both are seen beside the embedded digits, and only where there is no doubt: enough images, and a clear difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tinygrad_mnist.data.arrays import Array
from tinygrad_mnist.data.dataset import CLASSES, Split
from tinygrad_mnist.data.digits import load_digits

ENOUGH, LOOKED_AT = 100, 1000
LIKE_DIGITS, CLEARER = 0.3, 0.15
"""Correlations of class means with those of digits: MNIST has 0.42; no one of 300 permutations of its classes has
over 0.26, in any position."""

NEARER = 0.1
"""How much nearer images of more classes than ten must be to the nearest digit: letters are tall, as digits are."""

TURNS: dict[str, Callable[[Array], Array]] = {
    "rows and columns are exchanged": lambda images: images.swapaxes(1, 2),
    "they are turned by 90° to the left": lambda images: np.rot90(images, -1, (1, 2)),
    "they are turned by 90° to the right": lambda images: np.rot90(images, 1, (1, 2)),
    "they stand on their head": lambda images: np.rot90(images, 2, (1, 2)),
    "left and right are exchanged": lambda images: images[:, :, ::-1],
    "top and bottom are exchanged": lambda images: images[:, ::-1],
}
"""What may be wrong with all images, and what undoes it."""


def upright(splits: Sequence[Split], say: Callable[[str], None]) -> list[Split]:
    """The splits of a data set with light ink on dark and digits or letters upright; `say` is told what was changed."""
    first = splits[0]
    if len(first) < ENOUGH:
        return list(splits)
    if _are_inverted(first.images):
        say("data: the images are dark ink on light; they were inverted")
        splits = [_changed(split, _inverted) for split in splits]
    fault = _position(splits[0])
    if fault:
        say(f"data: the images do not stand upright ({fault}); they were turned")
        splits = [_changed(split, TURNS[fault]) for split in splits]
    return list(splits)


def _changed(split: Split, change: Callable[[Array], Array]) -> Split:
    return Split(np.ascontiguousarray(change(split.images)), split.labels, split.classes)


def _inverted(images: Array) -> Array:
    white = 255 if images.dtype == np.uint8 else 1
    return white - images


def _sample(split: Split) -> tuple[Array, Array]:
    """Some images from all over a split, float64 from 0 to 1, and their labels."""
    some = split[:: max(1, len(split) // LOOKED_AT)][:LOOKED_AT]
    return some.inputs().reshape(-1, *split.images.shape[1:]).astype(np.float64), some.labels


def _are_inverted(images: Array) -> bool:
    """Whether nearly all have a light rim, and less ink, which is darker, within it."""
    sample, _ = _sample(Split(images, np.zeros(len(images), np.int64)))
    rim = np.ones(sample.shape[1:], bool)
    rim[2:-2, 2:-2] = False
    light = np.median(sample[:, rim], axis=1)
    inked = (sample < light[:, None, None] - 0.25).mean(axis=(1, 2))
    return bool(((light > 0.75) & (inked > 0.02) & (inked < 0.5)).mean() > 0.95)


def _position(split: Split) -> str | None:
    """What is wrong with the position of all images; None where nothing is, or it can't be told."""
    images, labels = _sample(split)
    digits, of = _sample(load_digits().train)
    counts = np.bincount(labels, minlength=CLASSES)[:CLASSES]
    if counts.min() >= ENOUGH // (2 * CLASSES):
        found = _by_classes(images, labels, _class_means(digits, of))
        if found:
            return found
    return _by_shape(images, _class_means(digits, of)) if split.classes > CLASSES else None


def _by_classes(images: Array, labels: Array, digits: Array) -> str | None:
    """Where the mean image of each of the ten classes is like that digit, but for what all have in common."""
    expected = _unit(digits - digits.mean(axis=0))
    means = _class_means(images, labels)
    means = means - means.mean(axis=0)

    def likeness(turn: Callable[[Array], Array]) -> Array:
        return np.asarray((_unit(turn(means)) * expected).sum(axis=1))

    as_is = likeness(lambda means: means)
    found = {fault: likeness(turn) for fault, turn in TURNS.items()}
    best = max(found, key=lambda fault: float(found[fault].mean()))
    better = found[best]
    is_clear = better.mean() > max(LIKE_DIGITS, as_is.mean() + CLEARER) and (better > as_is).sum() >= CLASSES - 2
    return best if is_clear else None


def _by_shape(images: Array, digits: Array) -> str | None:
    """Letters are tall, as digits are: whether they are so when rows and columns are exchanged."""
    fault, turn = next(iter(TURNS.items()))
    as_is, turned = ((_unit(each) @ _unit(digits).T).max(axis=1).mean() for each in (images, turn(images)))
    return fault if turned > as_is + NEARER else None


def _class_means(images: Array, labels: Array) -> Array:
    return np.stack([images[labels == digit].mean(axis=0) for digit in range(CLASSES)])


def _unit(images: Array) -> Array:
    """Rows of mean 0 and length 1, so that their products are correlations."""
    rows = images.reshape(len(images), -1)
    rows = rows - rows.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(lengths, 1e-9))
