"""What notebooks show of a training: its history, scores and recipe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_mnist.screens.cell import Markup, cell, folded, line, markup, shade, table
from tinygrad_mnist.screens.chart import Curve, chart
from tinygrad_mnist.training.shares import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinygrad_mnist.training.history import Epoch, History
    from tinygrad_mnist.training.metrics import Scores

LISTED = 100
"""How many epochs are listed, the last ones; curves show all."""


def history(run: History) -> str:
    """The curves, the epoch that was kept, and the numbers folded away."""
    best = run.best
    if best is None:
        return cell(line(("no epoch is done yet", "dim")))
    ended = " · interrupted" if run.interrupted else " · stopped early" if run.stopped_early else ""
    seconds = f"{sum(epoch.seconds for epoch in run.epochs):.1f} s"
    return cell(
        line((f"{len(run.epochs):,} epoch{'' if len(run.epochs) == 1 else 's'} in {seconds}{ended}", "dim")),
        line(("kept: ", "dim"), (str(best), "bold green")),
        Markup(f'<div style="display:flex;flex-wrap:wrap;gap:1em">{_curves(run)}</div>'),
        folded("the numbers", _epochs(run.epochs[-LISTED:])),
    )


def _curves(run: History) -> str:
    best, epochs = run.best, run.epochs
    kept = best.number if best and len(epochs) > 1 else None
    shown = (("loss", "loss", "validation_loss", 1), ("accuracy in %", "train_accuracy", "validation_accuracy", 100))
    charts = []
    for title, in_training, in_validation, unit in shown:
        curves = [
            Curve(name, [unit * getattr(epoch, column) for epoch in epochs], dashed=column == in_training)
            for name, column in (("training", in_training), ("validation", in_validation))
            if all(getattr(epoch, column) is not None for epoch in epochs)
        ]
        charts.append(f'<div style="flex:1 1 16em">{chart(title, curves, kept)}</div>')
    return "".join(charts)


def _epochs(epochs: Sequence[Epoch]) -> Markup:
    head = ("epoch", "loss", "train", "validation loss", "validation", "lr", "seconds")
    rows = (
        (
            str(e.number), f"{e.loss:.4f}", percent(e.train_accuracy),
            "–" if e.validation_loss is None else f"{e.validation_loss:.4f}",
            "–" if e.validation_accuracy is None else percent(e.validation_accuracy), f"{e.lr:.3g}", f"{e.seconds:.2f}",
        )
        for e in epochs
    )  # fmt: skip
    return table(head, rows, align="r")


def scores(found: Scores) -> str:
    """How many are read correctly, and the confusion matrix with each class's precision and recall."""
    counts, classes = found.confusion, range(len(found.confusion))
    mistakes = max(int(counts[true, read]) for true in classes for read in classes if true != read or len(counts) == 1)

    def count(true: int, read: int) -> Markup:
        number = int(counts[true, read])
        if not number:
            return Markup('<span style="opacity:.8">·</span>')
        ground = shade(1, "#17a34a") if true == read else shade(number / max(mistakes, 1), "#e5383b")
        return Markup(f'<span style="{ground};padding:.1em .4em;border-radius:.3em">{number:,}</span>')

    rows = [
        (str(true), *(count(true, read) for read in classes), percent(p, 1), percent(r, 1))
        for true, p, r in zip(classes, found.precision, found.recall, strict=True)
    ]
    return cell(
        line((percent(found.accuracy), "bold"), f" of {len(found.labels):,} are read correctly, loss {found.loss:.4f}"),
        table(("is / read as", *map(str, classes), "precision", "recall"), rows, align="lr"),
    )


def settings(name: str, values: Sequence[tuple[str, str, str, bool]]) -> str:
    """Each setting with what it is; what is not as by default is bold."""
    rows = (
        (
            name,
            Markup(f"<b>{markup(value)}</b>") if is_changed else value,
            Markup(f'<span style="display:inline-block;min-width:16rem;opacity:.8">{markup(help)}</span>'),
        )
        for name, value, help, is_changed in values
    )
    return cell(line((f"{name}: what differs from the default is bold", "dim")), table(("setting", "value", ""), rows))
