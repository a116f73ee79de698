"""The parts of a picture: images side by side, frames around them, a head, a scale."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from tinygrad_mnist.data import SIDE
from tinygrad_mnist.screens.figure import Picture

Array = NDArray[Any]

RIGHT, WRONG, BLUE, GREY = "#009e73", "#d55e00", "#0072b2", "#666666"
"""Of the palette that colour-blind eyes distinguish (Okabe and Ito 2008)."""

VALUES, GRADIENTS = "RdBu_r", "PuOr_r"
"""Maps that diverge around zero (ColorBrewer)."""

DPI = 144


def new_figure(width: float, height: float) -> Figure:
    """An empty figure, sizes in inches, whose parts make room for each other."""
    return Picture(figsize=(width, height), dpi=DPI, layout="constrained")


def as_frames(images: Array) -> Array:
    """Rows (n, 784) as images, (n, 28, 28)."""
    return images.reshape(-1, SIDE, SIDE)


def sheet(count: int, columns: int, above: float, head: float = 0.0, aside: float = 0.0) -> tuple[Figure, list[Axes]]:
    """A figure with places for `count` images, without axes, `columns` in a line.

    Inches: above each image, at the head of the figure, and aside, to the right, there is so much room.
    """
    size, gap, margin = 0.75, 0.1, 0.06
    lines, columns = math.ceil(max(count, 1) / columns), min(columns, max(count, 1))
    wide = columns * size + (columns - 1) * gap
    width = max(2 * margin + wide + aside, 6.5 if head else 0)
    height = head + lines * (above + size) + margin
    figure = Picture(figsize=(width, height), dpi=DPI)
    grid = figure.add_gridspec(
        lines, columns, left=margin / width, right=(margin + wide) / width, bottom=margin / height,
        top=1 - (head + above) / height, wspace=gap / size, hspace=above / size,
    )  # fmt: skip
    axes = [figure.add_subplot(grid[divmod(place, columns)]) for place in range(lines * columns)]
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    return figure, axes


def write_head(figure: Figure, text: str) -> None:
    """A line at the top of a figure."""
    figure.text(0.5, 1 - 0.06 / figure.get_figheight(), text, ha="center", va="top", fontsize=11)


def show_digit(ax: Axes, image: Array) -> None:
    """An image in grey, without axes."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=1 if image.dtype.kind == "f" else 255)
    ax.set(xticks=[], yticks=[])


def draw_frame(ax: Axes, is_right: bool) -> None:
    """Thin and green around what is right, thick, dashed and red around what is wrong."""
    ax.spines[:].set(
        visible=True, color=RIGHT if is_right else WRONG, linewidth=1.2 if is_right else 2.5,
        linestyle="-" if is_right else (0, (2, 1)), capstyle="butt",
    )  # fmt: skip


def tiles(arrays: Array, columns: int, head: str) -> Figure:
    """Arrays (n, height, width) side by side, in one scale that is even around zero."""
    figure, axes = sheet(len(arrays), columns, above=0.1, head=0.25, aside=0.55)
    end = float(np.abs(arrays).max()) or 1.0
    for ax, array in zip(axes, arrays, strict=False):
        picture = ax.imshow(array, cmap=VALUES, vmin=-end, vmax=end)
    draw_scale(figure, picture, axes)
    write_head(figure, head)
    return figure


def draw_scale(figure: Figure, picture: Any, axes: Sequence[Axes]) -> None:
    """A colour bar in the room aside."""
    inch = 1 / figure.get_figwidth()
    first, last = axes[0].get_position(), axes[-1].get_position()
    place = figure.add_axes((last.x1 + 0.1 * inch, last.y0, 0.1 * inch, first.y1 - last.y0))
    figure.colorbar(picture, cax=place).ax.tick_params(labelsize=8, pad=1)


def only_words(text: str) -> Figure:
    """A figure for where there is nothing to draw."""
    figure = Picture(figsize=(4, 1), dpi=DPI)
    figure.text(0.5, 0.5, text, ha="center", va="center")
    return figure
