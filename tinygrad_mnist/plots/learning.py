"""A training's curves, and what its model has learned to look for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tinygrad_mnist import data, nn
from tinygrad_mnist.engine import Tensor, grad
from tinygrad_mnist.plots.sheet import (
    BLUE,
    DPI,
    GRADIENTS,
    GREY,
    RIGHT,
    WRONG,
    as_frames,
    draw_scale,
    only_words,
    sheet,
    show_digit,
    tiles,
    write_head,
)
from tinygrad_mnist.training import History

Array = NDArray[Any]


def training_curves(history: History) -> Figure:
    """Loss and accuracy after each epoch, in training and validation, and which epoch was kept."""
    epochs = history.epochs
    if not epochs:
        return only_words("no epoch is done yet")
    numbers = [epoch.number for epoch in epochs]
    figure = Figure(figsize=(8, 3.2), dpi=DPI, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.set(title="loss", xlabel="epoch")
    right.set(title="accuracy", xlabel="epoch")
    curves = [(left, "loss", "validation_loss", 1), (right, "train_accuracy", "validation_accuracy", 100)]
    for ax, in_training, in_validation, unit in curves:
        for name, text, style in [
            (in_training, "training", {"color": GREY, "linestyle": "--"}),
            (in_validation, "validation", {"color": BLUE, "linestyle": "-"}),
        ]:
            values = [getattr(epoch, name) for epoch in epochs]
            if None not in values:
                ax.plot(numbers, unit * np.array(values), label=text, marker=".", **style)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    right.yaxis.set_major_formatter(lambda value, _: f"{value:g} %")
    if best := history.best:
        right.axvline(best.number, color=RIGHT, linestyle=":", label=f"kept: epoch {best.number}")
    left.set_ylim(bottom=0)
    for ax in (left, right):
        ax.legend(frameon=False, fontsize=9)
    return figure


def first_layer(weights: Array, count: int = 50) -> Figure:
    """The first weights, (neurons, 784), as an image for each neuron: ink on red excites it, ink on blue quiets it."""
    shown = weights[:count].reshape(-1, data.SIDE, data.SIDE)
    figure = tiles(shown, columns=10)
    number = f"{len(shown)} of {len(weights)}" if len(shown) < len(weights) else f"all {len(weights)}"
    write_head(figure, f"What the neurons of the first layer look for ({number})")
    return figure


def filters(kernels: Array, count: int = 64) -> Figure:
    """Convolution kernels, (out, in, height, width), as images: a line for each filter, a column for each input.

    With one input channel, as for digits, the filters stand side by side. Of more than 16 channels, 16 are shown.
    """
    channels = min(kernels.shape[1], 16)
    shown = kernels[: max(1, count // channels), :channels]
    figure = tiles(shown.reshape(-1, *kernels.shape[2:]), columns=8 if channels == 1 else channels)
    number = f"{len(shown)} of {len(kernels)}" if len(shown) < len(kernels) else f"all {len(kernels)}"
    number += "" if channels == 1 else ", a line for each"
    write_head(figure, f"What the filters of {kernels.shape[2]} × {kernels.shape[3]} look for ({number})")
    return figure


def saliency(model: Any, x: Array, labels: Array | None = None) -> Figure:
    """Which pixels an answer hangs on: ∂(logit of the digit that is read) / ∂(pixel), one line below the digits.

    x: the images as the model takes them, n rows (n, 784), or (n, 1, 28, 28). Ink on orange would speak for the answer,
    ink on purple against it (Simonyan, Vedaldi and Zisserman 2013, arXiv 1312.6034, section 3).
    """
    pixels = Tensor(x, requires_grad=True)
    logits = model(pixels)
    read = logits.numpy().argmax(axis=-1)
    (slopes,) = grad((logits * nn.one_hot(read, logits.shape[-1], logits.dtype)).sum(), [pixels])
    maps, images = as_frames(slopes.numpy()), as_frames(x)
    end = float(np.abs(maps).max()) or 1.0
    columns = min(len(x), 10)
    figure, axes = sheet(2 * columns * math.ceil(len(x) / columns), columns, above=0.24, head=0.3, aside=0.55)
    for ax in axes:
        ax.axis("off")
    for i in range(len(x)):
        line, column = divmod(i, columns)
        above, below = axes[2 * line * columns + column], axes[(2 * line + 1) * columns + column]
        show_digit(above, images[i])
        picture = below.imshow(maps[i], cmap=GRADIENTS, vmin=-end, vmax=end)
        is_wrong = labels is not None and labels[i] != read[i]
        text = f"✗ {read[i]}, is {labels[i]}" if labels is not None and is_wrong else f"reads {read[i]}"
        above.set_title(text, fontsize=9, pad=3, color=WRONG if is_wrong else "black")
    draw_scale(figure, picture, axes)
    write_head(figure, "Where more ink would speak for the answer (orange) and against it (purple)")
    return figure
