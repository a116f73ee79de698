"""What a worker of Dask does: it trains one trial, and says after each epoch how it stands."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from tinygrad_mnist import cluster, data, training
from tinygrad_mnist.training import Callback, Diverged, Epoch, Recipe, Run
from tinygrad_mnist.training.pace import pays_to_compile


@dataclass(frozen=True)
class Facts:
    """By which two machines see that they have the same data."""

    name: str
    images: int
    classes: int

    @classmethod
    def of(cls, dataset: data.Dataset) -> Facts:
        """Those of a data set."""
        return cls(dataset.name, len(dataset.train), dataset.classes)


@dataclass(frozen=True)
class Job:
    """A trial to train. facts: those of the data. final: to score the test images, which the winner alone does."""

    recipe: Recipe
    source: str
    facts: Facts
    seed: int
    final: bool = False


@dataclass(frozen=True)
class Trained:
    """What came out: the rows of the history, why it ended early, and the winner's accuracy on the test images."""

    epochs: list[Epoch]
    ended: str | None = None
    test_accuracy: float | None = None


def train_trial(job: Job, name: str, topic: str) -> Trained:
    """Train by the recipe, until it is done or the job of this name is to stop; events of this topic tell of it.

    Raises WorkerDied where another worker has begun it, and DataError where this machine has other data.
    """
    cluster.begin(name)
    dataset = _load(job.source)
    if Facts.of(dataset) != job.facts:
        raise data.DataError(f"the worker has other data for {job.source}: {Facts.of(dataset)}, not {job.facts}")
    model = job.recipe.make_model(job.seed)
    splits = data.set_tenth_aside(dataset, job.seed)
    is_long = pays_to_compile(job.recipe.steps(len(splits[0])))
    reports = Reports(name, topic, may_stop=not job.final)
    try:
        history = job.recipe.fit(model, splits, seed=job.seed, callbacks=[reports], compile=is_long)
    except Diverged:
        return Trained(reports.epochs, "diverged")
    if history.interrupted:
        raise RuntimeError("the worker was stopped")
    return Trained(history.epochs, reports.ended, training.evaluate(model, dataset.test) if job.final else None)


@lru_cache(maxsize=1)
def _load(source: str) -> data.Dataset:
    """The data, once in each process."""
    return data.load(source, say=lambda _: None)


class Reports(Callback):
    """Tells the search of every epoch, and ends the training where the search has stopped it."""

    def __init__(self, name: str, topic: str, may_stop: bool) -> None:
        from distributed import get_worker

        self._name, self._topic, self._may_stop, self._worker = name, topic, may_stop, get_worker()
        self.epochs: list[Epoch] = []
        self.ended: str | None = None

    def epoch_ends(self, run: Run, epoch: Epoch) -> None:
        self.epochs.append(epoch)
        told = {"name": self._name, "epoch": epoch.number, "accuracy": epoch.validation_accuracy}
        self._worker.log_event(self._topic, told)
        if self._may_stop and not run.is_over and cluster.is_stopped(self._name):
            run.epochs, self.ended = epoch.number, "pruned"
