"""Digits, and how a model reads them."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinygrad_mnist.plots import drawing
from tinygrad_mnist.plots.drawing import Array
from tinygrad_mnist.training import percent


def digits(images: Array, labels: Array | None = None) -> Figure:
    """Images, (n, 784) or (n, 28, 28), ten in a line, with their labels above them."""
    figure, axes = drawing.sheet(len(images), columns=10, above=0.05 if labels is None else 0.22)
    for i, (ax, image) in enumerate(zip(axes, drawing.as_frames(images), strict=False)):
        drawing.show_digit(ax, image)
        ax.set_title("" if labels is None else str(labels[i]), fontsize=10, pad=3)
    return figure


def predictions(images: Array, labels: Array, probabilities: Array) -> Figure:
    """Digits as they are read: ✓ in a green frame, ✗ in a dashed red one, with what it should have been.

    images: (n, 784) or (n, 28, 28). labels: (n,). probabilities: (n, classes).
    """
    read = probabilities.argmax(axis=-1)
    figure, axes = drawing.sheet(len(images), columns=10, above=0.27, head=0.32)
    for ax, image, label, answer in zip(axes, drawing.as_frames(images), labels, read, strict=False):
        drawing.show_digit(ax, image)
        is_right = answer == label
        ax.set_title(
            f"✓ {answer}" if is_right else f"✗ {answer}, is {label}", fontsize=9, pad=4,
            color=drawing.RIGHT if is_right else drawing.WRONG, fontweight="normal" if is_right else "bold",
        )  # fmt: skip
        drawing.draw_frame(ax, is_right)
    right = int(np.sum(read == labels))
    drawing.write_head(figure, f"{right} of {len(labels)} are read correctly")
    return figure


def worst_mistakes(images: Array, labels: Array, probabilities: Array, count: int = 12) -> Figure:
    """The wrongly read digits whose label was thought the least probable, with the probability of all ten digits.

    images: (n, 784) or (n, 28, 28). labels: (n,). probabilities: (n, classes). There may be fewer than count, or none.
    """
    read, of_label = probabilities.argmax(axis=-1), np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    wrong = np.flatnonzero(read != labels)
    worst = wrong[np.argsort(of_label[wrong], kind="stable")][:count]
    if not len(worst):
        return drawing.only_words("every digit is read correctly")
    columns = 4
    lines = math.ceil(len(worst) / columns)
    figure = drawing.new_figure(8, 0.5 + 1.55 * lines)
    figure.suptitle(f"Misread: {len(wrong):,} of {len(labels):,} digits. The worst:", fontsize=11)
    grid = figure.add_gridspec(lines, 2 * columns, width_ratios=[1, 0.85] * columns)
    for place, i in enumerate(worst):
        line, column = divmod(place, columns)
        ax = figure.add_subplot(grid[line, 2 * column])
        drawing.show_digit(ax, drawing.as_frames(images[i : i + 1])[0])
        drawing.draw_frame(ax, is_right=False)
        ax.set_title(f"is {labels[i]}, read as {read[i]}", fontsize=9, pad=4)
        _bars(figure.add_subplot(grid[line, 2 * column + 1]), probabilities[i], int(labels[i]), int(read[i]))
    return figure


def _bars(ax: Axes, probabilities: Array, label: int, read: int) -> None:
    """The probability of each digit: of the right one in green, of the one that was read hatched in red."""
    bars = ax.barh(range(len(probabilities)), probabilities, color="#bbbbbb", height=0.8)
    bars[label].set_color(drawing.RIGHT)
    bars[read].set(facecolor="white", edgecolor=drawing.WRONG, hatch="/////")
    for digit, colour in ((label, drawing.RIGHT), (read, drawing.WRONG)):
        share = probabilities[digit]
        ax.text(share + 0.06, digit, percent(share, 1), va="center", fontsize=7, color=colour, fontweight="bold")
    ax.set(xlim=(0, 1.75), xticks=[], ylim=(len(probabilities) - 0.4, -0.6))
    ax.set_yticks(range(len(probabilities)), [str(d) for d in range(len(probabilities))], fontsize=6.5)
    ax.tick_params(length=0, pad=2)
    for tick, digit in zip(ax.get_yticklabels(), range(len(probabilities)), strict=True):
        tick.set(color=drawing.RIGHT if digit == label else drawing.WRONG if digit == read else drawing.GREY)
    ax.spines[["top", "right", "bottom"]].set_visible(False)


def confusion_matrix(counts: Array) -> Figure:
    """How often each digit (lines) was read as each (columns): the larger share of its line, the darker a mistake.

    counts: whole numbers, (classes, classes). On the right is the share of each line that was read correctly.
    """
    classes, totals = range(len(counts)), counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    mistakes = np.ma.masked_where(np.eye(len(counts), dtype=bool), shares)
    darkest = max(float(mistakes.max()), 1e-9)
    size = max(1.0, len(counts) / 14)
    figure = drawing.new_figure(6.2 * size, 5.8 * size)
    ax = figure.add_subplot()
    ax.set_facecolor("#d9f0e6")
    ax.imshow(mistakes, cmap="Oranges", vmin=0, vmax=1.25 * darkest)
    for true, read in zip(*counts.nonzero(), strict=True):
        is_dark = true != read and shares[true, read] > 0.75 * darkest
        ax.text(
            read, true, f"{counts[true, read]:,}", ha="center", va="center", fontsize=9,
            color="white" if is_dark else "black", fontweight="bold" if true == read else "normal",
        )  # fmt: skip
    for true in classes:
        right = percent(shares[true, true], 1) if totals[true] else "–"
        ax.text(len(counts) - 0.35, true, right, va="center", fontsize=9, color=drawing.RIGHT)
    names = [str(c) for c in classes]
    ax.set_xticks(classes, names)
    ax.set_yticks(classes, names)
    ax.set(xlabel="read as", ylabel="is")
    ax.tick_params(length=0)
    total = int(totals.sum())
    share = percent(counts.trace() / max(total, 1), 1)
    ax.set_title(f"{int(counts.trace()):,} of {total:,} are read correctly ({share})", fontsize=11)
    return figure
