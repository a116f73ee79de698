"""Losses, layers as functions, and helpers of models, each an ordinary expression of tensors."""

from __future__ import annotations

import functools
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mnist.arguments import SHARE, check_name
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.ops import elu as elu
from tinygrad_mnist.engine.ops import leaky_relu as leaky_relu
from tinygrad_mnist.engine.ops import log_softmax as log_softmax
from tinygrad_mnist.engine.ops import relu as relu
from tinygrad_mnist.engine.ops import sigmoid as sigmoid
from tinygrad_mnist.engine.ops import silu as silu
from tinygrad_mnist.engine.ops import softmax as softmax
from tinygrad_mnist.engine.ops import softplus as softplus
from tinygrad_mnist.engine.ops import tanh as tanh
from tinygrad_mnist.nn.images import adaptive_avg_pool2d as adaptive_avg_pool2d
from tinygrad_mnist.nn.images import avg_pool2d as avg_pool2d
from tinygrad_mnist.nn.images import conv2d as conv2d
from tinygrad_mnist.nn.images import conv_transpose2d as conv_transpose2d
from tinygrad_mnist.nn.images import max_pool2d as max_pool2d
from tinygrad_mnist.nn.random import generator
from tinygrad_mnist.nn.special import erf as erf
from tinygrad_mnist.nn.special import gelu as gelu

Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = get_args(Reduction)


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


def cross_entropy(
    logits: Any,
    labels: ArrayLike | Tensor,
    reduction: Reduction = "mean",
    *,
    weight: ArrayLike | Tensor | None = None,
    label_smoothing: float = 0.0,
) -> Tensor:
    """-Σ yᵢ log ŷᵢ with ŷ = softmax(logits) over the last axis; a scalar, or a number for each example.

    logits: shape (..., classes). labels: integers of shape (...), or their one-hot rows (or any
    probabilities) of shape (..., classes). reduction: over the examples, "mean", "sum" or "none".
    weight: a factor for each class; the mean is then over the weights of the labels. label_smoothing: the
    share of y that is spread evenly over the classes (Szegedy et al. 2016, section 7).

    Raises ValueError for labels of another shape or out of range, for no examples to take a mean of, and
    for an unknown reduction.
    """
    logits = Tensor.wrap(logits)
    y = _rows(labels, logits)
    if reduction == "mean" and not y.size:
        raise ValueError(f"an empty batch, logits of shape {logits.shape}, has no mean cross-entropy")
    check_name("reduction", reduction, REDUCTIONS)
    m: Any = y.size // y.shape[-1]
    if weight is not None or label_smoothing:
        y, m = _weighed(y, weight, label_smoothing, reduction)
    rows = Tensor.wrap(y)
    rows.name = "y"
    log_probabilities = logits.log_softmax()
    if reduction == "none":
        return -(log_probabilities * rows).sum(axis=-1)
    total: Tensor = log_probabilities.vdot(rows)
    return total / -m if reduction == "mean" else -total


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


def _weighed(
    y: NDArray[Any], weight: ArrayLike | Tensor | None, smoothing: float, reduction: Reduction
) -> tuple[NDArray[Any], Any]:
    """The labels' rows, smoothed and weighed, and what a mean divides by."""
    SHARE.check(label_smoothing=smoothing)
    classes = y.shape[-1]
    factors = np.ones(classes, y.dtype) if weight is None else np.asarray(plain(weight), y.dtype)
    if factors.shape != (classes,):
        raise ValueError(f"weight of shape {factors.shape} does not fit {classes} classes: it must be ({classes},)")
    total = (y * factors).sum() if reduction == "mean" else 1.0
    if not total:
        raise ValueError("every label has weight 0: there is no mean cross-entropy")
    return (y * (1 - smoothing) + smoothing / classes) * factors, total


