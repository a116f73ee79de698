"""How a comparison is shown: text, a table of Rich, HTML, a figure of Matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from html import escape
from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from tinygrad_mnist.comparing import heatmaps
from tinygrad_mnist.screens.cell import Markup, cell, line, styled
from tinygrad_mnist.screens.cell import table as html_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from rich.console import Group

    from tinygrad_mnist.comparing.rows import Comparison, Row

HEADINGS = ("", "by hand", "in the graph", "absolute", "relative")
Line = tuple[str, str, str, str, str]


def facts(comparison: Comparison) -> str:
    """The batch, and what was compared on it."""
    penalty = f", λ = {comparison.l2:g}" if comparison.l2 else ""
    examples = f"{comparison.examples} {'example' if comparison.examples == 1 else 'examples'}"
    return f"{examples} as {comparison.convention}, {comparison.dtype}{penalty}"


def summary(comparison: Comparison) -> str:
    """The verdict in one sentence."""
    wrong = [row for row in comparison.rows if not row.passed]
    if not wrong:
        worst = max(comparison.rows, key=lambda row: row.relative)
        return (
            f"All {len(comparison.rows)} rows agree: the largest relative difference is {worst.relative:.1e}, "
            f"at {worst.name}; {comparison.tolerance:.0e} is allowed."
        )
    first, *others = wrong
    passed_on = first.quantity in ("z", "a", "δ")
    following = [row for row in others if passed_on and row.same_shape >= first.same_shape]
    sentences = [
        f"{len(wrong)} of {len(comparison.rows)} rows {'differ' if others else 'differs'}, the first is "
        f"{first.name} = {first.formula}: {first.verdict.removeprefix('differs: ')}.",
        *_about(following, "may follow from it"),
        *_about([row for row in others if row not in following], "cannot follow from it"),
    ]
    return " ".join(sentences)


def _about(rows: list[Row], what: str) -> list[str]:
    return [f"{', '.join(row.name for row in rows)} {what}."] if rows else []


def times(comparison: Comparison) -> str:
    """How long each side took."""
    hand, autograd = comparison.seconds_by_hand, comparison.seconds_by_autograd
    return (
        f"forward {1e3 * hand.forward:.2f} ms by hand, {1e3 * autograd.forward:.2f} ms by autograd; "
        f"backward {1e3 * hand.backward:.2f} and {1e3 * autograd.backward:.2f} ms"
    )


def line_of(row: Row) -> Line:
    """A row as the cells of a table."""
    mark = "✓" if row.passed else "✗"
    shape = "×".join(map(str, row.by_hand.shape)) or "scalar"
    differences = (_brief(row.absolute), _brief(row.relative)) if row.same_shape else ("shape", shape)
    return f"{mark} {row.name}", row.formula, str(row.node), *differences


def _brief(number: float) -> str:
    return f"{number:.1e}" if number else "0"


def text(comparison: Comparison) -> str:
    """Plain text, as wide as it needs to be; 80 columns are enough for networks of usual sizes."""
    table = [HEADINGS, *map(line_of, comparison.rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
    closing = [*textwrap.wrap(summary(comparison), 80), *textwrap.wrap(times(comparison), 80)]
    return "\n".join([comparison.model, facts(comparison), "", *lines, "", *closing])


def table(comparison: Comparison) -> Group:
    """The same for a terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    for heading in HEADINGS:
        grid.add_column(heading, overflow="fold")
    for row in comparison.rows:
        name, *cells = line_of(row)
        grid.add_row(
            Text(name, "green" if row.passed else "red"), *map(Text, cells), style=None if row.passed else "red"
        )
    verdict = Text(summary(comparison), style="bold green" if comparison.passed else "bold red")
    title = Text.assemble((comparison.model, "bold"), "\n", facts(comparison), "\n")
    return Group(title, grid, Text(), verdict, Text(times(comparison), style="dim"))


class Panel(NamedTuple):
    """A heat map of a parameter's gradient: on which side, the picture, where its scale ends, and its colours."""

    side: str
    picture: heatmaps.Array
    end: float
    colours: str


def panels(row: Row) -> list[Panel]:
    """A gradient by hand and by autograd on one scale, and their difference on its own."""
    end, apart = heatmaps.limit(row.by_hand, row.by_autograd), heatmaps.limit(row.difference)
    return [
        Panel("by hand", heatmaps.arrange(row.by_hand), end, heatmaps.VALUES),
        Panel("by autograd", heatmaps.arrange(row.by_autograd), end, heatmaps.VALUES),
        Panel("autograd - hand", heatmaps.arrange(row.difference), apart, heatmaps.DIFFERENCES),
    ]


