"""Arrays as heat maps that diverge around zero, in colours that colour-blind eyes tell apart (ColorBrewer)."""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data import SIDE
from tinygrad_mnist.screens.cell import sheet

Array = NDArray[Any]

VALUES, DIFFERENCES = "RdBu_r", "PuOr_r"
"""Matplotlib's names of the colour maps."""

LEVELS = 255
"""Colours of a map, zero in the middle; one index more is transparent, for what is no number."""


def arrange(parameter: Array) -> Array:
    """A parameter as a flat picture: biases as one line, weights of an image as an image for each neuron."""
    if _is_line(parameter):
        return parameter.reshape(1, -1)
    neurons, inputs = parameter.shape
    if inputs != SIDE**2:
        return parameter
    columns = math.ceil(math.sqrt(neurons))
    tiles = np.full((neurons, SIDE + 1, SIDE + 1), np.nan)
    tiles[:, :SIDE, :SIDE] = parameter.reshape(neurons, SIDE, SIDE)
    return sheet(tiles, columns, ground=np.nan)[:-1, :-1]


def _is_line(parameter: Array) -> bool:
    return parameter.ndim != 2 or 1 in parameter.shape


def arrangement(parameter: Array) -> str:
    """What `arrange` did, in words."""
    if _is_line(parameter):
        return "one number for each neuron"
    if parameter.shape[1] == SIDE**2:
        return f"one {SIDE} × {SIDE} image for each of {len(parameter)} neurons"
    return "a row for each neuron, a column for each input"


def limit(*arrays: Array) -> float:
    """The largest finite absolute value: where the scale ends."""
    sizes = [np.abs(array[np.isfinite(array)]).max(initial=0) for array in arrays]
    return float(max(sizes))


def palette(colours: str, levels: int = LEVELS) -> NDArray[np.uint8]:
    """The colours of a map from its negative to its positive end, shape (levels, 3)."""
    from matplotlib import colormaps

    rgba = np.asarray(colormaps[colours](np.linspace(0, 1, levels), bytes=True), np.uint8)
    return rgba[:, :3]


def png(picture: Array, end: float, colours: str) -> str:
    """A picture whose scale goes from -end to end, one pixel for each number, as the data URI of a PNG."""
    from PIL import Image

    share = np.nan_to_num(picture / (end or 1), nan=0, posinf=1, neginf=-1)
    index = np.rint((share + 1) / 2 * (LEVELS - 1)).astype(np.uint8)
    index[np.isnan(picture)] = LEVELS
    image = Image.fromarray(index, "P")
    image.putpalette(palette(colours).tobytes() + bytes(3))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", transparency=LEVELS)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
