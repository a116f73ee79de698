"""Losses and helpers of models, each an ordinary expression of tensors."""

from __future__ import annotations

import functools
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mnist.engine import Tensor

Reduction = Literal["mean", "sum", "none"]


def one_hot(labels: ArrayLike, num_classes: int, dtype: DTypeLike = np.float32) -> NDArray:
    """A row per label with a one in the label's column: shape (*labels.shape, num_classes)."""
    classes = check_labels(labels, num_classes)
    return _identity(num_classes, np.dtype(dtype))[classes]


@functools.lru_cache(maxsize=8)
def _identity(size: int, dtype: np.dtype) -> NDArray:
    return np.eye(size, dtype=dtype)


def check_labels(labels: ArrayLike, num_classes: int) -> NDArray[np.integer]:
    """The labels as an integer array; raises TypeError or ValueError where they are not classes."""
    classes = np.asarray(labels)
    if classes.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {classes.dtype}")
    wrong = (classes < 0) | (classes >= num_classes)
    if np.logical_or.reduce(wrong, axis=None):
        where = np.argwhere(wrong)[0].tolist()
        raise ValueError(f"label {classes[tuple(where)]} at {where} is not one of the {num_classes} classes 0…{num_classes - 1}")
    return classes


def cross_entropy(logits: Tensor, labels: ArrayLike | Tensor, reduction: Reduction = "mean") -> Tensor:
    y = one_hot(labels, logits.shape[-1], logits.dtype)
    return (logits.log_softmax() * y).sum() / -len(y)
