"""The tutorials in this folder: each network as its authors wrote it, and with today's recipe."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinygrad_mnist.data import CLASSES, DIGITS, DataError, Dataset, Split, set_tenth_aside
from tinygrad_mnist.engine import Tensor, grad, no_grad
from tinygrad_mnist.nn import Module, one_hot
from tinygrad_mnist.training.metrics import evaluate
from tinygrad_mnist.training.pace import pays_to_compile
from tinygrad_mnist.training.recipe import Recipe
from tinygrad_mnist.training.run import Array, Callback, Run

Progress = Callable[[str, float], None]
"""Called with what runs, and the share of it that is done."""

CHECKED = 100
"""How many training images the gradients are compared on."""

TOLERANCE = 1e-12
"""How far autograd's gradients may be from those by hand, relative, in float64."""

PLAIN = Recipe(
    activation="relu", augment=None, optimizer="sgd", lr=0.1, momentum=0, weight_decay=0, schedule="constant",
    average=None, epochs=10,
)  # fmt: skip
"""Gradient descent as the tutorials have it, and nothing else."""


@dataclass(frozen=True)
class AsWritten:
    """A tutorial's own network and training. X is (784, m), from 0 to 1, and Y (10, m), one-hot: examples are columns.

    initialise(rng): the parameters, float32. forward(X, *parameters): the Z of the last layer, (10, m).
    loss(X, Y, *parameters): the mean cross-entropy. by_hand(X, Y, *parameters): the loss's gradients, in the order of
    the parameters, from NumPy arrays and in NumPy alone. train(X, Y, parameters, rng): changes the parameters in
    place, and yields the share that is done, ten times or so.
    """

    initialise: Callable[[np.random.Generator], list[Tensor]]
    forward: Callable[..., Tensor]
    loss: Callable[..., Tensor]
    by_hand: Callable[..., Sequence[Array]]
    train: Callable[..., Iterator[float]]


@dataclass(frozen=True)
class Row:
    """What a tutorial did, compared with, or wished for.

    recipe: today's; of several, the best on the validation images counts. reported: an accuracy from 0 to 1.
    """

    name: str
    recipe: Recipe | tuple[Recipe, ...]
    reported: float | None = None
    as_written: AsWritten | None = None

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """The one recipe, or the several."""
        return self.recipe if isinstance(self.recipe, tuple) else (self.recipe,)


@dataclass(frozen=True)
class Tutorial:
    """A tutorial's id, what it builds in a line, and its rows, the network that its authors wrote first."""

    id: str
    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Trained:
    """Accuracies of one training, and its seconds."""

    test: float
    validation: float
    seconds: float


@dataclass(frozen=True)
class Written(Trained):
    """What is known besides of a training as written.

    train: the accuracy on what it learned from. curve: on the validation images, on the way.
    error: the largest difference between autograd's gradients and those by hand, in float64, relative to the largest
    number in each. is_finite: whether its weights still are.
    """

    train: float
    error: float
    curve: tuple[float, ...]
    is_finite: bool

    @property
    def agrees(self) -> bool:
        """Whether autograd's gradients are those by hand."""
        return self.error <= TOLERANCE


@dataclass(frozen=True)
class Result:
    """What a row came to.

    recipe: the one that was taken. seconds: of everything that the row took. is_beaten: whether the reported accuracy
    is; None where none is, and with the embedded digits, of which it says nothing.
    """

    row: Row
    written: Written | None
    better: Trained
    recipe: Recipe
    seconds: float
    is_beaten: bool | None


