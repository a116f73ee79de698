"""Reads folders of small pictures, one folder for each class: train/0/1.png, test/0/2.png, …"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.arrays import WHOLE, Part, part_of
from tinygrad_mnist.data.dataset import SIDE, DataError
from tinygrad_mnist.data.listing import Entry
from tinygrad_mnist.data.photographs.opening import unwarned

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP")
LARGEST = 1 << 20
"""Bytes of a picture's file, of 784 pixels at most."""


def read_pictures(entries: Sequence[Entry], source: str, say: Callable[[str], None]) -> dict[str, Part]:
    """The parts of a data set whose pictures lie in a folder for each class; none where there are no such folders.

    Where the folders' names are numbers from 0 on, they are the labels; else classes are counted in the order of the
    names, and `say` is told.
    """
    shelves: dict[str, dict[str, list[Entry]]] = defaultdict(lambda: defaultdict(list))
    for entry in entries:
        path = PurePosixPath(entry.name)
        if entry.base.endswith(SUFFIXES) and path.parent.name and part_of(path.parent.name) == WHOLE:
            shelves[str(path.parent.parent)][path.parent.name].append(entry)
    largest: dict[str, dict[str, list[Entry]]] = {}
    for place, shelf in shelves.items():
        part = part_of(place)
        if len(shelf) > 1 and (part not in largest or _size(shelf) > _size(largest[part])):
            largest[part] = shelf
    names = sorted({name for shelf in largest.values() for name in shelf}, key=_in_order)
    if not names:
        return {}
    labels = _labels(names, say)
    return {part: _read(shelf, labels, source) for part, shelf in largest.items()}


def _size(shelf: dict[str, list[Entry]]) -> int:
    return sum(map(len, shelf.values()))


def _in_order(name: str) -> tuple[int, str]:
    return (int(name), name) if re.fullmatch(r"[0-9]{1,9}", name) else (0, name)


def _labels(names: list[str], say: Callable[[str], None]) -> dict[str, int]:
    labels = {name: int(name) for name in names if re.fullmatch("[0-9]{1,3}", name)}
    if len(labels) == len(names) and min(labels.values()) <= 1:
        return labels
    shown = ", ".join(f"{i} = {name[:20]}" for i, name in enumerate(names[:12]))
    say(f"data: the classes are {shown}{', …' if len(names) > 12 else ''}")
    return {name: i for i, name in enumerate(names)}


def _read(shelf: dict[str, list[Entry]], labels: dict[str, int], source: str) -> Part:
    files = [(entry, labels[name]) for name in sorted(shelf, key=_in_order) for entry in shelf[name]]
    images = np.empty((len(files), SIDE, SIDE), np.uint8)
    with unwarned():
        for place, (entry, _) in enumerate(files):
            images[place] = _picture(entry)
    return Part(source, images, np.array([label for _, label in files]))


def _picture(entry: Entry) -> NDArray[Any]:
    try:
        from PIL import Image
    except ImportError:
        raise DataError(f"{entry.source}: reading pictures needs Pillow; install it") from None
    with entry.open() as stream:
        if len(content := stream.read(LARGEST + 1)) > LARGEST:
            raise DataError(f"{entry.source}: larger than {LARGEST >> 10} kB, for a picture of {SIDE} × {SIDE} pixels")
        with Image.open(BytesIO(content), formats=FORMATS) as picture:
            if picture.size != (SIDE, SIDE):
                raise DataError(
                    f"{entry.source}: has {picture.size[0]} × {picture.size[1]} pixels, expected {SIDE} × {SIDE}; "
                    f"scale the pictures first"
                )
            return np.asarray(picture.convert("L"))
