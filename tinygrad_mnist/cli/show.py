"""What the commands print: bars and colour on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, RichCast
from rich.progress import BarColumn, Progress, TextColumn
from rich.text import Text

from tinygrad_mnist.training import Callback, Epoch, Run, percent

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def line(text: str) -> None:
    """One line for the person at the screen."""
    console.print(text, markup=False, soft_wrap=not console.is_terminal)


def note(text: str) -> None:
    """One line beside the result, on stderr."""
    errors.print(text, markup=False, soft_wrap=not errors.is_terminal)


def error(text: str) -> None:
    """One line on stderr that says what went wrong."""
    message = " ".join(text.split())
    errors.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=not errors.is_terminal)


def table(result: RichCast) -> None:
    """A result that knows how to show itself: a table on a terminal, its text elsewhere."""
    if console.is_terminal:
        console.print(result, "")
    else:
        line(f"{result}\n")


class Training(Callback):
    """A bar for the epoch that is running, and a line for each that is done."""

    def __init__(self) -> None:
        self._bar: Progress | None = None

    def __enter__(self) -> Training:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def fit_begins(self, run: Run) -> None:
        if run.history.epochs or run.batch:
            line(f"resumed after {run}" if run.batch else f"resumed before epoch {run.epoch}")

    def epoch_begins(self, run: Run) -> None:
        if console.is_terminal:
            columns = [TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[facts]}")]
            self._bar = Progress(*columns, console=console, transient=True)
            self._bar.add_task(_numbered(run.epoch, run.epochs), total=len(run.train), facts="")
            self._bar.start()

    def step_ends(self, run: Run) -> None:
        if self._bar:
            totals = run.totals
            facts = f"loss {totals.loss / totals.examples:.4f}  train {percent(totals.correct / totals.examples):>8}"
            self._bar.update(self._bar.task_ids[0], completed=totals.examples, facts=facts, refresh=False)

    def epoch_ends(self, run: Run, epoch: Epoch) -> None:
        self._stop()
        best = "  best" if run.history.best is epoch else ""
        line(
            f"{_numbered(epoch.number, run.epochs)}  loss {epoch.loss:.4f}  train {percent(epoch.train_accuracy):>8}  "
            f"validation {percent(epoch.validation_accuracy or 0):>8}  {epoch.seconds:.2f} s{best}"
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