@dataclass
class Session:
    """Runs rows on one data set; a recipe that several rows share runs once, with the time that it took.

    Raises DataError where there are too few images to set some aside, or more classes than ten.
    """

    data: Dataset
    seed: int = 0
    progress: Progress = lambda what, share: None
    _done: dict[Recipe, _Candidate] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_classes(self.data)
        self.train, self.validation = set_tenth_aside(self.data, self.seed)

    def run(self, row: Row) -> Result:
        """Train what a row names; the test images are scored once for each column.

        Raises TrainingError where a recipe diverges; KeyboardInterrupt comes through.
        """
        written = self._write(row) if row.as_written else None
        seconds = written.seconds if written else 0.0
        candidates = {recipe: self._follow(recipe, self._part(row, recipe)) for recipe in row.recipes}
        chosen = max(candidates, key=lambda recipe: candidates[recipe].validation)
        better = self._score(candidates[chosen])
        seconds += sum(each.seconds for each in candidates.values())
        is_beaten = None if row.reported is None or self.data.name == DIGITS else better.test > row.reported
        return Result(row, written, better, chosen, seconds, is_beaten)

    def _write(self, row: Row) -> Written:
        from threadpoolctl import threadpool_limits

        assert row.as_written
        tutorial, rng = row.as_written, np.random.default_rng(self.seed)
        X, Y = columns(self.train)
        validation, test = (split.inputs().T for split in (self.validation, self.data.test))
        start = time.perf_counter()
        with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
            parameters = tutorial.initialise(rng)
            error = gradient_error(tutorial, parameters, X[:, :CHECKED], Y[:, :CHECKED])
            curve = []
            for share in tutorial.train(X, Y, parameters, rng):
                curve.append(_accuracy(tutorial, parameters, validation, self.validation))
                self.progress(f"{row.name} as written", share)
            train = _accuracy(tutorial, parameters, X, self.train)
            test = _accuracy(tutorial, parameters, test, self.data.test)
        is_finite = all(np.isfinite(p.numpy()).all() for p in parameters)
        seconds = time.perf_counter() - start
        return Written(test, curve[-1], seconds, train, error, tuple(curve), is_finite)

    def _part(self, row: Row, recipe: Recipe) -> Callable[[float], None]:
        """Reports the progress of a row from that of one of its recipes."""
        number, count = row.recipes.index(recipe), len(row.recipes)
        return lambda share: self.progress(row.name, (number + share) / count)

    def _follow(self, recipe: Recipe, report: Callable[[float], None]) -> _Candidate:
        if recipe not in self._done:
            start = time.perf_counter()
            model = recipe.make_model(self.seed)
            history = recipe.fit(
                model, (self.train, self.validation), seed=self.seed, callbacks=[_Progress(report)],
                compile=pays_to_compile(recipe.steps(len(self.train))),
            )  # fmt: skip
            if history.interrupted or history.best is None:
                raise KeyboardInterrupt
            validation = history.best.validation_accuracy or 0.0
            self._done[recipe] = _Candidate(model, validation, time.perf_counter() - start)
        return self._done[recipe]

    def _score(self, candidate: _Candidate) -> Trained:
        if candidate.test is None:
            candidate.test = evaluate(candidate.model, self.data.test)
        return Trained(candidate.test, candidate.validation, candidate.seconds)


@dataclass
class _Candidate:
    """A model that followed a recipe; its test accuracy once it is chosen."""

    model: Module
    validation: float
    seconds: float
    test: float | None = None


class _Progress(Callback):
    """Reports the share of a training that is done."""

    def __init__(self, report: Callable[[float], None]) -> None:
        self.report = report

    def step_ends(self, run: Run) -> None:
        self.report((run.epoch - 1 + run.totals.examples / len(run.train)) / run.epochs)


def check_classes(dataset: Dataset) -> None:
    """Raise DataError where there are other classes than the ten digits."""
    if dataset.classes != CLASSES:
        raise DataError(f"{dataset.name}: has {dataset.classes} classes, and the tutorials are about ten digits")


def columns(split: Split) -> tuple[Array, Array]:
    """Images and one-hot labels as the tutorials have them: float32 (784, m) and (10, m)."""
    return split.inputs().T, one_hot(split.labels, CLASSES).T


def gradient_error(tutorial: AsWritten, parameters: Sequence[Tensor], X: Array, Y: Array) -> float:
    """The largest difference between autograd's gradients and those by hand, in float64; see `Written`."""
    X, Y = X.astype(np.float64), Y.astype(np.float64)
    doubles = [Tensor(p.numpy().astype(np.float64), requires_grad=True, name=p.name) for p in parameters]
    found = [g.numpy() for g in grad(tutorial.loss(X, Y, *doubles), doubles)]
    expected = tutorial.by_hand(X, Y, *(p.numpy() for p in doubles))
    return float(np.max([_distance(f, e) for f, e in zip(found, expected, strict=True)]))  # NaN, where one is


def _distance(found: Array, expected: Array) -> float:
    if found.shape != expected.shape:
        return np.inf
    return float(np.abs(found - expected).max() / np.abs(expected).max())


def _accuracy(tutorial: AsWritten, parameters: Sequence[Tensor], X: Array, split: Split) -> float:
    """The share of a split, whose images are the columns of X, that is read correctly."""
    with no_grad():
        Z = tutorial.forward(X, *parameters).numpy()
    return float((Z.argmax(axis=0) == split.labels).mean())


def ids() -> list[str]:
    """T0, T1, …: the tutorials there are."""
    return sorted(path.stem.upper() for path in Path(__file__).parent.glob("t[0-9].py"))


def read(id: str) -> Tutorial:
    """The tutorial of an id, from its file."""
    tutorial: Tutorial = importlib.import_module(f"tinygrad_mnist.tutorials.{id.lower()}").TUTORIAL
    return tutorial
