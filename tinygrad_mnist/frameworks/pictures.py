"""Comparisons drawn with Matplotlib: how far losses are apart, times, memory, lines of code."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinygrad_mnist.frameworks.pairing import DIGITS, Comparison
from tinygrad_mnist.frameworks.tasks import Array
from tinygrad_mnist.plots import drawing

COLOURS = {
    "tinygrad_mnist": drawing.GREY, "numpy": drawing.RIGHT, "pytorch": drawing.WRONG, "keras": drawing.BLUE,
}  # fmt: skip
MARKERS = {"tinygrad_mnist": "s", "numpy": "o", "pytorch": "^", "keras": "D"}
LEAST = 1e-9
"""Differences are drawn from here on; those that are 0, at it."""

POINTS = 60
"""Of a line, at steps that lie further apart the further on."""

_INK = "#010203"
"""Stands for the page's own colour of letters."""


def figure(comparisons: Sequence[Comparison]) -> Figure:
    """A line for each network: the differences of the losses, and bars for time, memory and lines of code."""
    drawn = drawing.new_figure(11, 0.4 + 2.3 * len(comparisons))
    parts = np.atleast_1d(np.asarray(drawn.subfigures(len(comparisons), 1)))
    for part, comparison in zip(parts, comparisons, strict=True):
        part.suptitle(f"{comparison.task.tutorial}: {comparison.task.title}", fontsize=10)
        left, *others = part.subplots(1, 4, width_ratios=[2.2, 1, 1, 1])
        draw_differences(left, comparison)
        measures: dict[str, list[float]] = {
            "time, beside ours": [comparison.times(row) for row in comparison.rows],
            "memory, MB": [(row.found.memory or 0) / 1e6 for row in comparison.rows],
            "lines of code": [row.lines for row in comparison.rows],
        }
        for ax, (title, values) in zip(others, measures.items(), strict=True):
            _draw_bars(ax, comparison, title, values)
            titles = [row.framework.title for row in comparison.rows] if ax is others[0] else []
            ax.set_yticks(range(len(values)), titles)
    return drawn


def draw_differences(ax: Axes, comparison: Comparison) -> None:
    """How far the losses are from ours, relative, at the worst so far, over the steps."""
    for row in comparison.rows[1:]:
        steps, values = _thinned(row.apart)
        key = row.framework.key
        ax.plot(steps, np.maximum(values, LEAST), label=row.framework.title, color=COLOURS[key], marker=MARKERS[key],
                markersize=3, linewidth=1.2)  # fmt: skip
    ax.axhline(10.0**-DIGITS, color=ax.spines["left"].get_edgecolor(), linestyle="--", linewidth=0.8)
    ax.set(xscale="log", yscale="log", ylim=(LEAST / 2, 3), xlabel="step", ylabel="the loss, relative to ours")
    ax.annotate(f"{DIGITS} digits", (1, 10.0**-DIGITS), (2, 3), textcoords="offset points", fontsize=8)
    ax.yaxis.label.set_fontsize(8)
    ax.xaxis.label.set_fontsize(8)
    ax.tick_params(labelsize=8)
    ax.spines[["top", "right"]].set_visible(False)
    if len(comparison.rows) > 1:
        ax.legend(frameon=False, fontsize=8, loc="upper left", ncols=3)


def svg(comparison: Comparison) -> str:
    """The differences for a page, in its own colour of letters."""
    inks = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
    settings: dict[Any, Any] = {
        **dict.fromkeys(inks, _INK),
        "svg.fonttype": "none",
        "svg.hashsalt": comparison.task.name,
    }
    with matplotlib.rc_context(settings):
        drawn = Figure(figsize=(5.2, 2.8), layout="constrained")
        drawn.patch.set_visible(False)
        ax = drawn.subplots()
        ax.patch.set_visible(False)
        draw_differences(ax, comparison)
        content = io.StringIO()
        drawn.savefig(content, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    text = content.getvalue()
    text = re.sub(r"<metadata>.*?</metadata>", "", text[text.index("<svg") :], flags=re.S)
    return text.replace(_INK, "currentColor")


def _thinned(values: Array) -> tuple[Array, Array]:
    """The largest of the values so far, at POINTS of the steps, which are counted from 1."""
    steps = np.unique(np.geomspace(1, len(values), min(POINTS, len(values))).astype(int))
    return steps, np.maximum.accumulate(values)[steps - 1]


def _draw_bars(ax: Axes, comparison: Comparison, title: str, values: Sequence[float]) -> None:
    """One for each framework, ours at the top, with its number."""
    bars = ax.barh(range(len(values)), values, color=[COLOURS[row.framework.key] for row in comparison.rows])
    ax.bar_label(bars, [f"{value:.2g}" if value < 10 else f"{value:,.0f}" for value in values], padding=2, fontsize=8)
    ax.set_title(title, fontsize=8)
    ax.invert_yaxis()
    ax.set_xticks([])
    ax.margins(x=0.3)
    ax.tick_params(labelsize=8, length=0)
    ax.spines[["top", "right", "bottom"]].set_visible(False)