def figure(comparison: Comparison) -> Figure:
    """For each parameter its panels side by side, each beside its scale."""
    from tinygrad_mnist.screens.figure import Picture

    rows = [(row.name, panels(row)) for row in comparison.parameters]
    shapes = [by_hand.picture.shape for _, (by_hand, *_) in rows]
    heights = [max(3 * lines / columns, 0.35) for lines, columns in shapes]
    drawing = Picture(figsize=(12, sum(heights) + 0.4 * len(rows) + 0.6), layout="constrained")
    drawing.suptitle(f"{comparison.model}, {facts(comparison)}", fontsize=11)
    grid = drawing.subplots(len(rows), 3, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (name, shown) in zip(grid, rows, strict=True):
        for ax, panel in zip(axes, shown, strict=True):
            _draw(ax, panel, f"{name} {panel.side}")
    return drawing


def _draw(axes: Axes, panel: Panel, title: str) -> None:
    end, picture = panel.end, panel.picture
    image = axes.imshow(picture, cmap=panel.colours, vmin=-end or -1, vmax=end or 1, interpolation="nearest")
    axes.set_aspect("auto" if len(picture) == 1 else "equal")
    axes.set_title(title if end else f"{title}: {_nothing(picture)}", fontsize=9)
    axes.set_xticks([])
    axes.set_yticks([])
    if end:
        bar = axes.figure.colorbar(image, cax=axes.inset_axes((1.02, 0, 0.03, 1)), ticks=[-end, 0, end])
        bar.ax.set_yticklabels([f"{tick:.2g}" for tick in (-end, 0, end)], fontsize=7)


def _nothing(picture: heatmaps.Array) -> str:
    """Why a heat map has no scale."""
    return "not comparable" if np.isnan(picture).all() else "exactly 0"


def fragment(comparison: Comparison) -> str:
    """The table as HTML that a notebook shows."""
    verdict = "bold green" if comparison.passed else "bold red"
    return cell(
        line((comparison.model, "code")),
        line(facts(comparison)),
        line((summary(comparison), verdict)),
        html_table(HEADINGS, map(_cells, comparison.rows), align="lllr"),
        line((f"Time: {times(comparison)}.", "dim")),
    )


def _cells(row: Row) -> list[Markup]:
    name, *numbers = line_of(row)
    return [
        styled(name, "bold green" if row.passed else "bold red"),
        *(styled(n, "" if row.passed else "bold red") for n in numbers),
    ]


def page(comparisons: Sequence[Comparison]) -> str:
    """A page of its own that needs no network: tables and heat maps, light or dark as the reader's system is."""
    style = (resources.files("tinygrad_mnist.comparing") / "static" / "page.css").read_text(encoding="utf-8")
    sections = "".join(
        f"<section><h2>Examples as {comparison.convention}</h2>{fragment(comparison)}"
        f"<h3>The gradients as pictures</h3>{''.join(map(_heat_maps, comparison.parameters))}</section>"
        for comparison in comparisons
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Autograd beside the hand derivation</title><style>\n{style}</style></head>"
        f"<body><main><h1>Autograd beside the hand derivation</h1>{LEGEND}{sections}</main></body></html>\n"
    )


def _heat_maps(row: Row) -> str:
    shape = " × ".join(map(str, row.by_autograd.shape))
    maps = "".join(_heat_map(row.name, panel) for panel in panels(row))
    return (
        f"<article><h4>{escape(row.name)} <small>{shape}, {heatmaps.arrangement(row.by_autograd)}</small></h4>"
        f'<div class="maps">{maps}</div></article>'
    )


def _heat_map(name: str, panel: Panel) -> str:
    side, picture, end, colours = panel
    kind = "strip" if len(picture) == 1 else "map" if max(picture.shape) > 250 else "coarse map"
    stops = ", ".join("#{:02x}{:02x}{:02x}".format(*colour) for colour in heatmaps.palette(colours, 9))
    bar = f'<span>{-end:.2g}</span><i style="background: linear-gradient(to right, {stops})"></i><span>{end:.2g}</span>'
    scale = bar if end else f"<span>{_nothing(picture)}</span>"
    alternative = f"{escape(name)}, {side}: from {-end:.2g} to {end:.2g}"
    return (
        f"<figure><figcaption>{side}</figcaption>"
        f'<img class="{kind}" alt="{alternative}" src="{heatmaps.png(picture, end, colours)}">'
        f'<div class="scale">{scale}</div></figure>'
    )


LEGEND = (
    "<p>Each row is a formula that is derived by hand and the node of the recorded graph that it stands for, with the "
    "largest absolute difference of their numbers and that difference relative to the largest of them. δ(l) is "
    "per example, m ∂L/∂z(l), and so stands at the node z(l). Rows are in the order of computation: the first that "
    "disagrees is where to look.</p>"
)
