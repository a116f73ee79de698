"""A step of a training and the row of an epoch: what `fit` does, and whoever drives a run step by step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.nn import accuracy
from tinygrad_mnist.nn.module import forget_gradients
from tinygrad_mnist.training.divergence import Diverged
from tinygrad_mnist.training.history import Epoch
from tinygrad_mnist.training.metrics import Scores
from tinygrad_mnist.training.run import Array, Run

Loss = Callable[[Tensor, Array], Tensor]
Step = Callable[[Array, Array], tuple[Tensor, Tensor]]
Wrap = Callable[[Callable[..., Any]], Callable[..., Any]]
"""What becomes of the functions that compute, such as `compile`."""

Gradients = Callable[[Array, Array, Tensor], None]
"""Puts the gradients of a loss on a batch into the parameters."""


def backward(x: Array, y: Array, loss: Tensor) -> None:
    """The right gradients."""
    loss.backward()


def step_of(run: Run, loss: Loss, clip_norm: float | None = None, gradients: Gradients = backward) -> Step:
    """Forward, backward and update: what gives the mean loss and the logits of a batch."""
    model, optimizer = run.model, run.optimizer
    moved = {*optimizer.parameters()}
    others = [p for p in model.parameters() if p not in moved]

    def step(x: Array, y: Array) -> tuple[Tensor, Tensor]:
        logits = model(x)
        mean_loss = loss(logits, y)
        check_finite(run, mean_loss)
        optimizer.zero_grad()
        forget_gradients(others, set_to_none=True)
        gradients(x, y, mean_loss)
        if clip_norm:
            nn.clip_grad_norm_(model.parameters(), clip_norm)
        optimizer.step()
        return mean_loss, logits

    return step


def check_finite(run: Run, mean_loss: Tensor) -> None:
    """Raise Diverged where the loss of a batch is no number."""
    if not np.isfinite(mean_loss.data):
        where = f"the loss became {mean_loss.item()} at epoch {run.epoch}, batch {run.batch + 1}"
        raise Diverged(where, mean_loss, run.model, run.optimizer.current_lr)


def train_on(run: Run, step: Step, x: Array, y: Array) -> float:
    """Take a step, and add it to the totals; its mean loss."""
    totals = run.totals
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        mean_loss, logits = step(x, y)
    if run.schedule:
        run.schedule.step()
    run.batch += 1
    number = float(mean_loss.item())
    totals.loss += number * len(x)
    totals.correct += accuracy(logits, y) * len(x)
    totals.examples += len(x)
    return number


def row_of(run: Run, validation: Scores | None, seconds: float) -> Epoch:
    """The row of an epoch whose batches are done."""
    totals = run.totals
    return Epoch(
        number=run.epoch,
        loss=totals.loss / totals.examples,
        train_accuracy=totals.correct / totals.examples,
        validation_loss=validation.loss if validation else None,
        validation_accuracy=validation.accuracy if validation else None,
        lr=totals.lr,
        seconds=seconds,
    )
