"""What the commands print: bars and colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from tinygrad_mnist.training import Epoch
from tinygrad_mnist.training import Progress as TrainingProgress

console = Console(highlight=False, soft_wrap=True)
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def line(text: str) -> None:
    """One line for the person at the screen."""
    console.print(text, markup=False)


def note(text: str) -> None:
    """One line beside the result, on stderr."""
    errors.print(text, markup=False)


def error(text: str) -> None:
    """One line on stderr that says what went wrong."""
    message = " ".join(text.split())
    errors.print(Text.assemble(("error: ", "bold red"), message) if sys.stderr.isatty() else f"error: {message}")


def percent(share: float) -> str:
    """A share from 0 to 1, as 97.53 %."""
    return f"{100 * share:.2f} %"


class Training(TrainingProgress):
    """A bar for the epoch that is running, and a line for each that is done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None
        self._epochs = 0

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def epoch_begins(self, number: int, epochs: int, examples: int) -> None:
        self._epochs = epochs
        if console.is_terminal:
            columns = [
                TextColumn("{task.description}"),
                BarColumn(None),
                TextColumn("loss {task.fields[loss]:.4f}  train {task.fields[accuracy]}"),
            ]
            self._bar = Progress(*columns, console=console, transient=True, expand=True)
            self._bar.add_task(_numbered(number, epochs), total=examples, loss=float("nan"), accuracy="")
            self._bar.start()

    def batch_ends(self, examples: int, loss: float, accuracy: float) -> None:
        if self._bar:
            self._bar.update(
                self._bar.task_ids[0], advance=examples, loss=loss, accuracy=percent(accuracy), refresh=False
            )

    def epoch_ends(self, epoch: Epoch, is_best: bool) -> None:
        self._stop()
        line(
            f"{_numbered(epoch.number, self._epochs)}  loss {epoch.loss:.4f}  "
            f"train {percent(epoch.train_accuracy):>8}  validation {percent(epoch.validation_accuracy):>8}  "
            f"{epoch.seconds:.2f} s{'  best' if is_best else ''}"
        )

    def _stop(self) -> None:
        if self._bar:
            self._bar.stop()
            self._bar = None


def _numbered(number: int, epochs: int) -> str:
    return f"epoch {number:>{len(str(epochs))}}/{epochs}"


def prediction(path: str, probabilities: Sequence[float]) -> None:
    """The digit that a picture shows, and how probable each of the ten is."""
    digit = max(range(len(probabilities)), key=lambda d: probabilities[d])
    line(f"{path}: {digit} ({percent(probabilities[digit])})")
    if console.is_terminal:
        for d, p in enumerate(probabilities):
            bar = "█" * round(40 * p)
            console.print(Text(f"  {d} {percent(p):>9} {bar}", style="bold" if d == digit else "dim"))
    else:
        line("  " + "  ".join(f"{d} {percent(p)}" for d, p in enumerate(probabilities)))
