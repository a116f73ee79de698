"""What passes through a model's layers, as histograms."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from tinygrad_mnist import nn
from tinygrad_mnist.plots.sheet import BLUE, DPI, WRONG
from tinygrad_mnist.training import LayerSignals, layer_signals, percent

Array = NDArray[Any]

VANISHED = 1e-12
"""Gradients below this are counted, not drawn."""


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
