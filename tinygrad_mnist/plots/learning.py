"""A training's curves, what its model has learned to look for, and what passes through its layers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tinygrad_mnist import nn
from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.plots import drawing
from tinygrad_mnist.plots.drawing import Array
from tinygrad_mnist.training import History, LayerSignals, layer_signals, percent

VANISHED = 1e-12
"""Gradients below this are counted, not drawn."""


def training_curves(history: History) -> Figure:
    """Loss and accuracy after each epoch, in training and validation, and which epoch was kept."""
    epochs = history.epochs
    if not epochs:
        return drawing.only_words("no epoch is done yet")
    numbers = [epoch.number for epoch in epochs]
    figure = drawing.new_figure(8, 3.2)
    left, right = figure.subplots(1, 2)
    left.set(title="loss", xlabel="epoch")
    right.set(title="accuracy", xlabel="epoch")
    curves = [(left, "loss", "validation_loss", 1), (right, "train_accuracy", "validation_accuracy", 100)]
    for ax, in_training, in_validation, unit in curves:
        for name, text, style in [
            (in_training, "training", {"color": drawing.GREY, "linestyle": "--"}),
            (in_validation, "validation", {"color": drawing.BLUE, "linestyle": "-"}),
        ]:
            values = [getattr(epoch, name) for epoch in epochs]
            if None not in values:
                ax.plot(numbers, unit * np.array(values), label=text, marker=".", **style)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    if best := history.best:
        right.axvline(best.number, color=drawing.RIGHT, linestyle=":", label=f"kept: epoch {best.number}")
    left.set_ylim(bottom=0)
    for ax in (left, right):
        ax.legend(frameon=False, fontsize=9)
    return figure


def first_layer(weights: Array, count: int = 50) -> Figure:
    """The first weights, (neurons, 784), as an image for each neuron: ink on red excites it, ink on blue quiets it."""
    shown = drawing.as_frames(weights[:count])
    return drawing.tiles(shown, 10, f"What the neurons of the first layer look for ({_part(shown, weights)})")


def filters(kernels: Array, count: int = 64) -> Figure:
    """Convolution kernels, (out, in, height, width), as images: a line for each filter, a column for each input.

    With one input channel, as for digits, the filters stand side by side. Of more than 16 channels, 16 are shown.
    """
    channels = min(kernels.shape[1], 16)
    shown = kernels[: max(1, count // channels), :channels]
    columns, lines = (8, "") if channels == 1 else (channels, ", a line for each")
    head = f"What the filters of {kernels.shape[2]} × {kernels.shape[3]} look for ({_part(shown, kernels)}{lines})"
    return drawing.tiles(shown.reshape(-1, *kernels.shape[2:]), columns, head)


def _part(shown: Array, of: Array) -> str:
    """How many are shown."""
    return f"{len(shown)} of {len(of)}" if len(shown) < len(of) else f"all {len(of)}"


def saliency(model: Any, x: Array, labels: Array | None = None) -> Figure:
    """Which pixels an answer hangs on: ∂(logit of the digit that is read) / ∂(pixel), one line below the digits.

    x: the images as the model takes them, n rows (n, 784), or (n, 1, 28, 28). Ink on orange would speak for the answer,
    ink on purple against it (Simonyan, Vedaldi and Zisserman 2013, arXiv 1312.6034, section 3).
    """
    pixels = Tensor(x, requires_grad=True)
    logits = model(pixels)
    read = logits.numpy().argmax(axis=-1)
    (slopes,) = grad((logits * nn.one_hot(read, logits.shape[-1], logits.dtype)).sum(), [pixels])
    maps, images = drawing.as_frames(slopes.numpy()), drawing.as_frames(x)
    end = float(np.abs(maps).max()) or 1.0
    columns = min(len(x), 10)
    figure, axes = drawing.sheet(2 * columns * math.ceil(len(x) / columns), columns, above=0.24, head=0.3, aside=0.55)
    for ax in axes:
        ax.axis("off")
    for i in range(len(x)):
        line, column = divmod(i, columns)
        above, below = axes[2 * line * columns + column], axes[(2 * line + 1) * columns + column]
        drawing.show_digit(above, images[i])
        picture = below.imshow(maps[i], cmap=drawing.GRADIENTS, vmin=-end, vmax=end)
        is_wrong = labels is not None and labels[i] != read[i]
        text = f"✗ {read[i]}, is {labels[i]}" if labels is not None and is_wrong else f"reads {read[i]}"
        above.set_title(text, fontsize=9, pad=3, color=drawing.WRONG if is_wrong else "black")
    drawing.draw_scale(figure, picture, axes)
    drawing.write_head(figure, "Where more ink would speak for the answer (orange) and against it (purple)")
    return figure


def signals(models: Mapping[str, nn.Module], x: Array, labels: Array) -> Figure:
    """Histograms of activations and gradients, a line for each layer, a column for each model (each init, say).

    models: of equally many layers, by what they are called. x: as they take it. labels: (n,); see
        `training.layer_signals`.
    "Flat" is the share of units where the activation's derivative is below 0.05, so that hardly any gradient passes.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # weights far too large are what one may want to see
        found = {name: layer_signals(model, x, labels) for name, model in models.items()}
    depth, *others = {len(of_model) for of_model in found.values()}
    if others:
        depths = ", ".join(f"{name} has {len(of_model)}" for name, of_model in found.items())
        raise ValueError(f"signals compares models of equally many layers, and {depths}")
    figure = drawing.new_figure(max(4.0, 0.6 + 2.3 * len(found)), 0.9 + 2 * 1.15 * depth)
    upper, lower = np.asarray(figure.subfigures(2, 1))
    upper.suptitle("activations", fontsize=11, color=drawing.BLUE)
    lower.suptitle("gradients: log₁₀ |∂L/∂z|", fontsize=11, color=drawing.WRONG)
    for part, draw in ((upper, _draw_values), (lower, _draw_gradients)):
        axes = part.subplots(depth, len(found), squeeze=False, sharex=draw is _draw_gradients)
        for column, (name, of_model) in enumerate(found.items()):
            axes[0, column].set_title(name, fontsize=10)
            for line, layer in enumerate(of_model):
                draw(axes[line, column], layer)
        for line in range(depth):
            axes[line, 0].set_ylabel(next(iter(found.values()))[line].name, fontsize=9)
    return figure


