"""How far a training is, for the person who waits."""

from __future__ import annotations

from tinygrad_mnist.screens.bar import Bar
from tinygrad_mnist.training.history import Epoch
from tinygrad_mnist.training.run import Callback, Run
from tinygrad_mnist.training.shares import percent


class Progress(Callback):
    """A line for each epoch that is done, and a bar for the one that is running.

    In a terminal the bar is one line that is written anew, of 80 columns; in a notebook all is one output; in a log, or
    where standard output is a file, there are the lines alone, plain. `tinygrad-mnist train` shows the same.
    """

    def __init__(self) -> None:
        self._bar = Bar()

    def fit_begins(self, run: Run) -> None:
        """Say where a resumed run goes on."""
        if run.history.epochs or run.batch:
            self._bar.line(f"resumed after {run}" if run.batch else f"resumed before epoch {run.epoch}")

    def epoch_begins(self, run: Run) -> None:
        """An empty bar."""
        self._bar.start(_numbered(run.epoch, run.epochs), len(run.train))

    def step_ends(self, run: Run) -> None:
        """Fill it."""
        if self._bar.is_shown:
            totals = run.totals
            share = percent(totals.correct / totals.examples)
            self._bar.move(totals.examples, facts=f"loss {totals.loss / totals.examples:.4f}  train {share:>8}")

    def epoch_ends(self, run: Run, epoch: Epoch) -> None:
        """The line of the epoch, in place of the bar."""
        self._bar.stop()
        accuracy = epoch.validation_accuracy
        validation = "" if accuracy is None else f"validation {percent(accuracy):>8}  "
        best = "  best" if accuracy is not None and run.history.best is epoch else ""
        self._bar.line(
            f"{_numbered(epoch.number, run.epochs)}  loss {epoch.loss:.4f}  train {percent(epoch.train_accuracy):>8}  "
            f"{validation}{epoch.seconds:.2f} s{best}"
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        """No bar stays, whatever ended the run."""
        self._bar.stop()


def _numbered(number: int, epochs: int) -> str:
    return f"epoch {number:>{len(str(epochs))}}/{epochs}"
