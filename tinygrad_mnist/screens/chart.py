"""Curves as inline SVG, in the colours of the text around: no library, and no picture apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from tinygrad_mnist.screens.cell import Markup, markup, tinted

WIDTH, HEIGHT = 360, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 22, 20
MOST_POINTS = 500
"""Of a curve; of longer ones some are left out."""


@dataclass(frozen=True)
class Curve:
    """A line through the values, one for each epoch. dashed: for what is looked at second."""

    name: str
    values: Sequence[float]
    dashed: bool = False

    def points(self, step: int) -> list[tuple[int, float]]:
        """Every so manieth number and its value, but for those that are not finite."""
        return [(n, v) for n, v in enumerate(self.values, 1) if n % step == 0 and isfinite(v)]


def chart(title: str, curves: Sequence[Curve], marked: int | None = None) -> Markup:
    """Curves over 1, 2, …, as wide as there is room; marked: a number on the axis that a line goes through."""
    values = [value for curve in curves for value in curve.values if isfinite(value)] or [0.0]
    low, high = min(values), max(values)
    low, high = (low, high) if high > low else (low - 0.5, high + 0.5)
    count = max(len(curve.values) for curve in curves)

    def x(number: int) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * ((number - 1) / (count - 1) if count > 1 else 0.5)

    def y(value: float) -> float:
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (value - low) / (high - low)

    right, bottom = WIDTH - RIGHT, HEIGHT - BOTTOM
    axes = [
        *(_label(LEFT - 4, y(value) + 4, f"{value:.4g}", "end") for value in (low, high)),
        *(_label(x(number), HEIGHT - 4, str(number), "middle") for number in sorted({1, count})),
        *(_path([(LEFT, y(value)), (right, y(value))], "stroke:currentColor;opacity:.25") for value in (low, high)),
    ]
    if marked is not None:
        style = f"{tinted('#17a34a')};stroke:currentColor;stroke-dasharray:2 3"
        axes.append(_path([(x(marked), TOP), (x(marked), bottom)], style))
    step = -(-count // MOST_POINTS)
    lines = [_curve([(x(n), y(v)) for n, v in curve.points(step)], curve.dashed) for curve in curves]
    legend = ", ".join(f"{curve.name} {'- -' if curve.dashed else '—'}" for curve in curves)
    words = "; ".join(f"{c.name} from {c.values[0]:.4g} to {c.values[-1]:.4g}" for c in curves)
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{markup(f"{title}: {words}")}" '
        f'style="width:100%;max-width:{WIDTH}px;height:auto;font:11px system-ui,sans-serif">'
        f"{_label(LEFT, 12, f'{title}: {legend}', 'start')}{''.join(axes)}{''.join(lines)}</svg>"
    )


def _curve(points: Sequence[tuple[float, float]], dashed: bool) -> str:
    colour = "currentColor;opacity:.65;stroke-dasharray:4 3" if dashed else "currentColor;stroke-width:2"
    dots = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in points) if len(points) < 40 else ""
    style = tinted("#8a8f98" if dashed else "#0072b2")
    if not points:
        return ""
    return f'<g style="{style};fill:currentColor">{_path(points, f"stroke:{colour}")}{dots}</g>'


def _path(points: Sequence[tuple[float, float]], style: str) -> str:
    steps = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    return f'<path d="M{steps}" style="fill:none;{style}"/>'


def _label(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="currentColor">{markup(text)}</text>'
