"""What notebooks show of images: some of them, and how many there are of each class."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.screens.cell import Markup, cell, image, line, sheet, table

if TYPE_CHECKING:
    from tinygrad_mnist.data.dataset import Dataset, Split

SHOWN, COLUMNS = 40, 20
"""How many images, and how many of them in a line."""


def split(images: Split) -> str:
    """The first images, and the count of each class."""
    return cell(line(f"{images!r}"), _sheet(images), _counts({"images": images}))


def dataset(data: Dataset) -> str:
    """The same of both parts."""
    parts = {"train": data.train, "test": data.test}
    sheets = [
        part for name, of in parts.items() for part in (line((f"{name}, the first of {len(of):,}", "dim")), _sheet(of))
    ]
    return cell(line((data.name, "bold"), f": {data.classes} classes"), *sheets, _counts(parts))


def digit(pixels: NDArray[np.uint8], *remarks: str) -> str:
    """A digit as a network sees it, and what there is to say of it."""
    return cell(image(pixels, "a digit as a network sees it", scale=4), *map(line, remarks))


def _sheet(images: Split) -> Markup:
    some = images.images[:SHOWN]
    grey = some if some.dtype == np.uint8 else np.rint(255 * some).astype(np.uint8)
    together = sheet(grey, min(COLUMNS, len(grey)), ground=0)
    return image(together, f"images of the classes {', '.join(map(str, images.labels[:SHOWN]))}")


def _counts(parts: dict[str, Split]) -> Markup:
    classes = max(part.classes for part in parts.values())
    rows = [(name, *(f"{n:,}" for n in np.bincount(of.labels, minlength=classes))) for name, of in parts.items()]
    return table(("class", *map(str, range(classes))), rows, align="lr")
