"""How well a model reads: accuracy, the confusion matrix, precision and recall of each class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tinygrad_mnist.data import CLASSES, Split
from tinygrad_mnist.devices import as_array
from tinygrad_mnist.engine import Tensor, no_grad
from tinygrad_mnist.nn import Module, accuracy, cross_entropy
from tinygrad_mnist.nn.module import home
from tinygrad_mnist.shown import Printed
from tinygrad_mnist.training import views
from tinygrad_mnist.training.divergence import Diverged
from tinygrad_mnist.training.inputs import as_model_takes, check_split, input_shape
from tinygrad_mnist.training.shares import percent


def confusion_matrix(labels: ArrayLike, predicted: ArrayLike, classes: int = CLASSES) -> NDArray[np.int64]:
    """How often class i was read as class j: counts of shape (classes, classes), the true class down the rows.

    Raises ValueError where labels and predictions differ in shape or lie outside 0 … classes - 1.
    """
    true, read = np.asarray(labels), np.asarray(predicted)
    if true.shape != read.shape:
        raise ValueError(f"predictions of shape {read.shape} do not fit labels of shape {true.shape}")
    for name, values in (("label", true), ("prediction", read)):
        if values.size and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(
                f"a {name} lies outside 0 to {classes - 1}: they reach from {values.min()} to {values.max()}"
            )
    cells = np.bincount((classes * true + read).ravel(), minlength=classes**2)
    return cells.reshape(classes, classes)


@dataclass(frozen=True, eq=False, repr=False)
class Scores:
    """What a model's logits, shape (n, classes), are worth beside the labels, shape (n,)."""

    logits: NDArray[Any]
    labels: NDArray[np.int64]

    @cached_property
    def loss(self) -> float:
        """The mean cross-entropy."""
        return float(cross_entropy(Tensor(self.logits), self.labels).item())

    @cached_property
    def accuracy(self) -> float:
        """The share that is read correctly, from 0 to 1."""
        return accuracy(self.logits, self.labels)

    @cached_property
    def predicted(self) -> NDArray[np.int64]:
        """The class with the largest logit, for each example."""
        classes: NDArray[np.int64] = self.logits.argmax(axis=-1)
        return classes

    @cached_property
    def confusion(self) -> NDArray[np.int64]:
        """The confusion matrix; see `confusion_matrix`."""
        return confusion_matrix(self.labels, self.predicted, self.logits.shape[-1])

    @property
    def precision(self) -> NDArray[np.float64]:
        """Of the examples read as a class, the share that is of this class; NaN for a class never read."""
        return _shares(self.confusion, self.confusion.sum(axis=0))

    @property
    def recall(self) -> NDArray[np.float64]:
        """Of the examples of a class, the share read as it; NaN for a class without examples."""
        return _shares(self.confusion, self.confusion.sum(axis=1))

    def confusion_table(self) -> str:
        """The confusion matrix as text: a row for each true class, a column for each that it was read as."""
        width = max(5, len(f"{self.confusion.max()}") + 1)
        head = "".join(f"{c:>{width}}" for c in range(len(self.confusion)))
        rows = ["".join(f"{n or '·':>{width}}" for n in row.tolist()) for row in self.confusion]
        lines = ["class  read as", f"{head:>{7 + len(head)}}", *(f"{c:>5}  {r}" for c, r in enumerate(rows))]
        return Printed("\n".join(lines))

    def __repr__(self) -> str:
        return f"Scores({percent(self.accuracy)} of {len(self.labels):,} are read correctly, loss {self.loss:.4f})"

    def _repr_html_(self) -> str:
        return views.scores(self)

    def __str__(self) -> str:
        rows = zip(self.precision, self.recall, self.confusion.sum(axis=1), strict=True)
        lines = [f"{c:>5}  {percent(p):>9}  {percent(r):>9}  {n:>8,}" for c, (p, r, n) in enumerate(rows)]
        return "\n".join(["class  precision     recall  examples", *lines])


def _shares(confusion: NDArray[np.int64], totals: NDArray[np.int64]) -> NDArray[np.float64]:
    shares = np.full(len(totals), np.nan)
    np.divide(confusion.diagonal(), totals, out=shares, where=totals > 0)
    return shares


def score(model: Module, split: Split, batch_size: int = 100, threads: int = 1) -> Scores:
    """The model's logits on a split, and what follows from them; the model is left in the mode it was in.

    batch_size: how many images at a time; many at once make a convolution slow, and large in memory. threads: how many
    cores; only a model that keeps nothing when it is called may have several, as threads call it at once.

    Raises Diverged where the logits are not finite.
    """
    check_split(split)
    mode, there, shape = model.training, home(model), input_shape(model)

    def logits_of(rows: slice) -> Tensor:
        with np.errstate(over="ignore", invalid="ignore"):
            logits: Tensor = model(as_array(as_model_takes(split.images_at(rows), shape), like=there))
        return logits

    def numbers_of(rows: slice) -> NDArray[Any]:
        with no_grad():
            return logits_of(rows).numpy()

    parts = [slice(start, start + batch_size) for start in range(0, len(split), batch_size)]
    model.eval()
    try:
        logits = np.concatenate(_mapped(numbers_of, parts, threads))
        if not np.isfinite(logits).all():
            first = next(each for each in map(logits_of, parts) if not np.isfinite(each.numpy()).all())
            raise Diverged("the logits are no finite numbers", first, model)
    finally:
        model.train(mode)
    return Scores(logits, split.labels)


def _mapped(function: Callable[[slice], NDArray[Any]], parts: list[slice], threads: int) -> list[NDArray[Any]]:
    if threads == 1:
        return [*map(function, parts)]
    from concurrent.futures import ThreadPoolExecutor  # which a browser has no use for

    with ThreadPoolExecutor(threads) as pool:
        return [*pool.map(function, parts)]


def evaluate(model: Module, split: Split, batch_size: int = 100) -> float:
    """The model's accuracy on a split, from 0 to 1; raises Diverged where its logits are not finite."""
    return score(model, split, batch_size).accuracy
