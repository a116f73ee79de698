"""What a program of examples/frameworks is given and hands back: the same for every framework, and NumPy alone."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

VARIABLE = "TINYGRAD_MNIST_LESSON"
"""Names the file that says what a program is to run, where it is one of several; see `running`."""

SIGN = "lesson: "
"""Begins the lines that a program writes for who runs it."""


class Lesson:
    """The images, the first weights, and who is told of each step and of the end.

    x_train: (n, 784), from 0 to 1. y_train: (n,), int64. x_test, y_test: likewise. The batches are the training images
    in their order, in every epoch; the last one of an epoch has what is left.
    weights: [W1, b1, W2, …]; W is (out, in), or (out, in, height, width), and b (out,).
    epochs: how often to go through the training images.

    A program that runs alone learns from the embedded digits, or from the data that TINYGRAD_MNIST_DATA names.
    """

    x_train: Array
    y_train: Array
    x_test: Array
    y_test: Array
    weights: list[Array]
    epochs: int

    def __init__(self, name: str) -> None:
        order = os.environ.get(VARIABLE)
        self._listener = _Listener(Path(order)) if order else None
        given, self.weights, self.epochs, self._steps = self._listener.given() if self._listener else _own(name)
        for key, array in given.items():
            setattr(self, key, array)
        self.name, self.losses, self.seconds = name, list[float](), list[float]()
        if self._listener:
            self._listener.wait("ready")
        self._start = time.process_time()

    def step(self, loss: Any) -> None:
        """A step is done: its loss, the mean over the batch before the weights moved."""
        self.losses.append(float(loss))
        if len(self.losses) % self._steps == 0:
            self.seconds.append(time.process_time() - self._start)
            if self._listener:
                self._listener.wait("epoch")
            self._start = time.process_time()

    def done(self, accuracy: float, weights: Iterable[Array]) -> None:
        """The training is done: the share of the test images that is read rightly, and the weights as they are now."""
        if self._listener:
            self._listener.keep(self, float(accuracy), [np.asarray(w) for w in weights])
        else:
            each = f"{sum(self.seconds) / len(self.seconds):.3f} s of the processor for each of {self.epochs} epochs"
            read = f"{accuracy:.1%} of {len(self.y_test):,} unseen digits read rightly"
            print(f"{self.name}: loss {self.losses[-1]:.4f} in the last of {len(self.losses)} steps, {read}; {each}")


Given = tuple[Mapping[str, Array], "list[Array]", int, int]


def _own(name: str) -> Given:
    """What a program that runs alone is given."""
    from tinygrad_mnist import data
    from tinygrad_mnist.frameworks.tasks import TASKS, images

    task, given = TASKS[name], images(data.load(os.environ.get("TINYGRAD_MNIST_DATA") or "digits"))
    weights = [array.copy() for array in task.initialise(np.random.default_rng(0))]
    return given, weights, task.epochs, task.steps(len(given["y_train"]))


class _Listener:
    """Who runs this program among others: asks when it is its turn, and takes what it has found."""

    def __init__(self, order: Path) -> None:
        self.folder = order.parent
        self.order = json.loads(order.read_text(encoding="utf-8"))

    def given(self) -> Given:
        folder, examples, dtype = Path(self.order["folder"]), self.order["examples"], self.order["dtype"]
        arrays = {key: np.load(folder / f"{key}.npy") for key in ("x_train", "y_train", "x_test", "y_test")}
        arrays |= {key: arrays[key][:examples] for key in ("x_train", "y_train")}
        arrays |= {key: arrays[key].astype(dtype, copy=False) for key in ("x_train", "x_test")}
        weights = [np.load(folder / f"{number}.npy").astype(dtype) for number in range(self.order["weights"])]
        return arrays, weights, self.order["epochs"], self.order["steps"]

    def wait(self, what: str) -> None:
        """Say so, and go on when it is one's turn; ends the process where there is nobody any more to say so."""
        print(f"{SIGN}{what}", flush=True)
        if not sys.stdin.readline():
            os._exit(1)

    def keep(self, lesson: Lesson, accuracy: float, weights: list[Array]) -> None:
        """Write what was found beside the order, and say so."""
        found = {
            "losses": lesson.losses, "seconds": lesson.seconds, "accuracy": accuracy, "memory": _peak_memory(),
        }  # fmt: skip
        for number, array in enumerate(weights):
            np.save(self.folder / f"{number}.npy", array)
        (self.folder / "found.json").write_text(json.dumps(found), encoding="utf-8")
        print(f"{SIGN}done", flush=True)


def _peak_memory() -> float | None:
    """The most that this process has had in memory, in bytes; None where the system does not say.

    On Linux that of /proc: what getrusage gives includes the memory of who started the process.
    """
    status = Path("/proc/self/status")
    if status.exists():
        (line,) = [line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM")]
        return 1024.0 * int(line.split()[1])
    try:
        import resource
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)
