"""What is trained in every framework: the networks of T2, T3 and T4, their first weights and the images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.data import Dataset
from tinygrad_mnist.tutorials import t2, t3, t4
from tinygrad_mnist.tutorials.session import check_classes

Array = NDArray[Any]


@dataclass(frozen=True)
class Task:
    """A network and its training, which a program of each framework spells out.

    initialise(rng): the first weights in the order of `names`, as `Lesson.weights` has them.
    batch: examples of a step; None for all of them. epochs: with all in one step, the number of steps.
    """

    name: str
    tutorial: str
    title: str
    names: tuple[str, ...]
    initialise: Callable[[np.random.Generator], list[Array]]
    epochs: int
    batch: int | None

    def steps(self, examples: int) -> int:
        """How many steps an epoch has; the last one takes what is left."""
        return -(-examples // self.batch) if self.batch else 1

    def examples(self, steps: int, of: int) -> int:
        """How many of the examples so many first steps of an epoch take."""
        return min(steps * self.batch, of) if self.batch else of


def _as_written(tutorial: Any, row: int = 0) -> Callable[[np.random.Generator], list[Array]]:
    """The tutorial's own initialisation, with biases as vectors."""

    def initialise(rng: np.random.Generator) -> list[Array]:
        arrays = [p.numpy() for p in tutorial.TUTORIAL.rows[row].as_written.initialise(rng)]
        return [array.reshape(-1) if array.shape[1] == 1 else array for array in arrays]

    return initialise


def _he(*shapes: tuple[int, ...]) -> Callable[[np.random.Generator], list[Array]]:
    """He's initialisation of shapes with two axes and more; of the others zeros."""

    def initialise(rng: np.random.Generator) -> list[Array]:
        drawn = [nn.init.he(rng, shape) if len(shape) > 1 else np.zeros(shape) for shape in shapes]
        return [array.astype(np.float32) for array in drawn]

    return initialise


def _normalised(rng: np.random.Generator) -> list[Array]:
    W1, _, W2, b2 = _as_written(t3)(rng)
    return [W1, np.ones(10, np.float32), np.zeros(10, np.float32), W2, b2]


TWO = ("W1", "b1", "W2", "b2")
CNN = _he((16, 1, 3, 3), (16,), (32, 16, 3, 3), (32,), (128, 32 * 7 * 7), (128,), (10, 128), (10,))

TASKS = {task.name: task for task in (
    Task("t2", "T2", "784-10-10, gradient descent on all images at once", TWO, _as_written(t2), t2.ITERATIONS, None),
    Task("t2_cnn", "T2", "16c3-mp2-32c3-mp2-128-10, Adam, batches of 64", (*TWO, "W3", "b3", "W4", "b4"), CNN, 2, 64),
    Task("t3", "T3", "784-10-10, gradient descent, batches of 128", TWO, _as_written(t3), t3.EPOCHS, t3.BATCH),
    Task("t3_adam", "T3", "784-10-10, batch norm, clipping, Adam, batches of 128", ("W1", "γ1", "β1", "W2", "b2"),
         _normalised, t3.EPOCHS, t3.BATCH),
    Task("t4", "T4", "784-100-100-10, gradient descent, batches of 256", (*TWO, "W3", "b3"), _as_written(t4, 1),
         t4.EPOCHS, t4.BATCH),
)}  # fmt: skip
"""By the name with which the programs in examples/frameworks begin."""


def images(dataset: Dataset, seed: int = 0) -> dict[str, Array]:
    """x_train, y_train, x_test, y_test as `Lesson` has them: the training images in an order drawn from the seed.

    Raises DataError where there are other classes than the ten digits.
    """
    check_classes(dataset)
    train = dataset.train[np.random.default_rng(seed).permutation(len(dataset.train))]
    splits = {"train": train, "test": dataset.test}
    return {f"{kind}_{name}": array for name, split in splits.items()
            for kind, array in (("x", split.inputs()), ("y", split.labels))}  # fmt: skip
