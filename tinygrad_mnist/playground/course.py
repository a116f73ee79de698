"""The training that the page drives: a network from its start, a bounded amount of work at a time.

What it does is what `Recipe.fit` does, step for step, so that the code, the recipe and the command that the page
gives out end with the same weights.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any

import numpy as np

from tinygrad_mnist import nn
from tinygrad_mnist.data import Split
from tinygrad_mnist.engine import Tensor
from tinygrad_mnist.nn import Module
from tinygrad_mnist.nn.random import drawing_from
from tinygrad_mnist.training.divergence import Diverged
from tinygrad_mnist.training.history import Epoch
from tinygrad_mnist.training.inputs import augmented, model_inputs
from tinygrad_mnist.training.metrics import Scores, score
from tinygrad_mnist.training.recipe import Recipe
from tinygrad_mnist.training.run import Array, Run, Totals
from tinygrad_mnist.training.signals import layer_signals
from tinygrad_mnist.training.steps import backward, row_of, step_of, train_on

PORTION = 100
"""Digits that are validated at a time, between two looks at the clock."""

LONGEST = 5000
"""Milliseconds of one answer, whatever number of steps is asked for."""

PATIENCE, LOOKED_AT = 10, 32
"""Signals are looked at again after so many times as long as that takes, on so many digits."""

STILL = 1e-4
"""Of the largest activation: a unit that moves less over all digits is dead."""


class Lesson:
    """One network and its training run, a unit of work at a time: a step, or a portion of a validation.

    validated: the scores of the last epoch's validation.
    """

    def __init__(self, recipe: Recipe, train: Split, validation: Split, seed: int) -> None:
        with drawing_from(np.random.default_rng(seed)):  # a server has a session for each page
            model = recipe.make_model(seed)
        optimizer = recipe.make_optimizer(model)
        self.run = Run(model, train, validation, optimizer, None, (), recipe.epochs, recipe.batch_size, seed)
        self.augment = recipe.augment
        self.step = 0
        self.losses: list[float] = []
        self.validation = validation
        self.validated: Scores | None = None
        self._dropping = self.run.generator(epoch=0, batch=1)
        self._take_step = step_of(self.run, nn.cross_entropy, gradients=self.gradients)
        self._work = self._units()
        self._told = 0
        self.diverged: str | None = None

    @property
    def model(self) -> Module:
        return self.run.model

    def advance(self) -> bool:
        """Do one unit of work; whether it was a step, and not a part of a validation. After it diverged, nothing."""
        if self.diverged:
            return False
        try:
            with drawing_from(self._dropping):
                return next(self._work)
        except Diverged as error:
            self.diverged = self.why(error)
            return False

    def last_validated(self) -> tuple[Split, Scores]:
        """Digits of the validation, and how they were read last; before the first, how some of them are read now."""
        if self.validated:
            return self.validation, self.validated
        some = self.validation[: 2 * PORTION]
        return some, score(self.model, some)

    def news(self) -> tuple[list[float], list[Epoch]]:
        """The losses of the steps, and the epochs, since this was last asked."""
        losses, self.losses = self.losses, []
        epochs, self._told = self.run.history.epochs[self._told :], len(self.run.history.epochs)
        return losses, epochs

    def why(self, error: Diverged) -> str:
        """What is said where it has diverged."""
        return str(error)

    def gradients(self, x: Array, labels: Array, loss: Tensor) -> None:
        """Put ∂L/∂p into every parameter p, of the loss on a batch."""
        backward(x, labels, loss)

    def _units(self) -> Iterator[bool]:
        while True:
            run, start = self.run, time.perf_counter()
            run.totals.lr = run.optimizer.current_lr
            for x, labels in run.remaining_batches():
                if self.augment:
                    x = augmented(x, self.augment, run.generator(run.epoch, run.batch + 1))
                self.model.train()
                self.losses.append(train_on(run, self._take_step, x, labels))
                self.step += 1
                yield True
            yield from self._validation(start)

    def _validation(self, start: float) -> Iterator[bool]:
        total, parts = len(self.validation), []
        for first in range(0, total, PORTION):
            parts.append(score(self.model, self.validation[first : first + PORTION]))
            if first + PORTION >= total:
                self._end_epoch(parts, time.perf_counter() - start)
            yield False

    def _end_epoch(self, parts: list[Scores], seconds: float) -> None:
        run = self.run
        self.validated = Scores(np.concatenate([p.logits for p in parts]), np.concatenate([p.labels for p in parts]))
        run.history.epochs.append(row_of(run, self.validated, seconds))
        run.epoch, run.batch, run.totals = run.epoch + 1, 0, Totals()


class Course:
    """What is trained, within a budget of time: a lesson, and the right one beside it where it makes a mistake."""

    def __init__(self, recipe: Recipe, lesson: Lesson, beside: Lesson | None = None) -> None:
        self.recipe, self.lesson, self.beside = recipe, lesson, beside
        self._looked_at = lesson.run.train[:LOOKED_AT]
        self._unit_takes = self._signals_take = 0.0
        self._signals_from = -math.inf

    def advance(self, steps: int | None, milliseconds: float | None) -> dict[str, Any]:
        """So many steps; or as much as fits into the time, and no more than to the end of an epoch."""
        begun, epochs = time.perf_counter(), self.lesson.run.history.epochs
        limit = begun + (milliseconds or LONGEST) / 1000
        with_signals = milliseconds is None or begun - self._signals_from > PATIENCE * self._signals_take
        until = limit - self._signals_take if with_signals else limit
        left, ended = steps or (1 if milliseconds is None else math.inf), len(epochs)
        if with_signals and begun + 2 * self._signals_take > limit:
            left = 0  # they fill this time alone
        while left:
            before = time.perf_counter()
            left -= self._do_one_unit()
            now = time.perf_counter()
            self._unit_takes = max(now - before, 0.9 * self._unit_takes)
            is_enough = steps is None and milliseconds and len(epochs) > ended
            if self.lesson.diverged or is_enough or now + self._unit_takes > until:
                break
        return self.account() | {"signals": self._timed_signals() if with_signals else None}

    def _do_one_unit(self) -> bool:
        if self.beside:
            self.beside.advance()
        return self.lesson.advance()

    @property
    def classes(self) -> int:
        """How many there are."""
        return self.lesson.validation.classes

    def account(self) -> dict[str, Any]:
        """Where it stands, and what is new since this was last asked."""
        run = self.lesson.run
        told = _told(self.lesson)
        return {
            "step": self.lesson.step,
            "epoch": run.epoch,
            "examples": run.totals.examples,
            "rates": [run.optimizer.current_lr] * len(told["losses"]),
            "finished_epoch": bool(told["epochs"]),
            **told,
            "beside": _told(self.beside) if self.beside else None,
        }

    def _timed_signals(self) -> list[dict[str, Any]] | None:
        self._signals_from = before = time.perf_counter()
        found = None if self.lesson.diverged else list(_signals(self.lesson.model, self._looked_at))
        self._signals_take = time.perf_counter() - before
        return found


def _told(lesson: Lesson) -> dict[str, Any]:
    losses, epochs = lesson.news()
    return {"losses": losses, "epochs": list(map(_row, epochs)), "diverged": lesson.diverged}


def _row(epoch: Epoch) -> dict[str, Any]:
    return {
        "number": epoch.number, "loss": epoch.loss, "train_accuracy": epoch.train_accuracy,
        "validation_loss": epoch.validation_loss, "validation_accuracy": epoch.validation_accuracy,
    }  # fmt: skip


def _signals(model: Module, split: Split) -> Iterator[dict[str, Any]]:
    """How large activations, gradients and weights are in each layer of weights, and how many units are dead.

    flat_share: of the activations, where hardly any gradient passes. dead_share: of the units, those that give the same
    for every digit here. The gradient is that of the last step.
    """
    model.eval()
    weights = [p for p in model.parameters() if p.ndim > 1]
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        layers = layer_signals(model, model_inputs(model, split), split.labels)
        for layer, weight in zip(layers, weights, strict=True):
            yield {
                "layer": layer.name,
                "activation_mean": float(layer.values.mean()),
                "activation_std": float(layer.values.std()),
                "flat_share": layer.flat,
                "dead_share": None if layer.flat is None else _dead_share(layer.values),
                "error_norm": _norm(layer.gradients),
                "gradient_norm": None if weight.grad is None else _norm(weight.grad.numpy()),
                "weight_norm": _norm(weight.numpy()),
            }


def _dead_share(values: Array) -> float:
    """The share of the units, or maps, that give the same for every digit."""
    units = values.reshape(len(values), values.shape[1], -1)
    return float((np.ptp(units, axis=(0, 2)) < STILL * np.abs(units).max(initial=1e-30)).mean())


def _norm(array: Array) -> float:
    return float(np.linalg.norm(array.ravel()))
