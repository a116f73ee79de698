"""What a worker of Dask does: it trains one trial, and says after each epoch how it stands."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tinygrad_mnist import data, training
from tinygrad_mnist.training import Callback, Diverged, Epoch, Recipe, Run


@dataclass(frozen=True)
class Job:
    """A trial to train. topic: of the events that tell of it. facts: the data's, which must be the worker's too.

    final: to score the test images, which is done for the winner alone.
    """

    name: str
    topic: str
    recipe: dict[str, Any]
    source: str
    facts: tuple[str, int]
    seed: int
    final: bool = False


@dataclass(frozen=True)
class Trained:
    """What came out: the rows of the history, why it ended early, and the winner's accuracy on the test images."""

    attempt: str
    epochs: list[Epoch]
    ended: str | None = None
    test_accuracy: float | None = None


def train_trial(job: Job) -> Trained:
    """Train by the recipe, until it is done or the event named like the job is set."""
    from distributed import get_worker

    attempt = uuid.uuid4().hex
    reports = Reports(job, attempt, get_worker())
    reports.say(begins=True)
    dataset = load(job.source)
    if facts(dataset) != job.facts:
        raise data.DataError(f"the worker has other data for {job.source}: {facts(dataset)}, not {job.facts}")
    recipe = Recipe(**job.recipe)
    model = recipe.make_model(job.seed)
    try:
        history = recipe.fit(model, data.set_tenth_aside(dataset, job.seed), seed=job.seed, callbacks=[reports])
    except Diverged:
        return Trained(attempt, reports.epochs, "diverged")
    if history.interrupted:
        raise RuntimeError("the worker was stopped")
    test = training.evaluate(model, dataset.test) if job.final else None
    return Trained(attempt, history.epochs, reports.ended, test)


@lru_cache(maxsize=1)
def load(source: str) -> data.Dataset:
    """The data, once in each process."""
    return data.load(source, say=lambda _: None)


def facts(dataset: data.Dataset) -> tuple[str, int]:
    """By which two machines see that they have the same data."""
    return dataset.name, len(dataset.train)


class Reports(Callback):
    """Tells the search of every epoch, and ends the training where the search has pruned it."""

    def __init__(self, job: Job, attempt: str, worker: Any) -> None:
        self._job, self._attempt, self._worker = job, attempt, worker
        self.epochs: list[Epoch] = []
        self.ended: str | None = None

    def say(self, **facts: Any) -> None:
        """Send an event to the search."""
        self._worker.log_event(self._job.topic, {"name": self._job.name, "attempt": self._attempt, **facts})

    def epoch_ends(self, run: Run, epoch: Epoch) -> None:
        from distributed import Event

        self.epochs.append(epoch)
        self.say(epoch=epoch.number, accuracy=epoch.validation_accuracy)
        if not self._job.final and not run.is_over and Event(self._job.name).is_set():
            run.epochs, self.ended = epoch.number, "pruned"
