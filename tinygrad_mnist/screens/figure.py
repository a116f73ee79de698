"""Figures of Matplotlib that a notebook shows by themselves, without pyplot and `%matplotlib inline`."""

from __future__ import annotations

import io

from matplotlib.figure import Figure

INCH = 96
"""Pixels of a page, however many the picture has."""


class Picture(Figure):
    """A `Figure` in all, whose PNG a notebook shows; with `%matplotlib inline`, Matplotlib's own."""

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = self.get_size_inches()
        return png(self), {"width": round(width * INCH), "height": round(height * INCH)}


def png(figure: Figure) -> bytes:
    """A figure as a file's content."""
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
