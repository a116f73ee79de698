"""The training loop: batches forward and back, validation after each epoch, the best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import Split, batches
from tinygrad_mnist.engine import no_grad
from tinygrad_mnist.nn import MLP, SGD, accuracy, cross_entropy
from tinygrad_mnist.training.history import Epoch, History

Batch = tuple[NDArray[Any], NDArray[Any]]


class TrainingError(RuntimeError):
    """Training can't go on; the message says at which step, and what to try."""


class Progress:
    """What `fit` reports while it runs; override what you want to hear of."""

    def epoch_begins(self, number: int, epochs: int, examples: int) -> None:
        """An epoch starts, over this many examples."""

    def batch_ends(self, examples: int, loss: float, accuracy: float) -> None:
        """A batch of so many examples is done; loss and accuracy are those of the epoch so far."""

    def epoch_ends(self, epoch: Epoch, is_best: bool) -> None:
        """An epoch is done and validated; is_best says that its weights are kept."""


@dataclass
class _Totals:
    loss: float = 0.0
    correct: float = 0.0
    examples: int = 0


def fit(
    model: MLP,
    train: Split,
    validation: Split,
    optimizer: SGD,
    *,
    epochs: int,
    batch_size: int,
    seed: int = 0,
    progress: Progress | None = None,
) -> History:
    """Train in place. At the end, or at Ctrl-C, the model has the weights of its best validated epoch.

    Everything follows from the model's weights and the seed, bit for bit. It runs on one thread: products as
    small as a batch's lose more by being shared out than they gain. Raises TrainingError when the loss is no
    longer a number, with the best weights so far restored.
    """
    from threadpoolctl import threadpool_limits

    progress = progress or Progress()
    history = History()
    best = _weights(model)
    x, y = train.inputs(), train.labels
    try:
        with threadpool_limits(1, user_api="blas"):
            for number in range(1, epochs + 1):
                progress.epoch_begins(number, epochs, len(x))
                shuffled = batches(x, y, batch_size, seed, number)
                epoch = _run_epoch(model, optimizer, shuffled, validation, number, progress)
                history.epochs.append(epoch)
                is_best = history.best is epoch
                if is_best:
                    best = _weights(model)
                progress.epoch_ends(epoch, is_best)
    except KeyboardInterrupt:
        history.interrupted = True
    finally:
        for p, array in zip(model.parameters(), best, strict=True):
            p.data = array
    return history


def _weights(model: MLP) -> list[NDArray[Any]]:
    return [p.numpy().copy() for p in model.parameters()]


def _run_epoch(
    model: MLP, optimizer: SGD, shuffled: Iterable[Batch], validation: Split, number: int, progress: Progress
) -> Epoch:
    start = time.perf_counter()
    lr = optimizer.current_lr
    totals = _Totals()
    for step, (x, y) in enumerate(shuffled, start=1):
        _train_on(model, optimizer, x, y, totals, f"epoch {number}, batch {step}")
        progress.batch_ends(len(x), totals.loss / totals.examples, totals.correct / totals.examples)
    score = evaluate(model, validation)
    seconds = time.perf_counter() - start
    return Epoch(number, totals.loss / totals.examples, totals.correct / totals.examples, score, lr, seconds)


@no_grad()
def evaluate(model: MLP, split: Split, batch_size: int = 1000) -> float:
    """The model's accuracy on a split, from 0 to 1; raises TrainingError where its logits are not finite."""
    x = split.inputs()
    with np.errstate(over="ignore", invalid="ignore"):
        logits = np.concatenate([model(x[i : i + batch_size]).numpy() for i in range(0, len(x), batch_size)])
    if not np.isfinite(logits).all():
        raise TrainingError("the model's logits are no finite numbers: it has diverged; lower the learning rate")
    return accuracy(logits, split.labels)


def _train_on(model: MLP, optimizer: SGD, x: NDArray[Any], y: NDArray[Any], totals: _Totals, where: str) -> None:
    """One step: forward, backward, update."""
    with np.errstate(over="ignore", invalid="ignore"):
        logits = model(x)
        loss = cross_entropy(logits, y)
        if not math.isfinite(value := loss.item()):
            raise TrainingError(
                f"the loss became {value} at {where}: lower the learning rate, now {optimizer.current_lr:g}"
            )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    totals.loss += value * len(x)
    totals.correct += accuracy(logits, y) * len(x)
    totals.examples += len(x)
