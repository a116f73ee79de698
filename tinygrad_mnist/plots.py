"""Pictures of data, of a training run and of what a model has learned, with Matplotlib.

Each function takes arrays, or a model, and returns a Figure: `.savefig("name.png")` writes it, a notebook shows it.
Right and wrong are told apart by colour, by ✓ and ✗, and by a thin frame and a dashed one. Weights go from blue over
white, which is zero, to red; gradients from purple to orange; the scale is beside them.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tinygrad_mnist import data, nn, training
from tinygrad_mnist.engine import Tensor, grad, toposort
from tinygrad_mnist.files import prepare_folder, write_atomically
from tinygrad_mnist.nn.init import initialise
from tinygrad_mnist.training import History, LayerSignals, layer_signals, percent
from tinygrad_mnist.training.run import HISTORY, MODEL

Array = NDArray[Any]

RIGHT, WRONG, BLUE, GREY = "#009e73", "#d55e00", "#0072b2", "#666666"
"""Of the palette that colour-blind eyes tell apart (Okabe and Ito 2008)."""

VALUES, GRADIENTS = "RdBu_r", "PuOr_r"
"""Maps that diverge around zero (ColorBrewer)."""

DPI = 144
INITS = ("standard_normal", "xavier", "he")
VANISHED = 1e-12
"""Gradients below this are counted, not drawn."""


# data and predictions


def digits(images: Array, labels: Array | None = None) -> Figure:
    """Images, (n, 784) or (n, 28, 28), ten in a line, with their labels above them."""
    figure, axes = _sheet(len(images), columns=10, above=0.05 if labels is None else 0.22)
    for i, (ax, image) in enumerate(zip(axes, _frames(images), strict=False)):
        _show_digit(ax, image)
        ax.set_title("" if labels is None else str(labels[i]), fontsize=10, pad=3)
    return figure


def predictions(images: Array, labels: Array, probabilities: Array) -> Figure:
    """Digits as they are read: ✓ in a green frame, ✗ in a dashed red one, with what it should have been.

    images: (n, 784) or (n, 28, 28). labels: (n,). probabilities: (n, 10).
    """
    read = probabilities.argmax(axis=-1)
    figure, axes = _sheet(len(images), columns=10, above=0.27, head=0.32)
    for ax, image, label, answer in zip(axes, _frames(images), labels, read, strict=False):
        _show_digit(ax, image)
        is_right = answer == label
        ax.set_title(
            f"✓ {answer}" if is_right else f"✗ {answer}, is {label}", fontsize=9, pad=4,
            color=RIGHT if is_right else WRONG, fontweight="normal" if is_right else "bold",
        )  # fmt: skip
        _frame(ax, is_right)
    right = int(np.sum(read == labels))
    _head(figure, f"{right} of {len(labels)} are read correctly")
    return figure


def worst_mistakes(images: Array, labels: Array, probabilities: Array, count: int = 12) -> Figure:
    """The wrongly read digits whose label was thought the least probable, with the probability of all ten digits.

    images: (n, 784) or (n, 28, 28). labels: (n,). probabilities: (n, 10). There may be fewer than count, or none.
    """
    read, of_label = probabilities.argmax(axis=-1), np.take_along_axis(probabilities, labels[:, None], axis=1)[:, 0]
    wrong = np.flatnonzero(read != labels)
    worst = wrong[np.argsort(of_label[wrong], kind="stable")][:count]
    if not len(worst):
        return _only_words("every digit is read correctly")
    columns = 4
    lines = math.ceil(len(worst) / columns)
    figure = Figure(figsize=(8, 0.5 + 1.55 * lines), dpi=DPI, layout="constrained")
    figure.suptitle(f"Misread: {len(wrong):,} of {len(labels):,} digits. The worst:", fontsize=11)
    grid = figure.add_gridspec(lines, 2 * columns, width_ratios=[1, 0.85] * columns)
    for place, i in enumerate(worst):
        line, column = divmod(place, columns)
        ax = figure.add_subplot(grid[line, 2 * column])
        _show_digit(ax, _frames(images[i : i + 1])[0])
        _frame(ax, is_right=False)
        ax.set_title(f"is {labels[i]}, read as {read[i]}", fontsize=9, pad=4)
        _bars(figure.add_subplot(grid[line, 2 * column + 1]), probabilities[i], int(labels[i]), int(read[i]))
    return figure


def _bars(ax: Axes, probabilities: Array, label: int, read: int) -> None:
    """The probability of each digit: of the right one in green, of the one that was read hatched in red."""
    bars = ax.barh(range(len(probabilities)), probabilities, color="#bbbbbb", height=0.8)
    bars[label].set_color(RIGHT)
    bars[read].set(facecolor="white", edgecolor=WRONG, hatch="/////")
    for digit, colour in ((label, RIGHT), (read, WRONG)):
        share = probabilities[digit]
        ax.text(share + 0.06, digit, percent(share, 1), va="center", fontsize=7, color=colour, fontweight="bold")
    ax.set(xlim=(0, 1.75), xticks=[], ylim=(len(probabilities) - 0.4, -0.6))
    ax.set_yticks(range(len(probabilities)), [str(d) for d in range(len(probabilities))], fontsize=6.5)
    ax.tick_params(length=0, pad=2)
    for tick, digit in zip(ax.get_yticklabels(), range(len(probabilities)), strict=True):
        tick.set(color=RIGHT if digit == label else WRONG if digit == read else GREY)
    ax.spines[["top", "right", "bottom"]].set_visible(False)


def confusion_matrix(counts: Array) -> Figure:
    """How often each digit (lines) was read as each (columns): the larger share of its line, the darker a mistake.

    counts: whole numbers, (10, 10). On the right is the share of each line that was read correctly.
    """
    classes, totals = range(len(counts)), counts.sum(axis=1)
    shares = counts / np.maximum(totals, 1)[:, None]
    mistakes = np.ma.masked_where(np.eye(len(counts), dtype=bool), shares)
    darkest = max(float(mistakes.max()), 1e-9)
    figure = Figure(figsize=(6.2, 5.8), dpi=DPI, layout="constrained")
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
        ax.text(len(counts) - 0.35, true, right, va="center", fontsize=9, color=RIGHT)
    names = [str(c) for c in classes]
    ax.set_xticks(classes, names)
    ax.set_yticks(classes, names)
    ax.set(xlabel="read as", ylabel="is")
    ax.tick_params(length=0)
    total = int(totals.sum())
    share = percent(counts.trace() / max(total, 1), 1)
    ax.set_title(f"{int(counts.trace()):,} of {total:,} are read correctly ({share})", fontsize=11)
    return figure


# training


def training_curves(history: History) -> Figure:
    """Loss and accuracy after each epoch, in training and validation, and which epoch was kept."""
    epochs = history.epochs
    if not epochs:
        return _only_words("no epoch is done yet")
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


# what a model has learned


def first_layer(weights: Array, count: int = 50) -> Figure:
    """The first weights, (neurons, 784), as an image for each neuron: ink on red excites it, ink on blue quiets it."""
    shown = weights[:count].reshape(-1, data.SIDE, data.SIDE)
    figure = _tiles(shown, columns=10)
    number = f"{len(shown)} of {len(weights)}" if len(shown) < len(weights) else f"all {len(weights)}"
    _head(figure, f"What the neurons of the first layer look for ({number})")
    return figure


def filters(kernels: Array, count: int = 64) -> Figure:
    """Convolution kernels, (out, in, height, width), as images: a line for each filter, a column for each input.

    With one input channel, as for digits, the filters stand side by side. Of more than 16 channels, 16 are shown.
    """
    channels = min(kernels.shape[1], 16)
    shown = kernels[: max(1, count // channels), :channels]
    figure = _tiles(shown.reshape(-1, *kernels.shape[2:]), columns=8 if channels == 1 else channels)
    number = f"{len(shown)} of {len(kernels)}" if len(shown) < len(kernels) else f"all {len(kernels)}"
    number += "" if channels == 1 else ", a line for each"
    _head(figure, f"What the filters of {kernels.shape[2]} × {kernels.shape[3]} look for ({number})")
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
    maps, images = _frames(slopes.numpy()), _frames(x)
    end = float(np.abs(maps).max()) or 1.0
    columns = min(len(x), 10)
    figure, axes = _sheet(2 * columns * math.ceil(len(x) / columns), columns, above=0.24, head=0.3, aside=0.55)
    for ax in axes:
        ax.axis("off")
    for i in range(len(x)):
        line, column = divmod(i, columns)
        above, below = axes[2 * line * columns + column], axes[(2 * line + 1) * columns + column]
        _show_digit(above, images[i])
        picture = below.imshow(maps[i], cmap=GRADIENTS, vmin=-end, vmax=end)
        is_wrong = labels is not None and labels[i] != read[i]
        text = f"✗ {read[i]}, is {labels[i]}" if labels is not None and is_wrong else f"reads {read[i]}"
        above.set_title(text, fontsize=9, pad=3, color=WRONG if is_wrong else "black")
    _scale(figure, picture, axes)
    _head(figure, "Where more ink would speak for the answer (orange) and against it (purple)")
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
    figure = Figure(figsize=(max(4.0, 0.6 + 2.3 * len(found)), 0.9 + 2 * 1.15 * depth), dpi=DPI, layout="constrained")
    upper, lower = np.asarray(figure.subfigures(2, 1))
    upper.suptitle("activations", fontsize=11, color=BLUE)
    lower.suptitle("gradients: log₁₀ |∂L/∂z|", fontsize=11, color=WRONG)
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
    counts, edges, _ = ax.hist(values, bins=50, color=BLUE)
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
                    va="top", fontsize=7.5, color=BLUE)  # fmt: skip


def _draw_gradients(ax: Axes, layer: LayerSignals) -> None:
    values, lost = _finite(layer.gradients)
    sizes, least = np.abs(values), math.log10(VANISHED)
    logs = np.log10(sizes[sizes >= VANISHED])
    ax.hist(logs, bins=np.arange(least, logs.max(initial=least) + 0.5, 0.25).tolist(), color=WRONG)
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


# a whole run


def save_all(run: str | Path, test: data.Split, folder: str | Path | None = None) -> list[Path]:
    """Every picture of a run as a PNG: those of its history, and of its model on the test images.

    run: the folder with model.safetensors and history.json. folder: where to, by default "plots" in the run's.
    Gives the paths in the order of a tour. Raises CheckpointError where the run has no readable model or history,
    and OSError where the folder can't be written.
    """
    run = Path(run)
    folder = Path(folder) if folder else run / "plots"
    model = training.load_model(run / MODEL)
    history = History.load(run / HISTORY)
    prepare_folder(folder)
    pictures = {folder / f"{name}.png": _png(figure) for name, figure in _all(model, history, test).items()}
    for path, content in pictures.items():
        write_atomically(path, content)
    return list(pictures)


def _png(figure: Figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()


def _all(model: Any, history: History, test: data.Split) -> dict[str, Figure]:
    model.eval()
    x, labels = training.model_inputs(model, test), test.labels
    scores = training.score(model, test)
    probabilities = Tensor(scores.logits).softmax().numpy()
    figures = {
        "training": training_curves(history),
        "predictions": predictions(x[:50], labels[:50], probabilities[:50]),
        "confusion": confusion_matrix(scores.confusion),
        "mistakes": worst_mistakes(x, labels, probabilities),
    }
    parameters = _parameters(model(x[:1]))
    weights = next((p for p in parameters if p.ndim >= 2), np.zeros(0))
    if weights.ndim == 2 and weights.shape[1] == data.SIDE**2:
        figures["first-layer"] = first_layer(weights)
    if weights.ndim == 4:
        figures["filters"] = filters(weights)
    figures["saliency"] = saliency(model, x[:10], labels[:10])
    if len(x) > 1:  # one alone can't be normalised
        figures["signals"] = signals({"as trained": model, **_untrained(model)}, x[:200], labels[:200])
    return figures


def _untrained(model: nn.Module) -> dict[str, nn.Module]:
    """Networks of these layers as they start, one for each init: normalised by the batch, and nothing dropped."""
    models = {f"init: {name}": training.as_new(model) for name in INITS}
    for init, new in zip(INITS, models.values(), strict=True):
        initialise(new, init, np.random.default_rng(0))
        for part in new.modules():
            part.training = not isinstance(part, nn.Dropout)
    return models


def _parameters(output: Tensor) -> list[Array]:
    """The arrays of the parameters that an output was computed from, in the order of use."""
    leaves = [x for node in toposort(output) for x in node.inputs if isinstance(x, Tensor) and not x.op]
    return [leaf.numpy() for leaf in dict.fromkeys(leaves) if leaf.requires_grad]


# the parts of a picture


def _frames(images: Array) -> Array:
    return images.reshape(-1, data.SIDE, data.SIDE)


def _sheet(count: int, columns: int, above: float, head: float = 0.0, aside: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure with places for `count` images, without axes, `columns` in a line.

    Inches: above each image, at the head of the figure, and aside, to the right, there is so much room.
    """
    size, gap, margin = 0.75, 0.1, 0.06
    lines, columns = math.ceil(max(count, 1) / columns), min(columns, max(count, 1))
    wide = columns * size + (columns - 1) * gap
    width = max(2 * margin + wide + aside, 6.5 if head else 0)
    height = head + lines * (above + size) + margin
    figure = Figure(figsize=(width, height), dpi=DPI)
    grid = figure.add_gridspec(
        lines, columns, left=margin / width, right=(margin + wide) / width, bottom=margin / height,
        top=1 - (head + above) / height, wspace=gap / size, hspace=above / size,
    )  # fmt: skip
    axes = [figure.add_subplot(grid[divmod(place, columns)]) for place in range(lines * columns)]
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure, axes


