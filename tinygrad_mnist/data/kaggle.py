"""Reads CSV as Kaggle keeps MNIST: a line for each digit, label,pixel0,…,pixel783, or its pixels alone.

Source: the files of the competition "Digit Recognizer", https://www.kaggle.com/competitions/digit-recognizer/data.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_mnist.data.dataset import SIDE, DataError
from tinygrad_mnist.data.idx import read_decompressed

PIXELS = SIDE**2


def read_csv(path: str | Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    """The images in a CSV file, (n, 28, 28), and their labels, (n,), or None where it has only pixels.

    A header is expected, as Kaggle writes it, and may be missing. The file may be gzipped.
    Raises DataError, naming the line, when the file cannot be read or a line is not 784 pixels from 0 to 255 with or
    without a label before them.
    """
    content = read_decompressed(path).removeprefix(b"\xef\xbb\xbf")
    first = content.split(b"\n", 1)[0].decode(errors="replace").strip().split(",")
    has_labels, has_header = len(first) == PIXELS + 1, not first[0].strip().isdecimal()
    if len(first) not in (PIXELS, PIXELS + 1) or (has_header and has_labels != (first[0].strip('"') == "label")):
        raise DataError(
            f"{path}: line 1 has {len(first)} columns, the first {first[0][:20]!r}; expected label,pixel0,…,pixel783, "
            f"or the same without label"
        )
    rows = _numbers(path, content, len(first), has_header)
    if len(rows) == 0:
        raise DataError(f"{path}: no line of pixels in it; get the file again")
    labels = rows[:, 0].copy() if has_labels else None
    return rows[:, -PIXELS:].reshape(-1, SIDE, SIDE), labels


def _numbers(path: str | Path, content: bytes, columns: int, has_header: bool) -> NDArray[np.uint8]:
    """The lines after the header, (n, columns)."""
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "loadtxt: input contained no data")
            rows: NDArray[Any] = np.loadtxt(
                io.BytesIO(content), np.uint8, comments=None, delimiter=",", skiprows=int(has_header), ndmin=2
            )
    except ValueError as error:
        raise DataError(f"{path}: {_first_fault(content, columns, has_header) or error}; get the file again") from error
    if rows.size and rows.shape[1] != columns:
        raise DataError(f"{path}: {_first_fault(content, columns, has_header)}; get the file again")
    return rows


def _first_fault(content: bytes, columns: int, has_header: bool) -> str:
    """What is wrong with the first line that is not `columns` numbers from 0 to 255."""
    for number, line in enumerate(content.decode(errors="replace").split("\n"), start=1):
        values = line.strip().split(",")
        if (number == 1 and has_header) or values == [""]:
            continue
        if len(values) != columns:
            return f"line {number} has {len(values)} columns, expected {columns}"
        for column, value in enumerate(values, start=1):
            if not (value.strip().isdecimal() and int(value) <= 255):
                return f"line {number}, column {column} is {value[:20]!r}, expected a whole number from 0 to 255"
    return ""
