"""A training run, where it stands, and the callbacks that follow it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import Split, batches
from tinygrad_mnist.nn import Module, Optimizer
from tinygrad_mnist.training.history import Epoch, History
from tinygrad_mnist.training.inputs import as_model_takes, check_split, input_shape
from tinygrad_mnist.training.metrics import Scores, score

Array = NDArray[Any]


MODEL, HISTORY, TABLE, CHECKPOINT = "model.safetensors", "history.json", "history.csv", "checkpoint.safetensors"
"""The files in the folder of a run."""


class Schedule(Protocol):
    """What changes the learning rate: `fit` calls step() after every step of the optimizer."""

    def step(self) -> None: ...

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: Any) -> None: ...


@dataclass
class Totals:
    """Sums over the batches of an epoch so far, and the seconds they took."""

    loss: float = 0.0
    correct: float = 0.0
    examples: int = 0
    seconds: float = 0.0
    lr: float = 0.0


@dataclass(eq=False)
class Run:
    """What takes part in a training run, and where it stands: what callbacks see and a checkpoint keeps.

    epoch: the one that is running, from 1. batch: how many of its batches are done. best: the weights, as a
    state dict, of the best epoch so far. generators: what dropout draws from in each thread but the first, where
    threads share the examples of a batch.
    """

    model: Module
    train: Split
    validation: Split | None
    optimizer: Optimizer
    schedule: Schedule | None
    callbacks: Sequence[Callback]
    epochs: int
    batch_size: int
    seed: int
    patience: int | None = None
    threads: int = 1
    generators: Sequence[np.random.Generator] = ()
    epoch: int = 1
    batch: int = 0
    totals: Totals = field(default_factory=Totals)
    history: History = field(default_factory=History)
    best: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.best = self.model.state_dict()
        check_split(self.train)
        if self.validation is not None:
            check_split(self.validation)

    def __str__(self) -> str:
        return f"epoch {self.epoch}, batch {self.batch}"

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done, or the best is longer ago than patience allows."""
        return self.epoch > self.epochs or self.history.is_stale(self.patience)

    def remaining_batches(self) -> Iterator[tuple[Array, Array]]:
        """The batches of this epoch that are not done yet; their order follows from seed and epoch alone."""
        train, shape = self.train, input_shape(self.model)
        everything = batches(np.arange(len(train)), train.labels, self.batch_size, self.seed, self.epoch)
        remaining = islice(everything, self.batch, None)
        return ((as_model_takes(train.images_at(rows), shape), y) for rows, y in remaining)

    def score_validation(self) -> Scores | None:
        """How well the model reads the validation images; None without any."""
        return score(self.model, self.validation, threads=1 + len(self.generators)) if self.validation else None

    def generator(self, epoch: int, batch: int) -> np.random.Generator:
        """Random numbers for a batch, counted from 1: they follow from seed, epoch and batch alone."""
        return np.random.default_rng([self.seed, epoch, batch])

    def notify(self, event: str, *facts: Any) -> None:
        """Call this method of every callback."""
        for callback in self.callbacks:
            getattr(callback, event)(self, *facts)


class Callback:
    """Methods that `fit` calls while it runs; override those you need.

    One that is a context manager is entered before the run, and left whatever ends it: an interrupt, an error.
    With a state that a resumed run needs, override state_dict and load_state_dict too: trees of dicts, lists,
    numbers, strings and arrays.
    """

    def fit_begins(self, run: Run) -> None:
        """Before the first step."""

    def epoch_begins(self, run: Run) -> None:
        """An epoch starts, or goes on in a resumed run."""

    def step_ends(self, run: Run) -> None:
        """A batch is done and the weights have moved; run.totals are those of the epoch so far."""

    def validation_begins(self, run: Run) -> None:
        """The batches of an epoch are done; the weights of now are what is validated, and kept if best."""

    def validation_ends(self, run: Run) -> None:
        """The validation is done, and the weights are kept if they are the best; or it was interrupted."""

    def epoch_ends(self, run: Run, epoch: Epoch) -> None:
        """An epoch is done; run.history.best is epoch where its weights are kept. run stands at the next one."""

    def fit_ends(self, run: Run) -> None:
        """After the last step; not where the run was interrupted or failed."""

    def state_dict(self) -> dict[str, Any]:
        """What a resumed run needs of it."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take that over."""