def _head(figure: Figure, text: str) -> None:
    figure.text(0.5, 1 - 0.06 / figure.get_figheight(), text, ha="center", va="top", fontsize=11)


def _show_digit(ax: Axes, image: Array) -> None:
    ax.imshow(image, cmap="gray", vmin=0, vmax=1 if image.dtype.kind == "f" else 255)
    ax.set(xticks=[], yticks=[])


def _frame(ax: Axes, is_right: bool) -> None:
    ax.spines[:].set(
        visible=True, color=RIGHT if is_right else WRONG, linewidth=1.2 if is_right else 2.5,
        linestyle="-" if is_right else (0, (2, 1)), capstyle="butt",
    )  # fmt: skip


def _tiles(arrays: Array, columns: int) -> Figure:
    """Arrays (n, height, width) side by side, in one scale that is even around zero."""
    figure, axes = _sheet(len(arrays), columns, above=0.1, head=0.25, aside=0.55)
    end = float(np.abs(arrays).max()) or 1.0
    for ax, array in zip(axes, arrays, strict=False):
        picture = ax.imshow(array, cmap=VALUES, vmin=-end, vmax=end)
    _scale(figure, picture, axes)
    return figure


def _scale(figure: Figure, picture: Any, axes: Sequence[Axes]) -> None:
    """A colour bar in the room aside."""
    inch = 1 / figure.get_figwidth()
    first, last = axes[0].get_position(), axes[-1].get_position()
    place = figure.add_axes((last.x1 + 0.1 * inch, last.y0, 0.1 * inch, first.y1 - last.y0))
    figure.colorbar(picture, cax=place).ax.tick_params(labelsize=8, pad=1)


def _only_words(text: str) -> Figure:
    figure = Figure(figsize=(4, 1), dpi=DPI)
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure
