"""Pictures of digits in folders, and what the folders say of them."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from tinygrad_mnist.data.dataset import DataError
from tinygrad_mnist.data.listing import list_files
from tinygrad_mnist.data.pictures import SUFFIXES

ENDINGS = (*SUFFIXES, ".avif", ".ppm", ".pgm", ".pbm")


def pictures_in(folder: Path) -> list[Path]:
    """The pictures in a folder, then those in the folders below it, each in the order of their names.

    What is no picture by its name is passed over. Raises DataError where the folder can't be read or has no picture.
    """
    found = [Path(entry.source) for entry in list_files(folder)]
    pictures = [path for path in found if path.suffix.lower() in ENDINGS]
    if not pictures:
        raise DataError(f"{folder}: no picture is in it; give pictures whose names end with .png, .jpg or the like")
    return pictures


def is_among(path: Path, pictures: Sequence[Path]) -> bool:
    """Whether there is a file at a path that is one of the pictures, or lies in a folder of them as a picture."""
    whole, *places = (Path(os.path.realpath(each)) for each in (path, *pictures))
    is_picture = path.suffix.lower() in ENDINGS
    return path.is_file() and (whole in places or (is_picture and any(whole.is_relative_to(each) for each in places)))


def digits_of_folders(pictures: Sequence[Path]) -> list[int | None]:
    """For each picture the digit that its folder is called by, where all folders beside it are called by digits."""
    beside: dict[Path, set[str]] = defaultdict(set)
    for path in pictures:
        beside[path.parent.parent].add(path.parent.name)
    named = {top for top, names in beside.items() if len(names) > 1 and all(re.fullmatch("[0-9]", n) for n in names)}
    return [int(path.parent.name) if path.parent.parent in named else None for path in pictures]
