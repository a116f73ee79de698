"""What a notebook shows of the object at the end of a cell: one style, light and dark, no wider than the notebook.

Everything is escaped: names and messages come from strangers' files and programs. Styles stand on the elements, because
a notebook that is not trusted keeps no style sheet, and colours are mixed with that of the text around, so that they
read in light and dark alike.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.shown import MONOSPACE, one_line


class Markup(str):
    """HTML of ours, which is not escaped again."""

    __slots__ = ()


Text = str | Markup


def tinted(colour: str) -> str:
    """A colour for letters on whatever ground there is."""
    return f"color:{colour};color:color-mix(in srgb, currentColor 38%, {colour})"


STYLES = {
    "": "",
    "dim": "opacity:.8",
    "bold": "font-weight:600",
    "italic": "font-style:italic",
    "code": MONOSPACE,
    "green": f"{tinted('#17a34a')};{MONOSPACE}",
    "bold red": f"{tinted('#e5383b')};font-weight:600",
    "bold green": f"{tinted('#17a34a')};font-weight:600",
    "bold yellow": f"{tinted('#c77700')};font-weight:600",
}
"""What Rich's styles are in a browser."""


def cell(*parts: Text) -> str:
    """The whole of it, for `_repr_html_`; the parts stand below each other."""
    inside = "".join(map(markup, parts))
    return f'<div style="max-width:46rem;line-height:1.45;text-align:left;overflow-wrap:anywhere">{inside}</div>'


def markup(text: Text) -> Markup:
    """Text as HTML: escaped, and without control characters; what is HTML of ours stays as it is."""
    return text if isinstance(text, Markup) else Markup(escape(one_line(text)))


def styled(text: Text, style: str) -> Markup:
    """A piece of a line in one of STYLES."""
    return Markup(f'<span style="{STYLES[style]}">{markup(text)}</span>') if STYLES[style] else markup(text)


def line(*pieces: Text | tuple[Text, str]) -> Markup:
    """A paragraph; a piece may be a pair with its style."""
    inside = "".join(styled(*piece) if isinstance(piece, tuple) else markup(piece) for piece in pieces)
    return Markup(f'<p dir="auto" style="margin:.25em 0">{inside}</p>')


def dimensions(shape: Sequence[int]) -> str:
    """A shape as it is read, and not broken: 128×784."""
    return "×".join(map(str, shape)) or "a number"


def table(head: Sequence[Text], rows: Iterable[Sequence[Text]], align: str = "l") -> Markup:
    """Rows below a head, which scroll sideways where they are too wide; the first cell of a row is its heading.

    align: a letter for each column, l or r; the last one goes for those that follow.
    """
    sides = [_SIDES[align[min(column, len(align) - 1)]] for column in range(len(head))]
    top = "".join(
        _th(text, side, "col", "font-weight:normal;opacity:.8") for text, side in zip(head, sides, strict=True)
    )
    body = "".join(
        f'<tr style="background:none">{_th(first, sides[0], "row")}{"".join(map(_td, others, sides[1:]))}</tr>'
        for first, *others in rows
    )
    return Markup(
        '<div style="overflow-x:auto" tabindex="0" role="region" aria-label="table">'
        '<table style="border-collapse:collapse;margin:.6em 0;overflow-wrap:break-word">'
        f'<thead><tr style="background:none">{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


SHORT = 24
"""Letters of a heading that isn't broken."""

_TAG = re.compile("<[^>]*>")
_SIDES = {"l": "left", "r": "right"}
_CELL = "padding:.15em .9em .15em 0;border:0;background:none;font-variant-numeric:tabular-nums;vertical-align:top"


def _th(text: Text, side: str, scope: str, style: str = "font-weight:600") -> str:
    width = ";white-space:nowrap" if scope == "row" and len(_TAG.sub("", text)) <= SHORT else ""
    return f'<th scope="{scope}" style="{_CELL};text-align:{side};{style}{width}"><bdi>{markup(text)}</bdi></th>'


def _td(text: Text, side: str) -> str:
    width = ";white-space:nowrap" if side == "right" else ""  # a number stays whole
    return f'<td style="{_CELL};text-align:{side}{width}">{markup(text)}</td>'


def folded(summary: Text, *parts: Text) -> Markup:
    """What is seen when one asks for it."""
    return Markup(f"<details><summary>{markup(summary)}</summary>{''.join(map(markup, parts))}</details>")


def shade(share: float, colour: str) -> str:
    """CSS of a ground that is the deeper the larger the share, from 0 to 1, and lets letters be read."""
    return f"background:color-mix(in srgb, {colour} {round(55 * share)}%, transparent)"


def sheet(tiles: NDArray[Any], columns: int, ground: float) -> NDArray[Any]:
    """Pictures (n, height, width) as one, so many in a line; where the last line has fewer, it is of the ground."""
    count, height, width = tiles.shape
    lines = -(-count // columns)
    cells = np.full((lines * columns, height, width), ground, tiles.dtype)
    cells[:count] = tiles
    grid = cells.reshape(lines, columns, height, width).swapaxes(1, 2)
    return np.reshape(grid, (lines * height, columns * width))


def image(pixels: NDArray[np.uint8], alternative: str, scale: int = 2) -> Markup:
    """Grey pixels (height, width) as a picture, each as large as scale."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    source = base64.b64encode(buffer.getvalue()).decode()
    height, width = pixels.shape
    return Markup(
        f'<img alt="{escape(alternative)}" width="{scale * width}" height="{scale * height}" '
        f'style="max-width:100%;height:auto;image-rendering:pixelated" src="data:image/png;base64,{source}">'
    )
