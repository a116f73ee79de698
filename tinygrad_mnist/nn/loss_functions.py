"""Losses as functions, with PyTorch's names and arguments, each an ordinary expression of tensors.

Targets and weights that require gradients get theirs, as the predictions do.
"""

from __future__ import annotations

import functools
import math
import warnings
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tinygrad_mnist.arguments import NOT_NEGATIVE, POSITIVE, SHARE, check_name
from tinygrad_mnist.devices import as_array, to_numpy
from tinygrad_mnist.engine import Tensor, ops
from tinygrad_mnist.engine.node import plain
from tinygrad_mnist.engine.primitive import OPS
from tinygrad_mnist.nn.module import as_tensor

Reduction = Literal["mean", "sum", "none"]
REDUCTIONS = get_args(Reduction)

IGNORED = -100
"""The label of examples that do not count, by default, as in PyTorch."""

LEAST_LOG = -100.0
"""What log 0 counts as in `binary_cross_entropy`, as in PyTorch."""


def one_hot(labels: ArrayLike | Tensor, num_classes: int, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """A row for each label with a one in the label's column: shape (*labels.shape, num_classes).

    Raises TypeError for labels that are not integers, and ValueError for one outside 0 … num_classes - 1.
    """
    classes = as_array(plain(labels))
    is_one = _is_one(classes, num_classes)
    if np.count_nonzero(is_one) < classes.size:
        classes = to_numpy(classes)
        place = tuple(np.argwhere((classes < 0) | (classes >= num_classes))[0].tolist())
        raise ValueError(
            f"label {classes[place]} at index {', '.join(map(str, place)) or 0} is none of the {num_classes} "
            f"classes 0 to {num_classes - 1}"
        )
    rows: NDArray[Any] = is_one.astype(dtype)
    return rows


def _is_one(classes: NDArray[Any], num_classes: int) -> Any:
    """Where the rows have their ones: a label's has one, or none if the label is no class."""
    if classes.dtype.kind not in "iu":
        raise TypeError(f"labels must be integers, not {classes.dtype}: labels.astype(int) makes them so")
    return classes[..., None] == as_array(_every_class(num_classes), like=classes)


_every_class = functools.lru_cache(maxsize=8)(np.arange)


def cross_entropy(
    logits: Any,
    labels: ArrayLike | Tensor,
    reduction: Reduction = "mean",
    *,
    weight: ArrayLike | Tensor | None = None,
    ignore_index: int = IGNORED,
    label_smoothing: float = 0.0,
    axis: int | None = None,
) -> Tensor:
    """-Σ yᵢ log ŷᵢ with ŷ = softmax(logits) over the classes; a scalar, or a number for each example.

    logits: shape (batch, classes, …) as PyTorch has them, or (…, classes). labels: integers, of this shape without
    the classes, or their one-hot rows (or any probabilities), of this very shape. reduction: over the examples,
    "mean", "sum" or "none". weight: a factor for each class; the mean is then over the weights of the labels, but
    for rows over the examples. ignore_index: an integer label that does not count. label_smoothing: the share of y
    that is spread evenly over the classes (Szegedy et al. 2016, section 7). axis: where the classes are; by default
    it is 1, or the last one if labels fit that alone.

    Raises ValueError for labels of another shape or out of range, for no examples to take a mean of, and
    for an unknown reduction. Warns where labels of more than one axis fit either, and no axis is given.
    """
    said = (
        "cross_entropy takes logits z and their softmax itself, and this is softmax(z) already, whose gradient is too "
        "small: pass z itself"
    )
    logits, labels = _by_class(logits, labels, axis, said)
    return _negative_log_likelihood(logits, True, labels, weight, reduction, ignore_index, label_smoothing)


def nll_loss(
    log_probabilities: Any,
    labels: ArrayLike | Tensor,
    weight: ArrayLike | Tensor | None = None,
    reduction: Reduction = "mean",
    *,
    ignore_index: int = IGNORED,
    axis: int | None = None,
) -> Tensor:
    """-log ŷ of each label, from log-probabilities: cross_entropy without its log_softmax.

    Shapes, arguments and errors are those of `cross_entropy`.
    """
    said = (
        "nll_loss takes log-probabilities, and these are probabilities, softmax(z): pass z.log_softmax(), or z to "
        "cross_entropy"
    )
    log_probabilities, labels = _by_class(log_probabilities, labels, axis, said)
    return _negative_log_likelihood(log_probabilities, False, labels, weight, reduction, ignore_index)


def _by_class(scores: Any, labels: Any, axis: int | None, said: str) -> tuple[Tensor, Any]:
    """Scores as a tensor with the classes last, and their labels. said: the warning for scores that are a softmax."""
    x = Tensor.wrap(scores)
    if _is_softmax(x):
        warnings.warn(said, stacklevel=3)
    return _classes_last(x, labels, axis) if axis is not None or x.ndim > 2 else (x, labels)


def _is_softmax(x: Tensor) -> bool:
    """Whether a recorded tensor is exp(log_softmax(z)), which is what softmax(z) is."""
    return x.op is OPS["exp"] and getattr(x.inputs[0], "op", None) is OPS["log_softmax"]


def _classes_last(x: Tensor, labels: Any, axis: int | None) -> tuple[Tensor, Any]:
    """Logits with the axis of the classes as the last one, and labels, where they are rows, likewise."""
    shape = np.shape(plain(labels))
    if axis is None:
        fitting = [i for i in (1, x.ndim - 1) if shape in (x.shape, x.shape[:i] + x.shape[i + 1 :])]
        if len(fitting) > 1:
            warnings.warn(
                f"labels of shape {shape} fit logits of shape {x.shape} with the classes on axis 1, which is taken, as "
                f"in PyTorch, and on the last: say which by axis=1 or axis=-1",
                stacklevel=3,
            )
        axis = fitting[0] if fitting else -1
    axis = np.lib.array_utils.normalize_axis_index(axis, x.ndim)
    if axis == x.ndim - 1:
        return x, labels
    order = (*(i for i in range(x.ndim) if i != axis), axis)
    return x.transpose(order), as_tensor(labels).transpose(order) if shape == x.shape else labels


def _negative_log_likelihood(
    x: Tensor,
    of_logits: bool,
    labels: ArrayLike | Tensor,
    weight: ArrayLike | Tensor | None,
    reduction: Reduction,
    ignore_index: int,
    label_smoothing: float = 0.0,
) -> Tensor:
    if x.dtype.char == "e":  # the sum over a batch is soon beyond its range
        wide = x.astype(np.float32)
        options = of_logits, labels, weight, reduction, ignore_index, label_smoothing
        return _negative_log_likelihood(wide, *options).astype(np.float16)
    y, counted = _rows(labels, x, ignore_index)
    if reduction == "mean" and not y.size:
        raise ValueError(f"an empty batch, logits of shape {x.shape}, has no mean cross-entropy")
    check_name("reduction", reduction, REDUCTIONS)
    m: Any = y.size // y.shape[-1] if counted is None else counted.sum().astype(x.dtype)
    if weight is not None:
        factors = _factors(weight, y)
        m = m if y.shape == np.shape(plain(labels)) else (y * factors).sum()
    if label_smoothing:
        SHARE.check(label_smoothing=label_smoothing)
        share = label_smoothing / y.shape[-1]
        y = y * (1 - label_smoothing) + (share if counted is None else share * counted[..., None].astype(y.dtype))
    if weight is not None:
        y = y * factors
    if reduction == "mean" and not plain(m):
        raise ValueError("every label has weight 0, or is ignored: there is no mean cross-entropy")
    rows = Tensor.wrap(y)
    if rows is not y:
        rows.name = "y"
    log_probabilities: Tensor = x.log_softmax() if of_logits else x
    if reduction == "none":
        return -(_without_masked(log_probabilities, rows) * rows).sum(axis=-1)
    total: Tensor = log_probabilities.vdot(rows)
    if np.isnan(total.data):
        total = _without_masked(log_probabilities, rows).vdot(rows)
    return total / -m if reduction == "mean" else -total


def _rows(labels: Any, x: Tensor, ignore_index: int) -> tuple[Any, NDArray[Any] | None]:
    """The labels as rows of the logits' shape, one-hot where they are integers; and which count, None for all."""
    y, classes = as_array(plain(labels), like=x.data), x.shape[-1]
    if y.shape == x.shape[:-1]:
        is_one = _is_one(y, classes)
        if ignore_index < 0 and np.count_nonzero(is_one) == y.size:
            return is_one.astype(x.dtype), None
        counted = y != ignore_index
        return one_hot(np.where(counted, y, 0), classes, x.dtype) * counted[..., None].astype(x.dtype), counted
    if y.shape != x.shape:
        raise ValueError(
            f"labels of shape {y.shape} do not fit logits of shape {x.shape}: they must be integers of shape "
            f"{x.shape[:-1]} or one-hot rows of shape {x.shape}"
        )
    if ignore_index >= 0:
        raise ValueError(f"ignore_index={ignore_index} is a label, an integer: rows of shape {y.shape} have none")
    return _like(labels, x), None


def _factors(weight: ArrayLike | Tensor, y: Any) -> Any:
    factors, classes = _like(weight, y), y.shape[-1]
    if factors.shape != (classes,):
        raise ValueError(f"weight of shape {factors.shape} does not fit {classes} classes: it must be ({classes},)")
    return factors


def _without_masked(log_probabilities: Tensor, rows: Tensor) -> Tensor:
    """Log-probabilities with 0 for -∞ where y is 0: y log ŷ is 0 there, as at a class that a mask leaves out."""
    masked = (rows.data == 0) & np.isneginf(log_probabilities.data)
    return ops.where(masked, 0, log_probabilities) if masked.any() else log_probabilities


def mse_loss(predictions: Any, targets: ArrayLike | Tensor, reduction: Reduction = "mean") -> Tensor:
    """(predictions - targets)², element by element; the mean over all of them, the sum, or each.

    Raises ValueError for targets of another shape, which would broadcast silently.
    """
    difference = _difference(predictions, targets)
    return _reduced(difference * difference, reduction)


def l1_loss(predictions: Any, targets: ArrayLike | Tensor, reduction: Reduction = "mean") -> Tensor:
    """|predictions - targets|, element by element; reduction and errors are those of `mse_loss`."""
    return _reduced(abs(_difference(predictions, targets)), reduction)


def huber_loss(
    predictions: Any, targets: ArrayLike | Tensor, reduction: Reduction = "mean", delta: float = 1.0
) -> Tensor:
    """d² / 2 where |d| is at most delta, delta (|d| - delta / 2) elsewhere (Huber 1964).

    d = predictions - targets. Reduction and errors are those of `mse_loss`.
    """
    POSITIVE.check(delta=delta)
    return _reduced(_huber(_difference(predictions, targets), delta), reduction)


def smooth_l1_loss(
    predictions: Any, targets: ArrayLike | Tensor, reduction: Reduction = "mean", beta: float = 1.0
) -> Tensor:
    """`huber_loss` divided by its delta, here beta, so that slopes far out are ±1; `l1_loss` for beta = 0."""
    NOT_NEGATIVE.check(beta=beta)
    difference = _difference(predictions, targets)
    return _reduced(_huber(difference, beta) / beta if beta else abs(difference), reduction)


def _huber(difference: Tensor, delta: float) -> Tensor:
    clipped = difference.clip(-delta, delta)
    return clipped * (difference - 0.5 * clipped)


def binary_cross_entropy(
    probabilities: Any,
    targets: ArrayLike | Tensor,
    weight: ArrayLike | Tensor | None = None,
    reduction: Reduction = "mean",
) -> Tensor:
    """-(y log p + (1 - y) log (1 - p)) for each probability p with its target y, both from 0 to 1.

    A logarithm is never below -100, as in PyTorch. weight: a factor for each element. Where the probabilities come
    from logits, `binary_cross_entropy_with_logits` loses no digits. Raises ValueError for targets of another shape,
    and for probabilities outside 0 to 1.
    """
    p = Tensor.wrap(probabilities)
    y = _targets(targets, p)
    if not ((p.data >= 0) & (p.data <= 1)).all():
        raise ValueError("probabilities must be from 0 to 1: for logits, use binary_cross_entropy_with_logits")
    some, not_all = p.data > math.exp(LEAST_LOG), p.data < 1
    log_p = ops.where(some, ops.where(some, p, 1).log(), LEAST_LOG)
    log_rest = ops.where(not_all, (-ops.where(not_all, p, 0)).log1p(), LEAST_LOG)
    losses = -(y * log_p + (1 - y) * log_rest)
    return _reduced(losses if weight is None else losses * _like(weight, p), reduction)


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


def kl_div(
    log_probabilities: Any,
    targets: ArrayLike | Tensor,
    reduction: Reduction | Literal["batchmean"] = "mean",
    log_target: bool = False,
) -> Tensor:
    """y (log y - log ŷ), element by element, from log ŷ and probabilities y: the divergence is their sum.

    log_target: the targets are log y. reduction: "batchmean" divides the sum by the number of rows, and so gives the
    divergence; "mean" divides it by the number of elements, as in PyTorch. Where y is 0, so is the loss. Raises
    ValueError for targets of another shape.
    """
    log_q = Tensor.wrap(log_probabilities)
    y = as_tensor(_targets(targets, log_q))
    some = ~np.isneginf(y.data) if log_target else y.data != 0
    log_y = ops.where(some, y, 0) if log_target else ops.where(some, y, 1).log()
    losses = (y.exp() if log_target else y) * (log_y - ops.where(some, log_q, 0))
    if reduction == "batchmean":
        if not len(losses):
            raise ValueError("an empty batch has no mean loss")
        return losses.sum() / len(losses)
    return _reduced(losses, reduction)


def _like(value: ArrayLike | Tensor, x: Any) -> Any:
    """A tensor that learns as one of x's dtype, anything else as an array of it."""
    if isinstance(value, Tensor) and value.requires_grad:
        return value if value.dtype == x.dtype else value.astype(x.dtype)
    return as_array(plain(value), x.dtype, like=plain(x))


def _difference(predictions: Any, targets: ArrayLike | Tensor) -> Tensor:
    predictions = Tensor.wrap(predictions)
    return predictions - _targets(targets, predictions)


def _targets(targets: ArrayLike | Tensor, predictions: Tensor) -> Any:
    y = targets if isinstance(targets, Tensor) else as_array(targets, predictions.dtype, like=predictions.data)
    if y.shape != predictions.shape:
        raise ValueError(f"targets of shape {y.shape} do not fit predictions of shape {predictions.shape}: reshape one")
    return y


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    check_name("reduction", reduction, REDUCTIONS)
    if reduction == "mean" and not losses.size:
        raise ValueError("an empty batch has no mean loss")
    return losses.mean() if reduction == "mean" else losses.sum() if reduction == "sum" else losses