def nll_loss(
    log_probabilities: Any,
    labels: ArrayLike | Tensor,
    weight: ArrayLike | Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """-log ŷ of each label, from log-probabilities: cross_entropy without its log_softmax.

    Shapes, weight, reduction and errors are those of `cross_entropy`.
    """
    log_probabilities = Tensor.wrap(log_probabilities)
    y = _rows(labels, log_probabilities)
    check_name("reduction", reduction, REDUCTIONS)
    if reduction == "mean" and not y.size:
        raise ValueError("an empty batch has no mean loss")
    y, m = _weighed(y, weight, 0.0, reduction)
    losses = log_probabilities * (y / -m)
    return losses.sum(axis=-1) if reduction == "none" else losses.sum()


def mse_loss(predictions: Any, targets: ArrayLike | Tensor, reduction: Reduction = "mean") -> Tensor:
    """(predictions - targets)², element by element; the mean over all of them, the sum, or each.

    Raises ValueError for targets of another shape, which would broadcast silently.
    """
    predictions = Tensor.wrap(predictions)
    difference = predictions - _targets(targets, predictions)
    return _reduced(difference * difference, reduction)


def binary_cross_entropy_with_logits(
    logits: Any,
    targets: ArrayLike | Tensor,
    weight: ArrayLike | Tensor | None = None,
    reduction: Reduction = "mean",
    pos_weight: ArrayLike | Tensor | None = None,
) -> Tensor:
    """-(y log σ(z) + (1 - y) log (1 - σ(z))) for each logit z with its target y from 0 to 1, without overflow.

    weight: a factor for each element; pos_weight: one for the term with y. Raises ValueError for targets of
    another shape.
    """
    logits = Tensor.wrap(logits)
    y = _targets(targets, logits)
    positive = y if pos_weight is None else y * _like(pos_weight, logits)
    losses = positive * (-logits).softplus() + (1 - y) * logits.softplus()
    return _reduced(losses if weight is None else losses * _like(weight, logits), reduction)


def _like(value: ArrayLike | Tensor, x: Tensor) -> Any:
    """A tensor as it is, anything else as an array of x's dtype."""
    return value if isinstance(value, Tensor) else np.asarray(value, x.dtype)


def _targets(targets: ArrayLike | Tensor, predictions: Tensor) -> Any:
    y = _like(targets, predictions)
    if y.shape != predictions.shape:
        raise ValueError(f"targets of shape {y.shape} do not fit predictions of shape {predictions.shape}: reshape one")
    return y


def _reduced(losses: Tensor, reduction: Reduction) -> Tensor:
    check_name("reduction", reduction, REDUCTIONS)
    if reduction == "mean" and not losses.size:
        raise ValueError("an empty batch has no mean loss")
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses


def linear(x: Any, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x Wᵀ + b: rows x of shape (..., in), a weight of shape (out, in), a bias of shape (out,)."""
    z: Tensor = x @ weight.T
    return z if bias is None else z + bias


def dropout(x: Any, p: float = 0.5, training: bool = True) -> Tensor:
    """In training, each number zero with probability p, and the others times 1 / (1 - p) (Srivastava et al. 2014).

    What to drop comes from `nn.manual_seed`'s generator.
    """
    if not training or not p:
        return Tensor.wrap(x)
    kept = generator().random(x.shape, dtype=np.float32) >= p
    return Tensor.wrap(x) * (kept * (1 / (1 - p) if p < 1 else 0.0)).astype(x.dtype)


def accuracy(logits: ArrayLike | Tensor, labels: ArrayLike | Tensor) -> float:
    """The share of rows whose largest logit is at the label; raises ValueError where there are no rows."""
    predicted = np.argmax(plain(logits), axis=-1)
    expected = np.asarray(plain(labels))
    if predicted.shape != expected.shape:
        raise ValueError(f"{predicted.shape} predictions do not fit labels of shape {expected.shape}")
    if not predicted.size:
        raise ValueError("the accuracy over no examples has no value")
    return float(np.mean(predicted == expected))