def _draw_values(ax: Axes, layer: LayerSignals) -> None:
    values, lost = _finite(layer.values)
    counts, edges, _ = ax.hist(values, bins=50, color=drawing.BLUE)
    flat = [] if layer.flat is None else [f"{percent(layer.flat, 1)} flat"]
    _note(ax, 0.97, f"σ {values.std():.3g}" if values.size else "", *flat, *lost)
    _plain(ax)
    _cut(ax, np.asarray(counts), edges)


def _cut(ax: Axes, counts: Array, edges: Array) -> None:
    """Let a bin that would dwarf all others, as that of the zeros of a ReLU, go through the roof, with its share."""
    highest, second = counts.argmax(), np.sort(counts)[-2]
    if counts[highest] > 4 * second > 0:
        ax.set_ylim(0, 3 * second)
        share = percent(counts[highest] / counts.sum(), 1)
        ax.annotate(f"↑ {share}", (edges[highest + 1], 3 * second), (2, -1), textcoords="offset points",
                    va="top", fontsize=7.5, color=drawing.BLUE)  # fmt: skip


def _draw_gradients(ax: Axes, layer: LayerSignals) -> None:
    values, lost = _finite(layer.gradients)
    sizes, least = np.abs(values), math.log10(VANISHED)
    logs = np.log10(sizes[sizes >= VANISHED])
    ax.hist(logs, bins=np.arange(least, logs.max(initial=least) + 0.5, 0.25).tolist(), color=drawing.WRONG)
    gone = [f"{percent(1 - logs.size / sizes.size, 1)} below {VANISHED:g}"] if logs.size < sizes.size else []
    _note(ax, 0.03, f"rms {np.sqrt(np.mean(sizes**2)):.2g}" if sizes.size else "", *gone, *lost)
    _plain(ax)


def _finite(array: Array) -> tuple[Array, list[str]]:
    """The numbers that are finite, and a word on the others if there are any."""
    is_finite = np.isfinite(array)
    lost = [] if is_finite.all() else [f"{percent(1 - is_finite.mean(), 1)} NaN or ∞"]
    return array[is_finite].astype(np.float64), lost


def _note(ax: Axes, x: float, *lines: str) -> None:
    side = "left" if x < 0.5 else "right"
    note = ax.text(x, 0.93, "\n".join(filter(None, lines)), transform=ax.transAxes, ha=side, va="top", fontsize=7.5)
    note.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 1, "alpha": 0.8})


def _plain(ax: Axes) -> None:
    ax.margins(y=0.6)  # room for the note
    ax.set_yticks([])
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.tick_params(labelsize=7.5)
    ax.spines[["top", "right", "left"]].set_visible(False)
