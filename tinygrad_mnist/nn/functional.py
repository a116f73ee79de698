"""Losses and helpers of models, each an ordinary expression of tensors."""

from __future__ import annotations

import functools
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.node import plain

Reduction = Literal["mean", "sum", "none"]


def one_hot(labels: ArrayLike | Tensor, num_classes: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """A row for each label with a one in the label's column: shape (*labels.shape, num_classes).

    Raises TypeError for labels that are not integers, and ValueError for one outside 0 … num_classes - 1.
    """
    classes = np.asarray(plain(labels))
    if classes.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {classes.dtype}")
    # as unsigned numbers, negative ones are huge
    if np.maximum.reduce(classes.astype(np.uint64), axis=None, initial=0) >= num_classes:
        place = tuple(np.argwhere((classes < 0) | (classes >= num_classes))[0].tolist())
        raise ValueError(
            f"label {classes[place]} at index {', '.join(map(str, place)) or 0} is none of the {num_classes} "
            f"classes 0 to {num_classes - 1}"
        )
    rows: NDArray[Any] = _identity(num_classes, np.dtype(dtype)).take(classes, axis=0)
    return rows


@functools.lru_cache(maxsize=8)
def _identity(size: int, dtype: Any) -> NDArray[Any]:
    return np.eye(size, dtype=dtype)


def cross_entropy(logits: Tensor, labels: ArrayLike | Tensor, reduction: Reduction = "mean") -> Tensor:
    """-Σ yᵢ log ŷᵢ with ŷ = softmax(logits) over the last axis; a scalar, or a number for each example.

    logits: shape (..., classes). labels: integers of shape (...), or their one-hot rows (or any
    probabilities) of shape (..., classes). reduction: over the examples, "mean", "sum" or "none".

    Raises ValueError for labels of another shape or out of range, for no examples to take a mean of, and
    for an unknown reduction.
    """
    y = _rows(labels, logits)
    if reduction == "mean" and not y.size:
        raise ValueError(f"an empty batch, logits of shape {logits.shape}, has no mean cross-entropy")
    if reduction not in ("mean", "sum", "none"):
        raise ValueError(f"reduction is 'mean', 'sum' or 'none', not {reduction!r}")
    rows = Tensor.wrap(y)
    rows.name = "y"
    total: Tensor = (logits.log_softmax() * rows).sum(axis=-1 if reduction == "none" else None)
    return total / -(y.size // y.shape[-1]) if reduction == "mean" else -total


def _rows(labels: ArrayLike | Tensor, logits: Tensor) -> NDArray[Any]:
    """The labels as rows of the logits' shape, one-hot where they are integers."""
    y = np.asarray(plain(labels))
    if y.shape == logits.shape[:-1]:
        return one_hot(y, logits.shape[-1], logits.dtype)
    if y.shape == logits.shape:
        return y.astype(logits.dtype)
    raise ValueError(
        f"labels of shape {y.shape} do not fit logits of shape {logits.shape}: they must be integers of shape "
        f"{logits.shape[:-1]} or one-hot rows of shape {logits.shape}"
    )


def accuracy(logits: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> float:
    """The share of rows whose largest logit is at the label; raises ValueError where there are no rows."""
    predicted = np.argmax(plain(logits), axis=-1)
    expected = np.asarray(plain(labels))
    if predicted.shape != expected.shape:
        raise ValueError(f"{predicted.shape} predictions do not fit labels of shape {expected.shape}")
    if not predicted.size:
        raise ValueError("the accuracy over no examples has no value")
    return float(np.mean(predicted == expected))
